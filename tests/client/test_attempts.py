"""A recognition over several connections in memory."""

from collections.abc import Iterable
from contextvars import ContextVar

import anyio
import pytest
from anyio.lowlevel import checkpoint

from paraformer_async import (
    AudioLostError,
    ConnectionLostError,
    DeadlineError,
    Reconnect,
    Retry,
    TaskFailedError,
    Timeouts,
)
from paraformer_async._client import attempt as module
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    RunTask,
    TaskFailed,
    TaskFinished,
)
from paraformer_async._net.transport import Frame, Listener
from paraformer_async.middleware import Middleware
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

FRAME = b"\x01" * 3200


def at_once(_: int) -> float:
    """Do not wait before another attempt."""
    return 0.0


AGAIN = Reconnect(backoff=at_once)


async def test_another_task_goes_on_where_the_first_broke(
    open_stream: Open, peers: list[Peer]
) -> None:
    """After a drop, a new task on a new connection hears what is unsettled, and results go on."""
    retries: list[Retry] = []
    policy = Reconnect(backoff=at_once, on_retry=retries.append)
    first, second, *_ = peers
    async with open_stream(reconnect=policy) as stream:
        await first.hear(RunTask)
        first.start()
        for _ in range(10):
            await stream.send(FRAME)
        await anyio.wait_all_tasks_blocked()
        first.say_final("one", 700)
        first.drop(1011)

        await second.hear(RunTask)
        second.start()
        await stream.finish()
        await second.hear(FinishTask)
        second.say_final("two", 300)
        second.finish()
        results = [result async for result in stream]

    assert [("one", 700), ("two", 1000)] == [
        (result.text, result.sentence.end_time) for result in results
    ]
    (retry,) = retries
    assert isinstance(retry.failure, ConnectionLostError)
    assert (1, 0.0, 0.3) == (retry.attempt, retry.delay, pytest.approx(retry.unsettled))
    assert first.is_closed
    assert stream.request_ids == tuple(result.request_id for result in results)


async def test_the_end_is_sent_again(open_stream: Open, peers: list[Peer]) -> None:
    """When the end had been sent, the new task hears what is unsettled and the end."""
    first, second, *_ = peers
    async with open_stream(FRAME, reconnect=AGAIN) as stream:
        await first.hear(RunTask)
        first.start()
        await first.hear(FinishTask)
        first.drop()
        await second.hear(RunTask)
        second.start()
        assert Audio(FRAME) == await second.hear(Audio)
        await second.hear(FinishTask)
        second.finish()
        assert [] == [result async for result in stream]


async def test_a_task_that_does_not_start_is_followed_by_another(
    open_stream: Open, peers: list[Peer]
) -> None:
    """Failures before the first audio cost nothing but time."""
    first, second, third, *_ = peers
    async with open_stream(FRAME, reconnect=AGAIN) as stream:
        await first.hear(RunTask)
        first.say(TaskFailed("Throttling.RateQuota", "Requests rate limit exceeded"))
        await second.hear(RunTask)
        second.drop()
        await third.hear(RunTask)
        third.start()
        assert Audio(FRAME) == await third.hear(Audio)
        third.say_final("one", 100)
        await third.hear(FinishTask)
        third.finish()
        assert ["one"] == [result.text async for result in stream]


async def test_three_connections_in_vain_end_it(open_stream: Open, peers: list[Peer]) -> None:
    """When three connections in a row bring nothing, the last reason is raised with all facts."""
    async with open_stream(FRAME, reconnect=AGAIN) as stream:
        for number, peer in enumerate(peers[:3]):
            await peer.hear(RunTask)
            peer.start()
            await peer.hear(FinishTask)
            peer.drop(1011, f"number {number}")
        with pytest.raises(ConnectionLostError, match="number 2") as caught:
            async for _ in stream:
                pass
    assert stream.request_ids == caught.value.request_ids
    assert 3 == len(set(stream.request_ids))
    assert stream.request_id == caught.value.request_id
    assert 0.1 == caught.value.unsettled
    assert not peers[3].heard


