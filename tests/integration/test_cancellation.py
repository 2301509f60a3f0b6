"""Canceling a recognition anywhere leaves nothing behind, and no cancellation is swallowed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from typing import Any

import anyio
import pytest

from paraformer_async import AsyncRecognizer, DeadlineError, Reconnect, Timeouts
from paraformer_async.testing import Drop, ScriptedServer, Stall, marked, marks_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

AUDIO = marked(1200)
Recognize = Callable[[AsyncRecognizer], Awaitable[None]]


async def pull(recognizer: AsyncRecognizer) -> None:
    """Read a stream to its end."""
    async for _ in recognizer.stream(AUDIO):
        pass


async def push(recognizer: AsyncRecognizer) -> None:
    """Push all audio, then read the results."""
    async with recognizer.stream() as stream:
        for start in range(0, len(AUDIO), 3200):
            await stream.send(AUDIO[start : start + 3200])
        await stream.finish()
        async for _ in stream:
            pass


async def pull_slowly(recognizer: AsyncRecognizer) -> None:
    """Read a stream whose source waits, inside `async with`."""

    async def source() -> AsyncIterator[bytes]:
        for start in range(0, len(AUDIO), 3200):
            await asyncio.sleep(0)
            yield AUDIO[start : start + 3200]

    async with recognizer.stream(source()) as stream:
        async for _ in stream:
            pass


async def split(recognizer: AsyncRecognizer) -> None:
    """Read the channels of a stream to their ends."""
    async for _ in recognizer.stream(AUDIO, channels="split", input_channels=2):
        pass


async def push_split(recognizer: AsyncRecognizer) -> None:
    """Push all audio of two channels, then read the results."""
    async with recognizer.stream(channels="split", input_channels=2) as stream:
        for start in range(0, len(AUDIO), 6400):
            await stream.send(AUDIO[start : start + 6400])
        await stream.finish()
        async for _ in stream:
            pass


async def pull_many(recognizer: AsyncRecognizer) -> None:
    """Read two sources to their ends."""
    async for _ in recognizer.stream_many({"a": AUDIO, "b": iter([AUDIO])}):
        pass


async def recognize_once(server: ScriptedServer, recognize: Recognize) -> None:
    """Create a recognizer, use it, and close it."""
    async with AsyncRecognizer(
        endpoint=server.url,
        api_key="any",
        timeouts=Timeouts(close=0.5),
        reconnect=Reconnect(backoff=lambda _: 0),
    ) as recognizer:
        await recognize(recognizer)


class CanceledAt:
    """Awaits a coroutine, and cancels its task the n-th time that it waits."""

    def __init__(self, work: Coroutine[Any, Any, None], number: int) -> None:
        self.work = work
        self.left = number

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self.work.__await__()
        value: object = None
        error: BaseException | None = None
        while True:
            try:
                waited_for = steps.send(value) if error is None else steps.throw(error)
            except StopIteration:
                return
            self.left -= 1
            if self.left == 0:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            value, error = None, None
            try:
                value = yield waited_for
            except BaseException as thrown:  # noqa: BLE001 - thrown into the coroutine
                error = thrown


async def run_canceled_at(work: Coroutine[Any, Any, None], number: int) -> bool:
    """Return whether *work* was canceled at its *number*-th await, or False if it ended before."""

    async def run() -> None:
        await at

    at = CanceledAt(work, number)
    task = asyncio.ensure_future(run())
    with anyio.fail_after(5):
        await asyncio.wait([task])
    if at.left > 0:
        task.result()
        return False
    assert task.cancelled(), "the cancellation was swallowed"
    return True


async def run_canceled_after(work: Coroutine[Any, Any, None], turns: int) -> bool:
    """Return whether *work* was canceled after *turns* iterations of the event loop."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def turn(left: int) -> None:
        if left == 0:
            task.cancel()
        elif not task.done():
            loop.call_soon(turn, left - 1)

    loop.call_soon(turn, turns)
    with anyio.fail_after(5):
        await asyncio.wait([task])
    if task.cancelled():
        return True
    task.result()
    return False


@pytest.mark.parametrize("recognize", [pull, push, pull_slowly, split, push_split, pull_many])
async def test_canceled_at_every_await(recognize: Recognize) -> None:
    """Canceling at the n-th await of the user's task, for every n, leaves nothing open."""
    async with ScriptedServer() as server:
        number = 1
        while await run_canceled_at(recognize_once(server, recognize), number):
            number += 1
        assert number > 2  # with eager tasks, a recognition waits but twice
        with anyio.fail_after(2):
            while server.connections.open:  # noqa: ASYNC110 - the server only has a counter
                await anyio.sleep(0.01)


@pytest.mark.parametrize("fault", [None, Drop(after_ms=700)], ids=["good", "drop"])
@pytest.mark.parametrize("recognize", [pull, push, split, push_split])
async def test_canceled_at_every_turn_of_the_loop(recognize: Recognize, fault: Drop | None) -> None:
    """Canceling at any moment, whatever the inner tasks are doing, leaves nothing open."""
    turns = ended = 0
    while ended < 3:  # how many turns a recognition takes varies a little
        async with ScriptedServer(faults=[fault] if fault else []) as server:
            was_canceled = await run_canceled_after(recognize_once(server, recognize), turns)
        ended = 0 if was_canceled else ended + 1
        turns += 1 + turns // 100  # many only where it waits: the loop turns all the time
    assert turns > 10


async def test_a_recognizer_goes_on_after_a_canceled_recognition() -> None:
    """A canceled recognition does not affect the next one of the same recognizer."""
    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            for _ in range(5):
                with anyio.move_on_after(0.01):
                    await pull_slowly(recognizer)
            results = [result async for result in recognizer.stream(AUDIO)]
        assert list(range(60)) == marks_of(results)


async def test_a_peer_that_reads_nothing_takes_bounded_memory() -> None:
    """Back-pressure holds an endless source if the service never reads."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 32_000
            yield bytes(32_000)
            await asyncio.sleep(0)

    async with ScriptedServer(forever=Stall(at="started")) as server:
        async with AsyncRecognizer(
            endpoint=server.url,
            api_key="any",
            buffer=1.0,
            reconnect=None,
            timeouts=Timeouts(send=0.5, close=0.2),
        ) as recognizer:
            with anyio.fail_after(10), pytest.raises(DeadlineError) as caught:
                async for _ in recognizer.stream(endless()):
                    pass
    assert "send" == caught.value.phase
    assert taken < 20_000_000  # most of it in the system's socket buffers
