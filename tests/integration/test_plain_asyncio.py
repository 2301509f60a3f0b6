"""
Programs that use asyncio alone, as most do: `asyncio.run` in a thread whose context is empty.

anyio's own runner, which runs the other tests, tells sniffio in each callback of the loop which
library is running. Without it, anyio's functions raise outside of tasks, where transports call us.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
import sniffio

from paraformer_async import (
    ConnectionLostError,
    DeadlineError,
    RecognitionStream,
    RemoteProtocolError,
    TaskFailedError,
    Timeouts,
)
from paraformer_async.middleware import Middleware
from paraformer_async.testing import (
    Drop,
    FailTask,
    Fault,
    HalfClose,
    Malformed,
    NeverFinish,
    NeverStart,
    ScriptedServer,
    marked,
    marks_of,
)
from tests.integration.marked import recognizer_for

T = TypeVar("T")
BLOCKS = list(range(200))
BRIEF = Timeouts(started=0.3, finish=0.3, close=0.2)


def run_plainly(main: Callable[[], Awaitable[T]]) -> T:
    """Run *main* as a program would that knows neither anyio nor sniffio."""

    async def checked() -> T:
        def note() -> None:
            seen.append(sniffio.thread_local.name or sniffio.current_async_library_cvar.get())

        seen: list[str | None] = []
        asyncio.get_running_loop().call_soon(note)
        await asyncio.sleep(0)
        assert seen == [None]
        return await main()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(contextvars.Context().run, asyncio.run, checked()).result()


def outcome_of(fault: Fault, **options: object) -> list[int]:
    """Return the marks of 4 s of audio that were recognized in spite of *fault*, or raise."""

    async def main() -> list[int]:
        async with (
            ScriptedServer(faults=[fault]) as server,
            recognizer_for(server, timeouts=BRIEF, **options) as recognizer,
            recognizer.stream() as stream,
        ):
            for begin in range(0, 4000, 200):
                await stream.send(marked(200, first=begin // 20))
            await stream.finish()
            return marks_of([result async for result in stream])

    return run_plainly(main)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FailTask(code="InvalidParameter", message="no", after_ms=100), TaskFailedError),
        (Drop(after_ms=1500), ConnectionLostError),
        (HalfClose(after_ms=1500), ConnectionLostError),
        (Malformed(after_ms=1500), RemoteProtocolError),
        (NeverStart(), DeadlineError),
        (NeverFinish(), DeadlineError),
    ],
)
def test_a_failure_is_what_it_is(fault: Fault, error: type[Exception]) -> None:
    """Without a retry, each failure is raised as itself."""
    with pytest.raises(error):
        outcome_of(fault, reconnect=None)


@pytest.mark.parametrize(
    "fault", [Drop(after_ms=1500), HalfClose(after_ms=1500), NeverStart(), NeverFinish()]
)
def test_a_failure_is_survived(fault: Fault) -> None:
    """With retries, each word is recognized once."""
    assert outcome_of(fault) == BLOCKS


@pytest.mark.parametrize("method", ["outgoing", "incoming"])
@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError, StopAsyncIteration])
def test_middleware_that_raises(method: str, error: type[BaseException]) -> None:
    """What middleware raises ends its recognition, and is raised, or the cause of what is."""

    def fail(*_: object) -> None:
        raise error("mine")

    failing = type("Failing", (Middleware,), {method: fail})
    with pytest.raises(Exception, match=r"mine|middleware") as raised:
        outcome_of(NeverFinish(), middleware=[failing])
    assert error in (type(raised.value), type(raised.value.__cause__))


def test_a_stream_begins_in_a_callback() -> None:
    """`stream` may be called where no task runs, for example when a datagram arrives."""

    async def main() -> None:
        async with ScriptedServer() as server, recognizer_for(server) as recognizer:
            loop = asyncio.get_running_loop()
            made: asyncio.Future[RecognitionStream] = loop.create_future()
            loop.call_soon(lambda: made.set_result(recognizer.stream(marked(4000))))
            async with asyncio.timeout(5):
                assert BLOCKS == marks_of([one async for one in await made])

    run_plainly(main)