async def test_compressed_audio_says_why_it_is_not_taken_up_again(
    open_stream: Open, peer: Peer
) -> None:
    """A stream that cannot be taken up again says so, and is not tried again."""
    async with open_stream(b"mp3", format="mp3", reconnect=AGAIN) as stream:
        await peer.hear(RunTask)
        peer.start()
        await peer.hear(FinishTask)
        peer.drop()
        with pytest.raises(ConnectionLostError, match="mp3 cannot be taken up again"):
            async for _ in stream:
                pass


async def test_what_is_not_kept_is_told(open_stream: Open, peers: list[Peer]) -> None:
    """When more was unsettled than is kept, the new task fails with the range that is gone."""
    first, second, *_ = peers
    policy = Reconnect(backoff=at_once, keep=0.2)
    async with open_stream(5 * FRAME, reconnect=policy) as stream:
        await first.hear(RunTask)
        first.start()
        await first.hear(FinishTask)
        first.drop()
        await second.hear(RunTask)
        second.start()
        with pytest.raises(AudioLostError, match="from 0 to 300 ms"):
            async for _ in stream:
                pass


async def test_unknown_events_are_skipped(open_stream: Open, peer: Peer) -> None:
    """An event of an unknown kind is no failure, and is not shown."""
    async with open_stream(FRAME) as stream:
        await peer.hear(RunTask)
        peer.say_raw('{"header": {"event": "weather-report", "task_id": ""}, "payload": {}}')
        peer.start()
        peer.say_final("one")
        await peer.hear(FinishTask)
        peer.finish()
        assert ["one"] == [result.text async for result in stream]


