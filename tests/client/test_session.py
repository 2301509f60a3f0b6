"""One recognition over a connection in memory."""

from collections.abc import AsyncIterator, Iterator

import anyio
import pytest

from paraformer_async import (
    ConnectionLostError,
    DeadlineError,
    InvalidOptionError,
    RemoteProtocolError,
    TaskFailedError,
    Timeouts,
    UsageError,
)
from paraformer_async._client import inbox
from paraformer_async._core.messages import (
    Audio,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
)
from paraformer_async.middleware import Middleware
from paraformer_async.results import Sentence, Usage, Word
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

FRAME = bytes(3200)


async def test_audio_waits_for_task_started(open_stream: Open, peer: Peer) -> None:
    """No audio is sent before the service has sent `task-started`, and all of it after."""
    async with open_stream() as stream:
        await stream.send(FRAME)
        await peer.wait_for(RunTask)
        await anyio.wait_all_tasks_blocked()

        assert [] == peer.received

        peer.start()
        assert Audio(FRAME) == await peer.wait_for(Audio)


async def test_results_come_in_order_then_the_loop_ends(open_stream: Open, peer: Peer) -> None:
    """Results are returned in order, and `task-finished` ends the loop."""
    stream = open_stream(FRAME)
    results = []
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            results.extend([result async for result in stream])

        tasks.start_soon(read)
        await peer.wait_for(RunTask)
        peer.start()
        await peer.wait_for(FinishTask)
        peer.send_final("one", 500)
        peer.send_final("two", 900)
        peer.finish()

    assert ["one", "two"] == [result.text for result in results]
    assert (
        {peer.protocol.task_id} == {result.request_id for result in results} == {stream.request_id}
    )


async def test_unread_partials_are_replaced_and_finals_kept(open_stream: Open, peer: Peer) -> None:
    """Of what nobody read, every final result is kept and only the newest partial one."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.start()
        for text in ("a", "a b"):
            peer.send_partial(text)
        peer.send_final("a b.", 500)
        peer.send_final("c.", 900)
        for text in ("d", "d e"):
            peer.send_partial(text)
        await anyio.wait_all_tasks_blocked()
        await stream.finish()
        await peer.wait_for(FinishTask)
        peer.finish()

        assert ["a b.", "c.", "d e"] == [result.text async for result in stream]


async def test_heartbeat_results_are_not_shown(open_stream: Open, peer: Peer) -> None:
    """The service's signs of life, and results without a sentence, do not reach the user."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.start()
        peer.send_event(ResultGenerated(Sentence(heartbeat=True)))
        peer.send_event(ResultGenerated(None, Usage(1)))
        peer.send_final("one")
        await stream.finish()
        await peer.wait_for(FinishTask)
        peer.send_event(TaskFinished(Usage(2)))

        assert ["one"] == [result.text async for result in stream]
        assert Usage(2) == stream.usage


async def test_sending_waits_when_the_service_takes_nothing(open_stream: Open, peer: Peer) -> None:
    """`send` waits while `buffer` seconds are unsent, and continues as the service accepts some."""
    async with open_stream(buffer=0.2) as stream:
        sent = 0

        async def push() -> None:
            nonlocal sent
            for _ in range(10):
                await stream.send(FRAME)
                sent += 1

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(push)
            await anyio.wait_all_tasks_blocked()
            assert 2 == sent
            await peer.wait_for(RunTask)
            peer.start()
        assert 10 == sent


async def test_cancelled_send_takes_all_or_nothing(open_stream: Open, peer: Peer) -> None:
    """A `send` that is canceled while it waits has taken nothing of its audio."""
    async with open_stream(buffer=0.1) as stream:
        await stream.send(FRAME)
        with anyio.move_on_after(0.01) as scope:
            await stream.send(b"\x01" * 6400)
        assert scope.cancelled_caught
        await stream.finish()
        await peer.wait_for(RunTask)
        peer.start()
        await peer.wait_for(FinishTask)
        peer.finish()

        assert [] == [result async for result in stream]


