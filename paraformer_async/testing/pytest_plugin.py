"""
The pytest plugin: the fixture `paraformer_server`.

It is imported in every run of pytest, so it imports nothing that is slow to load.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from paraformer_async.testing.server import ScriptedServer

__all__ = ["paraformer_server"]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `paraformer_server`."""
    config.addinivalue_line(
        "markers",
        "paraformer_server(script=..., faults=[...], forever=..., clocks=...): "
        "options of the ScriptedServer of the fixture paraformer_server",
    )


@pytest.fixture
def paraformer_server(request: pytest.FixtureRequest) -> Iterator["ScriptedServer"]:
    """
    Run a `ScriptedServer` in a thread of its own.

    Usable from any test: plain ones, and those of anyio's plugin and of pytest-asyncio. Its options
    are those of the marker: `@pytest.mark.paraformer_server(faults=[Drop(after_ms=2300)])`.
    """
    from anyio.from_thread import start_blocking_portal

    from paraformer_async.testing.server import ScriptedServer

    marker = request.node.get_closest_marker("paraformer_server")
    server = ScriptedServer(*marker.args, **marker.kwargs) if marker else ScriptedServer()
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server):
        yield server
