"""An account at a local service, with a clock that is moved by hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paraformer_async.server import Clocks, LocalServer
from paraformer_async.server._account import Account
from tests.client.clock import Clock

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the variables of the service, and use an empty home directory."""
    for name in ("API_KEY", "BASE_URL", "HTTP_BASE_URL", "WEBSOCKET_BASE_URL", "REGION"):
        monkeypatch.delenv(f"DASHSCOPE_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def clock() -> Clock:
    """The clock of the service."""
    return Clock()


@pytest.fixture
async def server(clock: Clock) -> AsyncIterator[LocalServer]:
    """A local service whose lists are ready 5 s after a change."""
    server = LocalServer("scripted", clocks=Clocks(close=0.2))
    server._account = Account(KEY, clock=clock, deployment=5.0)
    async with server:
        yield server