async def test_a_broken_connection_is_raised_with_code_and_reason(
    open_stream: Open, peer: Peer
) -> None:
    """A connection that ends raises its close code and reason, after the results that came."""
    stream = open_stream(b"")
    texts = []
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await peer.wait_for(RunTask)
            peer.start()
            peer.send_final("one")
            peer.drop(1011, "overload")

        tasks.start_soon(serve)
        with pytest.raises(ConnectionLostError, match="1011") as caught:
            async for result in stream:
                texts += [result.text]

    assert ["one"] == texts
    assert (1011, "overload") == (caught.value.close_code, caught.value.close_reason)
    assert caught.value.retryable
    assert stream.request_id == caught.value.request_id
    await anyio.wait_all_tasks_blocked()
    await stream.aclose()


async def test_task_failed_is_raised_by_send_and_finish(open_stream: Open, peer: Peer) -> None:
    """A failed task is raised where the user looks next: by `send` and `finish` too."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.send_event(TaskFailed("InvalidParameter", "no such thing"))
        await anyio.wait_all_tasks_blocked()

        with pytest.raises(TaskFailedError, match="InvalidParameter: no such thing"):
            await stream.send(FRAME)
        with pytest.raises(TaskFailedError):
            await stream.finish()


async def test_a_failure_nobody_looked_at_is_raised_on_leaving(
    open_stream: Open, peer: Peer
) -> None:
    """A failure that the body of `async with` did not see is raised at its end, once."""
    with pytest.raises(TaskFailedError):
        async with open_stream():
            await peer.wait_for(RunTask)
            peer.send_event(TaskFailed("EngineError", "broken"))
            await anyio.wait_all_tasks_blocked()


async def test_a_failure_that_was_seen_is_not_raised_again(open_stream: Open, peer: Peer) -> None:
    """A failure that the user caught is not raised a second time on leaving."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.send_event(TaskFailed("EngineError", "broken"))
        with pytest.raises(TaskFailedError):
            async for _ in stream:
                pass


async def test_the_users_exception_in_the_body_wins(open_stream: Open, peer: Peer) -> None:
    """An exception in the body comes out as itself, even when the recognition had failed too."""
    with pytest.raises(ZeroDivisionError):
        async with open_stream():
            await peer.wait_for(RunTask)
            peer.send_event(TaskFailed("EngineError", "broken"))
            await anyio.wait_all_tasks_blocked()
            raise ZeroDivisionError
    await peer.closed()


async def test_an_exception_in_the_source_comes_out_as_itself(open_stream: Open) -> None:
    """What the user's source raises is raised by the loop, unwrapped."""

    async def source() -> AsyncIterator[bytes]:
        yield FRAME
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async for _ in open_stream(source()):
            pass


async def test_leaving_the_loop_early_ends_the_recognition(open_stream: Open, peer: Peer) -> None:
    """A loop that is left early ends its recognition and closes its source."""
    closed = anyio.Event()

    async def source() -> AsyncIterator[bytes]:
        try:
            while True:
                yield FRAME
                await anyio.sleep(0.001)
        finally:
            closed.set()

    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await peer.wait_for(RunTask)
            peer.start()
            peer.send_partial("one")

        tasks.start_soon(serve)
        stream = open_stream(source())
        async for _ in stream:
            break
        with anyio.fail_after(2):
            await closed.wait()
    await stream.aclose()
    await peer.closed()


