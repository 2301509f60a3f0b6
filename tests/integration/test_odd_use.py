"""Usage that no example shows but that programs do have."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest

from paraformer_async import (
    AsyncRecognizer,
    DeadlineError,
    InvalidOptionError,
    RecognitionResult,
    RecognitionStream,
    Reconnect,
    ServiceError,
    TaskFailedError,
    Timeouts,
    UsageError,
)
from paraformer_async.middleware import Audio, Command, FinishTask, Middleware, RunTask
from paraformer_async.testing import (
    Drop,
    FailTask,
    Fault,
    ScriptedServer,
    Stall,
    Throttle,
    marked,
    marks_of,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


def recognizer_for(server: ScriptedServer) -> AsyncRecognizer:
    """Return a recognizer that uses *server*."""
    return AsyncRecognizer(endpoint=server.url, api_key="any")


class Microphone:
    """Yields audio forever, and counts its chunks."""

    def __init__(self) -> None:
        self.chunks = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.chunks += 1
            yield marked(20)
            await asyncio.sleep(0.002)


async def assert_ended(microphone: Microphone) -> None:
    """Assert that no more audio is read."""
    await asyncio.sleep(0.05)
    chunks = microphone.chunks
    await asyncio.sleep(0.1)
    assert chunks == microphone.chunks


async def test_an_exception_that_is_kept_does_not_keep_the_recognition() -> None:
    """A loop left by an exception is over, even while the exception is being handled."""
    microphone = Microphone()
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        try:
            async with asyncio.timeout(0.1):
                async for _ in recognizer.stream(microphone):
                    pass
        except TimeoutError:
            await assert_ended(microphone)
            assert 0 == recognizer.statistics().active


async def test_a_canceled_task_that_is_kept_does_not_keep_the_recognition() -> None:
    """A loop in a canceled task is over, even if the task is still referenced."""
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
    """A recognizer may be entered and exited in different tasks, as fixtures and lifespans do."""
    async with ScriptedServer() as server:
        recognizer = recognizer_for(server)
        await asyncio.ensure_future(recognizer.__aenter__())
        results = [result async for result in recognizer.stream(marked(1000))]
        await asyncio.ensure_future(recognizer.__aexit__(None, None, None))
        assert list(range(50)) == marks_of(results)


async def test_an_async_generator_may_hold_a_recognizer() -> None:
    """Closing a generator that holds a recognizer early cancels no other task."""
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


def refusals(*uses: Callable[[], object]) -> list[str]:
    """Return the errors of what is used in another event loop."""

    async def use_all() -> list[str]:
        return [await _refusal(use) for use in uses]

    return asyncio.run(use_all())


async def _refusal(use: Callable[[], object]) -> str:
    try:
        async with asyncio.timeout(2):
            made = use()
            if isinstance(made, Awaitable):
                await made
    except UsageError as error:
        return str(error)
    return "nothing was raised"


async def test_another_loop_is_refused() -> None:
    """All use in another event loop is refused, before it changes anything for the owner."""
    async with (
        ScriptedServer() as server,
        recognizer_for(server) as recognizer,
        recognizer.stream() as stream,
        recognizer.transcribe_many([]) as batch,
    ):
        await stream.send(marked(100))
        await stream.flush()
        iterator, outcomes = aiter(stream), aiter(batch)
        results = [await anext(iterator)]
        uses = (
            lambda: recognizer.transcribe("speech.wav"),
            recognizer.warm,
            lambda: recognizer.stream(b""),
            lambda: recognizer.transcribe_many([]),
            recognizer.aclose,
            lambda: recognizer.__aexit__(None, None, None),
            lambda: stream.send(b""),
            stream.finish,
            stream.flush,
            stream.update,
            stream.aclose,
            lambda: stream.__aexit__(None, None, None),
            lambda: aiter(stream),
            lambda: anext(stream),
            lambda: anext(iterator),
            batch.aclose,
            lambda: batch.__aexit__(None, None, None),
            lambda: aiter(batch),
            lambda: anext(batch),
            lambda: anext(outcomes),
        )
        for refusal in await anyio.to_thread.run_sync(refusals, *uses):
            assert "another event loop" in refusal

        await stream.send(marked(100, first=5))
        await stream.finish()
        results += [result async for result in iterator]
        assert list(range(10)) == marks_of(results)
        assert [] == [one async for one in outcomes]
        assert list(range(5)) == marks_of([one async for one in recognizer.stream(marked(100))])


async def test_a_closed_loop() -> None:
    """What was left open when its event loop was closed is refused in every other one."""
    async with ScriptedServer() as server:

        def use() -> list[str]:
            recognizer = recognizer_for(server)
            stream, iterator = asyncio.run(left_open(recognizer))
            return refusals(
                recognizer.aclose, stream.aclose, lambda: anext(stream), lambda: anext(iterator)
            )

        async def left_open(
            recognizer: AsyncRecognizer,
        ) -> tuple[RecognitionStream, AsyncIterator[RecognitionResult]]:
            await recognizer.open()
            stream = recognizer.stream(Microphone())
            iterator = aiter(stream)
            await anext(iterator)
            return stream, iterator

        for refusal in await anyio.to_thread.run_sync(use):
            assert "another event loop" in refusal


async def test_a_stream_after_the_recognizer_was_closed() -> None:
    """A stream that is started after its recognizer was closed raises an error that says so."""
    async with ScriptedServer() as server:
        async with recognizer_for(server) as recognizer:
            stream = recognizer.stream(marked(100))
        with pytest.raises(UsageError, match="not open"):
            async for _ in stream:
                pass
        with pytest.raises(UsageError, match="not open"):
            async with stream:
                pass


async def test_a_source_that_is_canceled_elsewhere() -> None:
    """A source whose own task was canceled elsewhere fails with an error that says so."""

    async def source() -> AsyncIterator[bytes]:
        yield marked(100)
        raise asyncio.CancelledError

    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(UsageError, match="source was canceled"):
            async for _ in recognizer.stream(source()):
                pass


async def test_the_smallest_buffer() -> None:
    """A tiny buffer is slow but does not hang."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with anyio.fail_after(5):
            results = [one async for one in recognizer.stream(marked(1000), buffer=1e-9)]
        assert list(range(50)) == marks_of(results)