async def test_a_half_open_connection_ends_by_its_write_error(
    open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing fails and the reader never learns why, the write error is raised in the end."""

    async def refuse(_: object) -> None:
        await checkpoint()
        raise ConnectionLostError(1006, "broken pipe")

    async with open_stream(timeouts=Timeouts(close=0.01)) as stream:
        await peer.hear(RunTask)
        peer.start()
        await anyio.wait_all_tasks_blocked()
        monkeypatch.setattr(peer, "send", refuse)
        await stream.send(FRAME)
        with anyio.fail_after(5), pytest.raises(ConnectionLostError, match="broken pipe"):
            async for _ in stream:
                pass


@pytest.mark.parametrize("reason", ["drop", "silence"])
async def test_a_stale_connection_costs_no_attempt(
    open_stream: Open, peers: list[Peer], reason: str
) -> None:
    """One that waited and breaks, or says nothing, before its task starts is no failure."""
    retries: list[Retry] = []
    policy = Reconnect(attempts=1, on_retry=retries.append)
    first, second, *_ = peers
    timeouts = Timeouts(started=0.05)
    stream = open_stream(FRAME, reconnect=policy, timeouts=timeouts)
    await stream._session._pool.warm(stream._session._options, 1)
    async with stream:
        await first.hear(RunTask)
        if reason == "drop":
            first.drop()
        await second.hear(RunTask)
        second.start()
        second.say_final("one")
        await second.hear(FinishTask)
        second.finish()
        assert ["one"] == [result.text async for result in stream]
    (retry,) = retries
    assert isinstance(retry.failure, ConnectionLostError if reason == "drop" else DeadlineError)
    assert (0, 0.0) == (retry.attempt, retry.delay)


async def test_a_hook_that_raises_is_heard(open_stream: Open, peer: Peer) -> None:
    """What the user's hook raises ends the recognition, and comes out as itself."""

    def on_retry(_: Retry) -> None:
        raise ZeroDivisionError

    async with open_stream(FRAME, reconnect=Reconnect(on_retry=on_retry)) as stream:
        await peer.hear(RunTask)
        peer.say(TaskFailed("InternalError", "try again"))
        with pytest.raises(ZeroDivisionError):
            async for _ in stream:
                pass


async def test_a_failure_is_described(open_stream: Open, peer: Peer) -> None:
    """A failure that ends the recognition tells what was recognized, and what was not."""
    async with open_stream() as stream:
        await peer.hear(RunTask)
        peer.start()
        for _ in range(10):
            await stream.send(FRAME)
        await anyio.wait_all_tasks_blocked()
        peer.say_final("one two", 700)
        peer.say(TaskFailed("InvalidParameter", "no"))
        with pytest.raises(TaskFailedError) as caught:
            async for _ in stream:
                pass
    assert "one two" == caught.value.recognized
    assert 0.3 == pytest.approx(caught.value.unsettled)


class Broken(Middleware):
    """Raises when it is asked for its deadline after the end."""

    def __init__(self) -> None:
        self._is_over = False

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Note the end."""
        self._is_over = isinstance(event, TaskFinished)
        return (event,)

    def deadline(self) -> float | None:
        """Raise, when all is over."""
        if self._is_over:
            raise ZeroDivisionError
        return None


async def test_a_failure_after_the_end_is_none(open_stream: Open, peer: Peer) -> None:
    """What fails when the service has said everything is no failure of the recognition."""
    async with open_stream(FRAME, middleware=(Broken(),)) as stream:
        await peer.hear(RunTask)
        peer.start()
        await peer.hear(FinishTask)
        peer.say_final("one")
        peer.finish()
        assert ["one"] == [result.text async for result in stream]


class Direct(Peer):
    """A connection that takes frames in the step in which they come."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = False
        self.breaks = False
        self.listener: Listener | None = None

    def unsent(self) -> int:
        """Give what has not left; see `Transport`."""
        return 1 if self.is_full else 0

    def listen(self, listener: Listener | None) -> None:
        """Hand text to *listener* as it comes; see `Transport`."""
        self.listener = listener

    def say_raw(self, frame: str | bytes) -> None:
        """Send any frame: text to the listener if there is one."""
        if self.listener is not None and isinstance(frame, str):
            if not self.listener(frame.encode()):
                return
            self.listener = None
        super().say_raw(frame)

    def send_now(self, frame: Frame) -> None:
        """Take a frame; see `Transport`."""
        if self.breaks:
            raise ConnectionLostError(1006, "broken pipe")
        command = self.protocol.receive(frame if isinstance(frame, str) else bytes(frame))
        assert command is not None
        self.heard.append(command)
        self._heard_more.set()
        self._heard_more = anyio.Event()


class TestDirect:
    """The way past the sender, while it waits and the socket is ready."""

    @pytest.fixture
    def peer(self) -> Direct:
        """The service's end of the first connection."""
        return Direct()

    @pytest.fixture(autouse=True)
    def no_burst(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Frames never follow one another so fast that they are left to the sender."""
        monkeypatch.setattr(module, "_BURST", 0.0)

    async def test_frames_go_out_in_the_step_in_which_they_come(
        self, open_stream: Open, peer: Direct
    ) -> None:
        """A frame is out when `send` returns, in order with those that came before."""
        async with open_stream() as stream:
            await peer.hear(RunTask)
            await stream.send(b"\x01" * 3200)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            await stream.send(b"\x02" * 3200)
            assert [Audio(b"\x01" * 3200), Audio(b"\x02" * 3200)] == peer.received
            peer.is_full = True
            await stream.send(b"\x03" * 3200)
            assert 2 == len(peer.received)
            peer.is_full = False
            await stream.send(b"\x04" * 3200)
            await anyio.wait_all_tasks_blocked()
            assert [Audio(bytes([n]) * 3200) for n in (1, 2, 3, 4)] == peer.received

    async def test_a_burst_leaves_together(
        self, open_stream: Open, peer: Direct, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frames that come at once after another are sent by one call, and none is held back."""
        monkeypatch.setattr(module, "_BURST", 60.0)
        async with open_stream() as stream:
            await peer.hear(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            calls = peer.calls
            for number in range(5):
                await stream.send(bytes([number]) * 3200)
            assert [Audio(b"\x00" * 3200)] == peer.received
            await anyio.wait_all_tasks_blocked()
            assert [Audio(bytes([number]) * 3200) for number in range(5)] == peer.received
            assert calls + 1 == peer.calls

    async def test_results_are_seen_in_the_step_in_which_they_come(
        self, open_stream: Open, peer: Direct
    ) -> None:
        """A result waits to be read when the connection has handed it over; the end ends all."""
        async with open_stream() as stream:
            await peer.hear(RunTask)
            peer.start()
            await stream.finish()
            await peer.hear(FinishTask)
            results = aiter(stream)
            peer.say_final("one")
            assert "one" == (await anext(results)).text
            peer.finish()
            peer.say_raw("what comes after the end is not heard")
            assert [] == [result async for result in results]
        assert not peer.is_closed

    async def test_a_failure_is_seen_in_the_step_in_which_it_comes(
        self, open_stream: Open, peer: Direct
    ) -> None:
        """A failure that the connection hands over ends the recognition; nothing comes after it."""
        async with open_stream() as stream:
            await peer.hear(RunTask)
            peer.start()
            peer.say(TaskFailed("Oops", "no"))
            peer.say_raw("what comes after the end is not heard")
            with pytest.raises(TaskFailedError, match="no"):
                async for _ in stream:
                    pass

    async def test_middleware_runs_in_the_context_of_its_recognition(
        self, open_stream: Open, peer: Direct
    ) -> None:
        """Context variables are those of who opened the stream, in both directions."""
        variable = ContextVar("variable", default="nobody's")
        seen = []

        class Looking(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                seen.append(variable.get())
                return (command,)

            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                seen.append(variable.get())
                return (event,)

        token = variable.set("the user's")
        async with open_stream(middleware=(Looking(),)) as stream:
            variable.reset(token)
            await peer.hear(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            await stream.send(FRAME)
            await stream.finish()
            await peer.hear(FinishTask)
            peer.finish()
            assert [] == [result async for result in stream]
        assert ["the user's"] * 5 == seen

    async def test_middleware_that_ends_the_audio_is_answered_in_time(
        self, open_stream: Open, peer: Direct
    ) -> None:
        """A `finish-task` in the place of a frame is waited for no longer than any other."""

        class Ending(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                return (FinishTask() if isinstance(command, Audio) else command,)

        timeouts = Timeouts(finish=0.05, close=0.05)
        async with open_stream(middleware=(Ending(),), timeouts=timeouts) as stream:
            await peer.hear(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            await stream.send(FRAME)
            assert [FinishTask()] == peer.received
            with anyio.fail_after(2), pytest.raises(DeadlineError) as caught:
                async for _ in stream:
                    pass
        assert "finish" == caught.value.phase

    async def test_a_frame_that_breaks_is_heard_again(
        self, open_stream: Open, peer: Direct, peers: list[Peer]
    ) -> None:
        """A frame whose writing fails is kept for the next connection."""
        timeouts = Timeouts(close=0.01)
        async with open_stream(reconnect=AGAIN, timeouts=timeouts) as stream:
            await peer.hear(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            peer.breaks = True
            await stream.send(FRAME)
            await stream.send(FRAME)
            second = peers[1]
            await second.hear(RunTask)
            second.start()
            await stream.finish()
            for _ in range(2):
                assert Audio(FRAME) == await second.hear(Audio)
            await second.hear(FinishTask)
            second.finish()
            assert [] == [result async for result in stream]

    async def test_middleware_that_raises_is_heard(self, open_stream: Open, peer: Direct) -> None:
        """What middleware raises there ends the recognition, and comes out as itself."""

        class Refusing(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                if isinstance(command, Audio):
                    raise ZeroDivisionError
                return (command,)

        async with open_stream(middleware=(Refusing(),)) as stream:
            await peer.hear(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(ZeroDivisionError):
                await stream.send(FRAME)
                async for _ in stream:
                    pass