async def test_a_stream_in_hand_can_be_read_in_two_loops(open_stream: Open, peer: Peer) -> None:
    """Inside `async with`, a loop may be left and another one goes on where it stopped."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.start()
        peer.send_final("one", 500)
        peer.send_final("two", 900)
        async for result in stream:
            assert "one" == result.text
            break
        await stream.finish()
        await peer.wait_for(FinishTask)
        peer.finish()

        assert ["two"] == [result.text async for result in stream]


@pytest.mark.parametrize("phase", ["started", "send", "finish"])
async def test_a_silent_service_is_waited_for_only_so_long(
    open_stream: Open, peer: Peer, phase: str
) -> None:
    """Each phase has a bound of its own, and its error names it."""
    stream = open_stream(FRAME, timeouts=Timeouts(**{phase: 0.05, "close": 0.05}))
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await peer.wait_for(RunTask)
            if phase != "started":
                peer.takes_audio = phase != "send"
                peer.start()

        tasks.start_soon(serve)
        with anyio.fail_after(2), pytest.raises(DeadlineError) as caught:
            async for _ in stream:
                pass
    assert phase == caught.value.phase
    assert isinstance(caught.value, TimeoutError)


async def test_a_service_that_still_talks_may_take_its_time(open_stream: Open, peer: Peer) -> None:
    """After the end of the audio, every message of the service renews its time."""
    stream = open_stream(FRAME, timeouts=Timeouts(finish=0.2))
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await peer.wait_for(RunTask)
            peer.start()
            await peer.wait_for(FinishTask)
            for number in range(5):
                await anyio.sleep(0.1)
                peer.send_final(str(number), 100 * number + 100)
            peer.finish()

        tasks.start_soon(serve)
        assert 5 == len([result async for result in stream])


async def test_the_readers_reason_wins_over_a_write_error(open_stream: Open, peer: Peer) -> None:
    """When writing fails, the close code that the reader sees is raised, not the write error."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.start()
        await anyio.wait_all_tasks_blocked()
        peer.drop(1008, "policy")
        await stream.send(FRAME)
        with pytest.raises(ConnectionLostError) as caught:
            async for _ in stream:
                pass
        assert 1008 == caught.value.close_code
        assert not caught.value.retryable


async def test_a_breach_of_the_protocol_is_raised(open_stream: Open, peer: Peer) -> None:
    """A frame that is no event, or not allowed, ends the recognition by `RemoteProtocolError`."""
    stream = open_stream(FRAME)
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await peer.wait_for(RunTask)
            peer.send_frame("{")

        tasks.start_soon(serve)
        with pytest.raises(RemoteProtocolError):
            async for _ in stream:
                pass


async def test_heartbeat_sends_silence_while_the_source_is_quiet(
    open_stream: Open, peer: Peer
) -> None:
    """Silence follows a pause, after audio that was held back; times stay the user's."""
    async with open_stream(heartbeat=True) as stream:
        task = await peer.wait_for(RunTask)
        assert isinstance(task, RunTask)
        assert task.parameters["heartbeat"] is True
        peer.start()
        await stream.send(b"\x01" * 1600)  # half a frame: 50 ms

        assert Audio(b"\x01" * 1600) == await peer.wait_for(Audio)
        for _ in range(10):  # the service's 800 ms for the end of a sentence, and 200 ms more
            assert Audio(bytes(3200)) == await peer.wait_for(Audio)

        await stream.send(b"\x02" * 3200)
        await peer.wait_for(Audio)
        word = Word(1060, 1120, "late")
        peer.send_event(ResultGenerated(Sentence(1060, 1140, "late", (word,), sentence_end=True)))
        async for result in stream:
            assert (60, 140) == (result.sentence.begin_time, result.sentence.end_time)
            assert (60, 120) == (
                result.sentence.words[0].begin_time,
                result.sentence.words[0].end_time,
            )
            break


async def test_latency_is_measured_from_the_users_audio(open_stream: Open, peer: Peer) -> None:
    """Both latencies are unknown at first, and plausible when the recognition is over."""
    stream = open_stream(FRAME)
    assert (None, None) == (stream.latency.first_packet, stream.latency.last_packet)
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            await peer.wait_for(RunTask)
            peer.start()
            await peer.wait_for(FinishTask)
            await anyio.sleep(0.05)
            peer.send_final("one")
            peer.finish()

        tasks.start_soon(serve)
        async for _ in stream:
            pass

    assert stream.latency.first_packet is not None
    assert stream.latency.last_packet is not None
    assert 0.04 < stream.latency.last_packet <= stream.latency.first_packet < 1