async def test_blocking_sources_do_not_share_threads() -> None:
    """More blocking sources than a shared thread pool could serve are read concurrently."""

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


async def awaited(_: object) -> None:
    """Stand for a coroutine function."""
    raise AssertionError


class Awaited:
    """An object whose call is a coroutine."""

    async def __call__(self, _: object) -> None:
        """Fail."""
        raise AssertionError


@pytest.mark.parametrize("hook", [awaited, partial(awaited), Awaited(), "none"])
async def test_what_cannot_be_called_is_no_hook(hook: Any) -> None:
    """`on_result` and `on_progress` are called, not awaited: all else is refused at once."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match="on_result"):
            await recognizer.transcribe("speech.wav", on_result=hook)
        for name in ("on_result", "on_progress"):
            with pytest.raises(InvalidOptionError, match=name):
                recognizer.transcribe_many([], **{name: hook})
        assert 0 == server.connections.accepted


@pytest.mark.parametrize("connections", [0, -1, True, 2.0, "2", 10**400])
async def test_what_is_no_number_of_connections(connections: Any) -> None:
    """`warm` refuses it by name, and opens nothing."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(InvalidOptionError, match="connections"):
            await recognizer.warm(connections)
        assert 0 == server.connections.accepted


async def test_a_thread_without_a_loop_is_refused() -> None:
    """A recognizer refuses to be used in a thread without an event loop, too."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with pytest.raises(UsageError, match="another event loop"):
            await anyio.to_thread.run_sync(recognizer.stream, b"")


@pytest.mark.parametrize("fault", [Stall(at="started"), FailTask("InvalidParameter", "no")])
async def test_a_source_that_never_waits_can_be_ended(fault: Fault) -> None:
    """An async source that never waits ends with the recognition and blocks nothing."""

    async def source() -> AsyncIterator[bytes]:
        while True:
            yield bytes(3200)

    timeouts = Timeouts(send=0.2, close=0.1)
    async with ScriptedServer(forever=fault) as server:
        recognizer = AsyncRecognizer(
            endpoint=server.url, api_key="any", reconnect=None, timeouts=timeouts
        )
        async with recognizer:
            with anyio.fail_after(5), pytest.raises(ServiceError):
                async for _ in recognizer.stream(source()):
                    pass


async def test_calls_that_wait_are_served_in_their_order() -> None:
    """Calls of `send` from many tasks are served in their order, and `finish` after them."""
    audio = marked(2000)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream(buffer=0.1) as stream, anyio.create_task_group() as tasks:
            for start in range(0, len(audio), 640):
                tasks.start_soon(stream.send, audio[start : start + 640])
            tasks.start_soon(stream.finish)
            assert list(range(100)) == marks_of([result async for result in stream])
    assert [] == server.violations


async def test_sending_ends_when_the_service_has_ended() -> None:
    """If middleware ends the audio early, further calls of `send` raise and never wait."""

    class Enough(Middleware):
        def __init__(self) -> None:
            self.seen = 0

        def outgoing(self, command: Command, now: float) -> tuple[Command, ...]:
            if isinstance(command, RunTask):
                return (command,)
            self.seen += 1
            return (command, FinishTask()) if self.seen == 2 else (command,) * (self.seen < 2)

    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream(middleware=(Enough,), buffer=0.2) as stream:

            async def send() -> None:
                with anyio.fail_after(5), pytest.raises(UsageError):
                    while True:
                        await stream.send(marked(100))
                        await asyncio.sleep(0.001)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                assert 0 < len([one async for one in stream])


@pytest.mark.parametrize("drop", [False, True], ids=["unbroken", "broken"])
async def test_middleware_may_delay_the_end(drop: bool) -> None:
    """A `finish-task` that middleware delays, to send audio before it, is sent when released."""

    class Trailing(Middleware):
        def __init__(self) -> None:
            self.due: float | None = None

        def outgoing(self, command: Command, now: float) -> tuple[Command, ...]:
            if not isinstance(command, FinishTask):
                return (command,)
            self.due = now + 0.1
            return ()

        def deadline(self) -> float | None:
            return self.due

        def expired(self, now: float) -> tuple[Command, ...]:
            self.due = None
            return (Audio(marked(100, first=5)), FinishTask())

    faults = [Drop(at="finish")] if drop else []
    async with ScriptedServer(faults=faults) as server, recognizer_for(server) as recognizer:
        with anyio.fail_after(5):
            stream = recognizer.stream(marked(100), middleware=(Trailing,))
            assert list(range(10)) == marks_of([one async for one in stream])
        assert 1 + drop == server.connections.accepted


async def test_middleware_that_drops_the_end() -> None:
    """A `finish-task` that middleware drops times out like one that the service does not answer."""

    class Swallowing(Middleware):
        def outgoing(self, command: Command, now: float) -> tuple[Command, ...]:
            return () if isinstance(command, FinishTask) else (command,)

    timeouts = Timeouts(finish=0.2)
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        stream = recognizer.stream(marked(100), middleware=(Swallowing,), timeouts=timeouts)
        with anyio.fail_after(5), pytest.raises(DeadlineError, match="finish"):
            async for _ in stream:
                pass


async def test_a_deadline_that_is_no_time_fails_its_own_recognition_only() -> None:
    """An invalid deadline from middleware does not affect any other recognition."""

    class Vague(Middleware):
        def deadline(self) -> Any:
            return "soon"

    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream() as other:
            with pytest.raises(UsageError, match="Vague returned 'soon'"):
                async for _ in recognizer.stream(marked(500), middleware=(Vague,)):
                    pass
            await other.send(marked(100))
            await other.finish()
            assert list(range(5)) == marks_of([one async for one in other])


async def test_audio_of_no_use_fails_after_a_hiccup_too() -> None:
    """Audio without any speech is a failure, even after a task that was retried."""
    faults = [Throttle(), FailTask("NO_VALID_AUDIO_ERROR", "none", at="finish")]
    async with ScriptedServer(faults=faults) as server:
        recognizer = AsyncRecognizer(
            endpoint=server.url, api_key="any", reconnect=Reconnect(backoff=lambda _: 0.0)
        )
        async with recognizer:
            with pytest.raises(TaskFailedError, match="NO_VALID_AUDIO_ERROR"):
                async for _ in recognizer.stream(bytes(64000)):
                    pass


async def test_one_result_may_be_asked_for() -> None:
    """`anext` on a temporary iterator returns a result and ends the recognition."""
    microphone = Microphone()
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        with anyio.fail_after(5):
            assert (await anext(aiter(recognizer.stream(microphone)))).text.startswith("0")
        await assert_ended(microphone)


async def test_asking_for_results_again_and_again() -> None:
    """Repeatedly waiting for a result with a short timeout leaves nothing behind."""
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        async with recognizer.stream() as stream:
            results = aiter(stream)
            for _ in range(50):
                with anyio.move_on_after(0.001):
                    await anext(results)
            assert 3 > len(stream._run.inbox.changed._waiters)


@pytest.mark.parametrize("lines", [0, 10], ids=["silence", "with line ends"])
async def test_a_pipe_of_asyncio(lines: int) -> None:
    """The output of a process is read as it arrives, whatever bytes it contains."""
    audio = bytes(96_000) + b"\n\x00" * lines
    program = f"import sys; sys.stdout.buffer.write({len(audio) - 2 * lines} * b'\\0')"
    program += f"; sys.stdout.buffer.write({lines} * b'\\n\\0')"
    async with ScriptedServer() as server, recognizer_for(server) as recognizer:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        async for _ in recognizer.stream(process.stdout):
            pass
        assert 0 == await process.wait()
        assert audio == server.received[0].audio


async def test_a_connection_of_one_tenant_is_not_used_for_another() -> None:
    """If a key callable returns another key, there is another connection for it."""
    tenant: ContextVar[str] = ContextVar("tenant")

    async def recognize(recognizer: AsyncRecognizer, name: str) -> None:
        tenant.set(name)
        assert [one async for one in recognizer.stream(marked(100))]

    async with ScriptedServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key=tenant.get) as recognizer:
            for name in ("alice", "bob", "alice", "bob"):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(recognize, recognizer, name)
    assert ["Bearer alice", "Bearer bob"] == [one["Authorization"] for one in server.headers]
