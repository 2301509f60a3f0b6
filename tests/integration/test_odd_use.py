"""Use that no example shows, and that programs make all the same."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import anyio
import pytest

from paraformer_async import AsyncRecognizer, InvalidOptionError, UsageError
from paraformer_async.testing import ScriptedServer, marked, marks_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def recognizer_for(server: ScriptedServer) -> AsyncRecognizer:
    """Give a recognizer whose service is *server*."""
    return AsyncRecognizer(endpoint=server.url, api_key="any")


class Microphone:
    """Gives audio for ever, and counts it."""

    def __init__(self) -> None:
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.given += 1
            yield marked(20)
            await asyncio.sleep(0.002)


async def assert_ended(microphone: Microphone) -> None:
    """No more audio is taken."""
    await asyncio.sleep(0.05)
    given = microphone.given
    await asyncio.sleep(0.1)
    assert given == microphone.given


async def test_an_exception_that_is_kept_does_not_keep_the_recognition() -> None:
    """A loop that was left by an exception is over, even while the exception is being handled."""
    microphone = Microphone()
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        try:
            async with asyncio.timeout(0.1):
                async for _ in recognizer.stream(microphone):
                    pass
        except TimeoutError:
            await assert_ended(microphone)
            assert repr(recognizer.pool).startswith("<Pool: 0 active")


async def test_a_cancelled_task_that_is_kept_does_not_keep_the_recognition() -> None:
    """A loop in a task that was cancelled is over, even when the task is referred to."""
    microphone = Microphone()
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:

        async def read() -> None:
            async for _ in recognizer.stream(microphone):
                pass

        task = asyncio.ensure_future(read())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])
        await assert_ended(microphone)
        assert task.cancelled()


async def test_a_recognizer_may_be_left_in_another_task() -> None:
    """Fixtures and lifespans enter and leave in different tasks; that is nobody's business."""
    async with ScriptedServer() as server:
        recognizer = recognizer_for(server)
        await asyncio.ensure_future(recognizer.__aenter__())
        results = [result async for result in recognizer.stream(marked(1000))]
        await asyncio.ensure_future(recognizer.__aexit__(None, None, None))
        assert list(range(50)) == marks_of(results)


async def test_an_async_generator_may_hold_a_recognizer() -> None:
    """A generator that holds a recognizer and is left early cancels nobody."""
    async with ScriptedServer() as server:

        async def texts() -> AsyncGenerator[str, None]:
            async with recognizer_for(server) as recognizer:
                async for result in recognizer.stream(Microphone()):
                    yield result.text

        generator = texts()
        async for _ in generator:
            break
        await asyncio.sleep(0)
        await generator.aclose()
        await asyncio.sleep(0)


async def test_another_loop_is_refused() -> None:
    """A recognizer belongs to its event loop; in another one it says so, and takes no harm."""
    told: list[BaseException] = []
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream() as stream:

            async def elsewhere() -> None:
                for use in (
                    lambda: recognizer.transcribe("speech.wav"),
                    recognizer.warm,
                    lambda: stream.send(b""),
                    stream.finish,
                ):
                    try:
                        await use()
                    except UsageError as error:
                        told.append(error)
                try:
                    recognizer.stream(b"")
                except UsageError as error:
                    told.append(error)

            thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
            thread.start()
            await anyio.to_thread.run_sync(thread.join)
        assert list(range(5)) == marks_of([one async for one in recognizer.stream(marked(100))])
    assert 5 == len(told)
    assert all("another event loop" in str(error) for error in told)


async def test_a_stream_after_the_recognizer_was_closed() -> None:
    """A stream that was made in time, and is begun too late, says what is wrong."""
    async with ScriptedServer() as server:
        async with recognizer_for(server) as recognizer:
            stream = recognizer.stream(marked(100))
        with pytest.raises(UsageError, match="not open"):
            async for _ in stream:
                pass
        with pytest.raises(UsageError, match="not open"):
            async with stream:
                pass


async def test_a_source_that_is_cancelled_by_others() -> None:
    """A source whose own task was cancelled elsewhere ends by an error that says so."""

    async def source() -> AsyncIterator[bytes]:
        yield marked(100)
        raise asyncio.CancelledError

    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(UsageError, match="source was cancelled"):
            async for _ in recognizer.stream(source()):
                pass


async def test_the_smallest_buffer() -> None:
    """A buffer of next to nothing is slow, and does not hang."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with anyio.fail_after(5):
            results = [one async for one in recognizer.stream(marked(1000), buffer=1e-9)]
        assert list(range(50)) == marks_of(results)


async def test_blocking_sources_do_not_share_threads() -> None:
    """More blocking sources than a shared pool has threads are read at the same time."""

    def blocking() -> Iterator[bytes]:
        for number in range(5):
            time.sleep(0.05)
            yield marked(20, first=number)

    async with ScriptedServer() as server:
        recognizer = AsyncRecognizer(endpoint=server.url, api_key="any")
        async with recognizer:
            begin = anyio.current_time()
            async with anyio.create_task_group() as tasks:

                async def read() -> None:
                    results = [one async for one in recognizer.stream(blocking())]
                    assert list(range(5)) == marks_of(results)

                for _ in range(20):
                    tasks.start_soon(read)
            assert anyio.current_time() - begin < 4


async def test_an_async_hook_is_refused() -> None:
    """`on_result` is called, not awaited: a coroutine function is refused at once."""

    async def show(_: object) -> None:
        raise AssertionError

    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match="on_result"):
            await recognizer.transcribe("speech.wav", on_result=show)
        assert 0 == server.connections.accepted


async def test_a_thread_without_a_loop_is_refused() -> None:
    """From a thread that runs no event loop, a recognizer cannot be used either, and says so."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(UsageError, match="another event loop"):
            await anyio.to_thread.run_sync(recognizer.stream, b"")