async def test_middleware_of_the_user_sees_both_directions(open_stream: Open, peer: Peer) -> None:
    """The user's middleware sees both directions, may change both, and may be called later."""

    class Shout(Middleware):
        def __init__(self) -> None:
            self.seen: list[str] = []
            self.due: float | None = None

        def outgoing(self, command: object, now: float) -> Iterator[object]:  # type: ignore[override]
            self.seen.append(type(command).__name__)
            yield command

        def incoming(self, event: object, now: float) -> Iterator[object]:  # type: ignore[override]
            if isinstance(event, ResultGenerated):
                self.due = now
                event = ResultGenerated(
                    Sentence(text=event.sentence.text.upper(), end_time=1), event.usage
                )
            yield event

        def deadline(self) -> float | None:
            return self.due

        def expired(self, now: float) -> tuple[Audio, ...]:
            self.due = None
            return (Audio(b"\x07\x07", injected=True),)

    shout = Shout()
    async with open_stream(middleware=(shout,)) as stream:
        await peer.wait_for(RunTask)
        peer.start()
        peer.send_final("loud")

        assert Audio(b"\x07\x07") == await peer.wait_for(Audio)
        async for result in stream:
            assert "LOUD" == result.text
            break
        assert ["RunTask"] == shout.seen


async def test_an_exception_in_middleware_comes_out_as_itself(open_stream: Open) -> None:
    """What the user's middleware raises is raised by the loop, unwrapped."""

    class Broken(Middleware):
        def outgoing(self, command: object, now: float) -> Iterator[object]:  # type: ignore[override]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async for _ in open_stream(FRAME, middleware=(Broken(),)):
            pass


async def test_use_out_of_order_is_refused(open_stream: Open) -> None:
    """Sending to a stream that is not open, has a source, or was finished raises `UsageError`."""
    with pytest.raises(UsageError, match="not open"):
        await open_stream().send(FRAME)
    async with open_stream(_never()) as stream:
        with pytest.raises(UsageError, match="source"):
            await stream.send(FRAME)
        with pytest.raises(UsageError, match="source"):
            await stream.finish()
    async with open_stream() as stream:
        await stream.finish()
        await stream.finish()
        with pytest.raises(UsageError, match="after finish"):
            await stream.send(FRAME)
    with pytest.raises(UsageError, match="closed"):
        await stream.send(FRAME)


async def test_a_source_of_the_wrong_kind_is_refused_at_once(open_stream: Open) -> None:
    """A path, a number or an iterable of anything but bytes is refused with what to do."""
    with pytest.raises(InvalidOptionError, match="transcribe"):
        open_stream("speech.wav")
    with pytest.raises(InvalidOptionError, match="does not yield bytes"):
        open_stream(7)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="not str"):
        async for _ in open_stream(["text"]):  # type: ignore[list-item]
            pass


async def _never() -> AsyncIterator[bytes]:
    await anyio.sleep_forever()
    yield b""


@pytest.mark.parametrize("is_push", [True, False])
async def test_audio_waits_for_unread_results(
    is_push: bool, open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too many unread results, `send` and sources wait until they are read; none is lost."""
    monkeypatch.setattr(inbox, "_LIMIT", 4)
    are_unread = anyio.Event()

    async def source() -> AsyncIterator[bytes]:
        yield FRAME
        await are_unread.wait()
        yield FRAME

    async with (
        open_stream(None if is_push else source()) as stream,
        anyio.create_task_group() as tasks,
    ):
        await peer.wait_for(RunTask)
        peer.start()
        if is_push:
            await stream.send(FRAME)
        await peer.wait_for(Audio)
        for number in range(6):
            peer.send_final(str(number), 10 * number + 10)
        await anyio.wait_all_tasks_blocked()
        are_unread.set()
        if is_push:
            tasks.start_soon(stream.send, FRAME)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(stream.finish)
        await anyio.wait_all_tasks_blocked()
        assert [] == peer.received
        texts = [(await anext(stream)).text for _ in range(4)]
        await peer.wait_for(FinishTask)
        peer.finish()
        texts += [result.text async for result in stream]
    assert list("012345") == texts
