"""What code of the user raises at the worst moment, and who is affected."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from textwrap import dedent

import anyio
import pytest

from paraformer_async import (
    ConnectionLostError,
    Reconnect,
    TaskFailedError,
    UsageError,
)
from paraformer_async._core.messages import FinishTask, RunTask, TaskFailed
from paraformer_async.observing import Connected, Ended, Observation
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

FRAME = b"\x01" * 3200


def broken(_: int) -> float:
    """A back-off that raises."""
    raise LookupError("the back-off")


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration])
async def test_the_end_of_an_iterator_of_the_user_is_no_success(
    open_stream: Open, kind: type[Exception]
) -> None:
    """`StopAsyncIteration` of a hook fails the recognition, and does not just end the loop."""

    def observe(_: Observation) -> None:
        raise kind

    with pytest.raises(UsageError, match=kind.__name__) as caught:
        _ = [result async for result in open_stream(FRAME, observe=observe)]
    assert isinstance(caught.value.__cause__, kind)


async def test_a_source_that_raises_an_error_of_ours_asks_for_no_retry(
    open_stream: Open, peer: Peer
) -> None:
    """A `ServiceError` of the source ends its stream alone, whatever the back-off would do."""
    error = ConnectionLostError(1006)

    async def source() -> AsyncGenerator[bytes, None]:
        yield FRAME
        await peer.wait_for(RunTask)
        raise error

    with pytest.raises(ConnectionLostError) as caught:
        _ = [x async for x in open_stream(source(), reconnect=Reconnect(backoff=broken))]
    assert error is caught.value
    assert () == error.request_ids


async def test_an_observer_that_fails_leaves_no_connection_open(
    open_stream: Open, peer: Peer
) -> None:
    """A connection is closed if the observer raises when it is told of it."""

    def observe(event: Observation) -> None:
        if type(event) is Connected:
            raise LookupError

    with pytest.raises(LookupError):
        _ = [result async for result in open_stream(FRAME, observe=observe)]
    await peer.closed()


@pytest.mark.parametrize("kind", [LookupError, asyncio.CancelledError, GeneratorExit])
async def test_an_observer_that_fails_at_the_end_changes_nothing(
    open_stream: Open, peer: Peer, kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """When all is recognized, an error of the observer goes to the log."""

    def observe(event: Observation) -> None:
        if type(event) is Ended:
            raise kind

    async with open_stream(FRAME, observe=observe) as stream:
        await peer.wait_for(RunTask)
        peer.start()
        await peer.wait_for(FinishTask)
        peer.finish()
        assert [] == [result async for result in stream]
    assert "the observer failed at the end" in caplog.text


def test_an_observer_can_exit_the_program_at_the_end() -> None:
    """`SystemExit` of an observer is never swallowed, also after the last result."""
    source = """
        import asyncio, sys
        from paraformer_async import AsyncRecognizer, Reconnect
        from paraformer_async.observing import Ended

        def observe(event):
            if type(event) is Ended:
                sys.exit(7)

        async def main():
            async with AsyncRecognizer(
                api_key="any", endpoint="ws://127.0.0.1:1/", observe=observe, reconnect=None
            ) as recognizer:
                async for _ in recognizer.stream(bytes(3200)):
                    pass

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(source)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert 7 == done.returncode, done.stderr


@pytest.mark.parametrize("method", ["flush", "update", "finish"])
async def test_a_call_that_waits_raises_why_the_recognition_failed(
    open_stream: Open, peer: Peer, method: str
) -> None:
    """A call that waits for its turn when the recognition fails raises the failure itself."""
    with pytest.raises(TaskFailedError):
        async with open_stream(buffer=0.1) as stream:
            await stream.send(FRAME)
            waiting = asyncio.create_task(stream.send(FRAME))
            call = asyncio.create_task(getattr(stream, method)())
            await peer.wait_for(RunTask)
            await anyio.wait_all_tasks_blocked()
            peer.send_event(TaskFailed("InvalidParameter", "no"))
            for task in (waiting, call):
                with pytest.raises(TaskFailedError):
                    await task
            _ = [result async for result in stream]
