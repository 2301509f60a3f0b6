"""Settings and fixtures for all tests."""

import asyncio
import asyncio.constants
import gc
import logging
import os
import signal
import traceback
from collections.abc import Iterator
from itertools import islice
from types import FrameType

import pytest
from hypothesis import settings

from paraformer_async import AsyncRecognizer
from paraformer_async.testing import ScriptedServer, marked

# No deadline: the duration of an example says more about the machine than about the library.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# In debug mode, asyncio keeps the stack of each callback and of each future for its messages. That
# takes a third of the time of tests with sockets, less with the last frames, which say where.
FRAMES = 5
walk_stack = traceback.walk_stack
asyncio.constants.DEBUG_STACK_DEPTH = FRAMES  # type: ignore[misc]  # of callbacks

# Ctrl+C is ignored in the jobs of a shell script (`pytest &`), and in all that they start. Tests
# interrupt programs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def is_no_slow_callback(record: logging.LogRecord) -> bool:
    """Whether *record* is not what asyncio warns of in debug mode if the machine is slow."""
    return not record.getMessage().startswith("Executing ")


logging.getLogger("asyncio").addFilter(is_no_slow_callback)


def walk_last_frames(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    """Return what `traceback.walk_stack` does, but only the innermost frames."""
    return islice(walk_stack(frame), FRAMES)


traceback.walk_stack = walk_last_frames  # type: ignore[assignment]  # of futures


def pytest_xdist_auto_num_workers() -> int | None:
    """
    Run more processes than there are cores: tests with sockets wait most of the time.

    The number in PYTEST_XDIST_AUTO_NUM_WORKERS comes first.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    is_known = hasattr(os, "sched_getaffinity")  # a container may have a part of the cores
    return (len(os.sched_getaffinity(0)) if is_known else os.cpu_count() or 1) + 2


async def recognize() -> None:
    """Recognize something, which imports what is imported when it is needed."""
    async with (
        ScriptedServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        async for _ in recognizer.stream([marked(20)]):
            pass


def pytest_collection_finish() -> None:
    """
    Load what most tests need, and exempt it from garbage collection.

    Two threads must not import at once: pytest parses what it imports, which then fails now and
    then (Python 3.11, "AST constructor recursion depth mismatch"). Many tests collect garbage, to
    find what is left.
    """
    asyncio.run(recognize())
    gc.collect()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    """Run `pytest.mark.anyio` tests on asyncio."""
    return "asyncio"
