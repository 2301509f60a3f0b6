"""A service for synchronous tests: it runs in a thread of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from paraformer_async.server import LocalServer
from paraformer_async.testing import ScriptedServer

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
StartServer = Callable[..., ScriptedServer]


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Return a function that starts a scripted service with its arguments."""
    with ExitStack() as stack:

        def start(*args: Any, **options: Any) -> ScriptedServer:
            server = ScriptedServer(*args, **options)
            portal = stack.enter_context(start_blocking_portal())
            return stack.enter_context(portal.wrap_async_context_manager(server))

        yield start


@pytest.fixture
def local_server() -> Iterator[LocalServer]:
    """Run the local service with the scripted engine."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(LocalServer("scripted")) as server,
    ):
        yield server
