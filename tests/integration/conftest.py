"""
Fixtures for tests with real sockets: a service in this process, and a check for leaks.

`TEST_TRANSPORT`, a variable of the environment, names the transport of all recognizers that do not
choose their own: `aiohttp`, the default; `documented`, which is aiohttp on a version that is not in
`TESTED`; or `picows`.
"""

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from paraformer_async import AsyncRecognizer
from paraformer_async._net import aiohttp_factory
from paraformer_async.server import LocalServer
from tests.loops import each_loop

anyio_backend = each_loop

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
TRANSPORT = os.environ.get("TEST_TRANSPORT", "aiohttp")


@pytest.fixture(autouse=True)
def chosen_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let recognizers use the chosen transport by default."""
    if TRANSPORT == "documented":
        monkeypatch.setattr(aiohttp_factory, "TESTED", frozenset())
    else:
        defaults = AsyncRecognizer.__init__.__kwdefaults__
        assert "aiohttp" == defaults["transport"]
        monkeypatch.setitem(defaults, "transport", TRANSPORT)


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    """Run the local service with the scripted engine."""
    async with LocalServer("scripted") as server:
        yield server


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail if the test leaves a task, a thread or an open file (sockets are files) behind."""
    tasks, threads, files = _tasks(), _threads(), _files()
    yield
    gc.collect()
    for _ in range(100):
        if _files() <= files and _tasks() <= tasks:
            break
        await asyncio.sleep(0.01)
    assert _tasks() <= tasks
    assert _threads() <= threads
    assert _files() <= files


def _tasks() -> set[asyncio.Task[object]]:
    """Return all tasks except those in which anyio runs tests and fixtures."""
    return {task for task in asyncio.all_tasks() if "TestRunner" not in str(task.get_coro())}


def _threads() -> set[str]:
    """Return the names of threads; anyio and asyncio's resolver keep idle workers for reuse."""
    return {
        thread.name
        for thread in threading.enumerate()
        if not thread.name.startswith(("AnyIO", "asyncio_"))
    }


def _files() -> set[str]:
    try:
        return {str(number.readlink()) for number in Path("/proc/self/fd").iterdir()}
    except OSError:
        return set()


@pytest.fixture
def speech() -> bytes:
    """Return 2.8 s of speech: s16le mono at 16 kHz."""
    return (AUDIO / "goforward.raw").read_bytes()
