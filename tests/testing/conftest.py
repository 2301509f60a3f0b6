"""What the tests of the scripted service share: both loops, and proof that nothing is left."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.lowlevel
import pytest

from tests.integration.conftest import anyio_backend

__all__ = ["anyio_backend", "nothing_left"]


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fail when the test leaves a task or an open file (sockets are files) behind."""
    tasks, files = _tasks(), _files()
    yield
    for _ in range(100):
        if _files() <= files and _tasks() <= tasks:
            return
        await anyio.lowlevel.checkpoint()
    gc.collect()
    assert _tasks() <= tasks
    assert _files() <= files


def _tasks() -> set[asyncio.Task[object]]:
    """All tasks but those in which anyio runs tests and fixtures."""
    return {task for task in asyncio.all_tasks() if "TestRunner" not in str(task.get_coro())}


def _files() -> set[str]:
    try:
        return {str(number.readlink()) for number in Path("/proc/self/fd").iterdir()}
    except OSError:
        return set()
