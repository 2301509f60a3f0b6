"""A recognition over several connections in memory."""

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import anyio
import pytest

from paraformer_async import (
    AudioLostError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    Reconnect,
    TaskFailedError,
    Timeouts,
)
from paraformer_async._client import sender as module
from paraformer_async._client.quota import QuotaPlace
from paraformer_async._client.submissions import Submissions
from paraformer_async._core.messages import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
)
from paraformer_async._net.pool import Pool, PooledConnection
from paraformer_async.middleware import Middleware
from paraformer_async.observing import (
    AttemptStarted,
    Began,
    Connected,
    MessageReceived,
    MessageSent,
    Observation,
    PoolWaited,
    QuotaWaited,
    RetryScheduled,
)
from paraformer_async.options.options import Options
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

FRAME = b"\x01" * 3200


def at_once(_: int) -> float:
    """Do not wait before another attempt."""
    return 0.0


AGAIN = Reconnect(backoff=at_once)


class Retries:
    """An observer of retries."""

    def __init__(self) -> None:
        self.seen: list[RetryScheduled] = []

    def __call__(self, event: Observation) -> None:
        """Note a retry."""
        if isinstance(event, RetryScheduled):
            self.seen.append(event)


async def test_another_task_goes_on_where_the_first_broke(
    open_stream: Open, peers: list[Peer]
) -> None:
    """After a drop, a new task on a new connection receives unsettled audio; results continue."""
    retries = Retries()
    first, second, *_ = peers
    async with open_stream(reconnect=AGAIN, observe=retries) as stream:
        await first.wait_for(RunTask)
        first.start()
        for _ in range(10):
            await stream.send(FRAME)
        await anyio.wait_all_tasks_blocked()
        first.send_final("one", 700)
        first.drop(1011)

        await second.wait_for(RunTask)
        second.start()
        await stream.finish()
        await second.wait_for(FinishTask)
        second.send_final("two", 300)
        second.finish()
        results = [result async for result in stream]

    assert [("one", 700), ("two", 1000)] == [
        (result.text, result.sentence.end_time) for result in results
    ]
    (retry,) = retries.seen
    assert isinstance(retry.failure, ConnectionLostError)
    assert (1, 0.0, 0.3) == (retry.failures, retry.delay, pytest.approx(retry.replayed))
    assert stream.request_ids[0] == retry.recognition
    await first.closed()
    assert stream.request_ids == tuple(result.request_id for result in results)


async def test_the_end_is_sent_again(open_stream: Open, peers: list[Peer]) -> None:
    """If the end had been sent, the new task receives the unsettled audio and the end."""
    first, second, *_ = peers
    async with open_stream(FRAME, reconnect=AGAIN) as stream:
        await first.wait_for(RunTask)
        first.start()
        await first.wait_for(FinishTask)
        first.drop()
        await second.wait_for(RunTask)
        second.start()
        assert Audio(FRAME) == await second.wait_for(Audio)
        await second.wait_for(FinishTask)
        second.finish()
        assert [] == [result async for result in stream]


async def test_a_task_that_does_not_start_is_followed_by_another(
    open_stream: Open, peers: list[Peer]
) -> None:
    """Failures before the first audio cost nothing but time."""
    first, second, third, *_ = peers
    async with open_stream(FRAME, reconnect=AGAIN) as stream:
        await first.wait_for(RunTask)
        first.send_event(TaskFailed("Throttling.RateQuota", "Requests rate limit exceeded"))
        await second.wait_for(RunTask)
        second.drop()
        await third.wait_for(RunTask)
        third.start()
        assert Audio(FRAME) == await third.wait_for(Audio)
        third.send_final("one", 100)
        await third.wait_for(FinishTask)
        third.finish()
        assert ["one"] == [result.text async for result in stream]


async def test_three_connections_in_vain_end_it(open_stream: Open, peers: list[Peer]) -> None:
    """When three connections in a row bring nothing, the last reason is raised with all facts."""
    async with open_stream(FRAME, reconnect=AGAIN) as stream:
        for number, peer in enumerate(peers[:3]):
            await peer.wait_for(RunTask)
            peer.start()
            await peer.wait_for(FinishTask)
            peer.drop(1011, f"number {number}")
        with pytest.raises(ConnectionLostError, match="number 2") as caught:
            async for _ in stream:
                pass
    assert stream.request_ids == caught.value.request_ids
    assert 3 == len(set(stream.request_ids))
    assert stream.request_id == caught.value.request_id
    assert 0.1 == caught.value.unsettled
    assert not peers[3].received


async def test_what_is_not_kept_is_told(open_stream: Open, peers: list[Peer]) -> None:
    """When more was unsettled than is kept, the new task fails with the range that is gone."""
    first, second, *_ = peers
    policy = Reconnect(backoff=at_once, keep=0.2)
    async with open_stream(5 * FRAME, reconnect=policy) as stream:
        await first.wait_for(RunTask)
        first.start()
        await first.wait_for(FinishTask)
        first.drop()
        await second.wait_for(RunTask)
        second.start()
        with pytest.raises(AudioLostError, match="from 0 to 300 ms"):
            async for _ in stream:
                pass


async def test_unknown_events_are_skipped(open_stream: Open, peer: Peer) -> None:
    """An event of an unknown kind is no failure, and is not shown."""
    async with open_stream(FRAME) as stream:
        await peer.wait_for(RunTask)
        peer.send_frame('{"header": {"event": "weather-report", "task_id": ""}, "payload": {}}')
        peer.start()
        peer.send_final("one")
        await peer.wait_for(FinishTask)
        peer.finish()
        assert ["one"] == [result.text async for result in stream]


async def test_a_half_open_connection_ends_by_its_write_error(
    open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When writing fails and the reader never learns why, the write error is raised in the end."""

    def refuse(_: object) -> None:
        raise ConnectionLostError(1006, "broken pipe")

    async with open_stream(timeouts=Timeouts(close=0.01)) as stream:
        await peer.wait_for(RunTask)
        peer.start()
        await anyio.wait_all_tasks_blocked()
        monkeypatch.setattr(peer, "write", refuse)
        await stream.send(FRAME)
        with anyio.fail_after(5), pytest.raises(ConnectionLostError, match="broken pipe"):
            async for _ in stream:
                pass


@pytest.mark.parametrize("policy", [Reconnect(attempts=1), None])
@pytest.mark.parametrize("reason", ["drop", "silence"])
async def test_a_stale_connection_costs_no_attempt(
    open_stream: Open, peers: list[Peer], reason: str, policy: Reconnect | None
) -> None:
    """
    A reused connection that is lost or silent before its task starts is no failure.

    So it is replaced even if nothing is retried.
    """
    retries = Retries()
    first, second, *_ = peers
    timeouts = Timeouts(started=0.05)
    stream = open_stream(FRAME, reconnect=policy, timeouts=timeouts, observe=retries)
    await stream._run._pool.warm(stream._run._options, 1)
    async with stream:
        await first.wait_for(RunTask)
        if reason == "drop":
            first.drop()
        await second.wait_for(RunTask)
        second.start()
        second.send_final("one")
        await second.wait_for(FinishTask)
        second.finish()
        assert ["one"] == [result.text async for result in stream]
    (retry,) = retries.seen
    assert isinstance(retry.failure, ConnectionLostError if reason == "drop" else DeadlineError)
    assert (0, 0.0) == (retry.failures, retry.delay)


async def test_a_connection_is_opened_after_all_other_waits(
    open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is connected while the quota is waited for: the service closes what is idle."""
    admitted = anyio.Event()
    take = QuotaPlace.take

    async def wait(place: QuotaPlace, model: str) -> None:
        await admitted.wait()
        await take(place, model)

    monkeypatch.setattr(QuotaPlace, "take", wait)
    events: list[type[Observation]] = []
    async with open_stream(observe=lambda event: events.append(type(event))):
        await anyio.wait_all_tasks_blocked()
        assert [Began, PoolWaited] == events
        admitted.set()
        await peer.wait_for(RunTask)
    assert [Began, PoolWaited, QuotaWaited, Connected, AttemptStarted] == events[:5]


async def test_a_connection_closed_at_a_seam_is_replaced(
    open_stream: Open, peers: list[Peer]
) -> None:
    """If the service has closed the connection before the next task, another one is opened."""
    retries = Retries()
    first, second, *_ = peers
    stream = open_stream(reconnect=Reconnect(attempts=1), observe=retries)
    quota = stream._run._permit._place._quota
    async with stream:
        await first.wait_for(RunTask)
        first.start()
        await anyio.wait_all_tasks_blocked()
        await stream.send(FRAME)
        await stream.flush()
        await first.wait_for(FinishTask)
        await stream.send(FRAME)
        first.is_open = False
        first.finish()
        await second.wait_for(RunTask)
        await first.closed()
        second.start()
        assert Audio(FRAME) == await second.wait_for(Audio)
        await stream.finish()
        await second.wait_for(FinishTask)
        second.send_final("two", 100)
        second.finish()
        assert [200] == [result.sentence.end_time async for result in stream]
    assert [] == retries.seen
    assert 2 == len(stream.request_ids) == quota.made


@pytest.mark.parametrize("policy", [AGAIN, None])
async def test_a_connection_lost_at_a_seam_costs_no_attempt(
    open_stream: Open, peers: list[Peer], policy: Reconnect | None
) -> None:
    """If a connection is lost before the task after a seam starts, that is no failure."""
    retries = Retries()
    first, second, *_ = peers
    async with open_stream(reconnect=policy, observe=retries) as stream:
        await first.wait_for(RunTask)
        first.start()
        await anyio.wait_all_tasks_blocked()
        await stream.send(FRAME)
        await stream.flush()
        await first.wait_for(FinishTask)
        await stream.send(FRAME)
        first.finish()
        await first.wait_for(RunTask)
        first.drop()
        await second.wait_for(RunTask)
        second.start()
        await stream.finish()
        await second.wait_for(FinishTask)
        second.send_final("two", 100)
        second.finish()
        assert [200] == [result.sentence.end_time async for result in stream]
    assert [0] == [retry.failures for retry in retries.seen]


async def test_a_place_of_the_quota_is_given_back_if_there_is_no_connection(
    open_stream: Open, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure to connect does not count as a submission."""
    failing = [ConnectError("refused", retryable=True)]
    connect = Pool.connect

    async def refuse(pool: Pool, options: Options) -> PooledConnection:
        if failing:
            raise failing.pop()
        return await connect(pool, options)

    monkeypatch.setattr(Pool, "connect", refuse)
    given_back: list[float] = []
    monkeypatch.setattr(Submissions, "give_back", lambda _, __, time: given_back.append(time))
    async with open_stream(FRAME, reconnect=AGAIN):
        await peers[0].wait_for(RunTask)
    assert 1 == len(given_back)


async def test_an_observer_that_raises_ends_the_recognition(open_stream: Open, peer: Peer) -> None:
    """What the user's observer raises ends the recognition, and comes out as itself."""

    def observe(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            raise ZeroDivisionError

    async with open_stream(FRAME, reconnect=Reconnect(), observe=observe) as stream:
        await peer.wait_for(RunTask)
        peer.send_event(TaskFailed("InternalError", "try again"))
        with pytest.raises(ZeroDivisionError):
            async for _ in stream:
                pass


@pytest.mark.parametrize(
    "kind", [PoolWaited, QuotaWaited, Connected, AttemptStarted, MessageSent, MessageReceived]
)
async def test_an_observer_that_raises_an_error_of_ours(
    open_stream: Open, peers: list[Peer], kind: type[Observation]
) -> None:
    """It is raised as it is, and not taken for a failure of the service that may pass."""
    peer, unused, *_ = peers
    error = ConnectionLostError(1006)
    raised = []

    def observe(event: Observation) -> None:
        if isinstance(event, kind):
            raised.append(event)
            raise error

    async with open_stream(
        FRAME, reconnect=AGAIN, observe=observe, observe_messages=True
    ) as stream:
        if kind is MessageReceived:
            await peer.wait_for(RunTask)
            peer.start()
        with pytest.raises(ConnectionLostError) as caught, anyio.fail_after(5):
            async for _ in stream:
                pass
        assert error is caught.value
    assert error.__traceback__ is not None
    assert 1 == len(raised)
    assert [] == unused.received


async def test_a_failure_is_described(open_stream: Open, peer: Peer) -> None:
    """A failure that ends the recognition has what was recognized, and what was not."""
    async with open_stream() as stream:
        await peer.wait_for(RunTask)
        peer.start()
        for _ in range(10):
            await stream.send(FRAME)
        await anyio.wait_all_tasks_blocked()
        peer.send_final("one two", 700)
        peer.send_event(TaskFailed("InvalidParameter", "no"))
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
    """A failure after the service has sent all results is no failure of the recognition."""
    async with open_stream(FRAME, middleware=(Broken(),)) as stream:
        await peer.wait_for(RunTask)
        peer.start()
        await peer.wait_for(FinishTask)
        peer.send_final("one")
        peer.finish()
        assert ["one"] == [result.text async for result in stream]


class TestOneStep:
    """What can be done without waiting is done in the step in which it is noticed."""

    @pytest.fixture(autouse=True)
    def no_burst(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Frames never follow one another so fast that they are left to the sender."""
        monkeypatch.setattr(module, "_BURST", 0.0)

    async def test_frames_go_out_in_the_step_in_which_they_come(
        self, open_stream: Open, peer: Peer
    ) -> None:
        """A frame is out when `send` returns, in order with those that came before."""
        async with open_stream() as stream:
            await peer.wait_for(RunTask)
            await stream.send(b"\x01" * 3200)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            await stream.send(b"\x02" * 3200)
            assert [Audio(b"\x01" * 3200), Audio(b"\x02" * 3200)] == peer.received
            peer.takes_audio = False
            await stream.send(b"\x03" * 3200)
            await stream.send(b"\x04" * 3200)
            assert 2 == len(peer.received)
            peer.take_audio()
            assert [Audio(bytes([n]) * 3200) for n in (1, 2, 3, 4)] == peer.received

    async def test_a_burst_leaves_together(
        self, open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frames that follow another at once leave by one call, joined, and none is held back."""
        monkeypatch.setattr(module, "_BURST", 60.0)
        async with open_stream() as stream:
            await peer.wait_for(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            calls = peer.calls
            for number in range(5):
                await stream.send(bytes([number]) * 3200)
            assert [Audio(b"\x00" * 3200)] == peer.received
            await anyio.wait_all_tasks_blocked()
            audio = [bytes([number]) * 3200 for number in range(5)]
            expected = [audio[0], audio[1], b"".join(audio[2:])]
            assert [Audio(each) for each in expected] == peer.received
            assert calls + 2 == peer.calls  # the first, and the others

    async def test_audio_is_taken_while_a_failure_waits_for_its_decision(
        self, open_stream: Open, peer: Peer, peers: list[Peer]
    ) -> None:
        """Between `task-failed` and the decision to try again, audio is taken as ever."""
        peer.lingers = anyio.Event()
        async with open_stream(reconnect=AGAIN) as stream:
            await peer.wait_for(RunTask)
            peer.start()
            peer.send_event(TaskFailed("InternalError", "try again"))
            await anyio.wait_all_tasks_blocked()
            await stream.send(FRAME)
            await stream.finish()
            peer.lingers.set()
            second = peers[1]
            await second.wait_for(RunTask)
            second.start()
            assert Audio(FRAME) == await second.wait_for(Audio)
            await second.wait_for(FinishTask)
            second.finish()
            assert [] == [result async for result in stream]

    async def test_nothing_is_taken_after_the_end(self, open_stream: Open, peer: Peer) -> None:
        """What comes after `task-finished` is left on the connection, which is free again."""
        async with open_stream() as stream:
            await peer.wait_for(RunTask)
            peer.start()
            await stream.finish()
            await peer.wait_for(FinishTask)
            peer.send_final("one")
            peer.finish()
            peer.send_frame("what comes after the end is not read")
            assert ["one"] == [result.text async for result in stream]
        assert not peer.is_closed

    async def test_nothing_is_taken_after_a_failure(self, open_stream: Open, peer: Peer) -> None:
        """`task-failed` ends the recognition; nothing that comes after it counts."""
        async with open_stream() as stream:
            await peer.wait_for(RunTask)
            peer.start()
            peer.send_event(TaskFailed("Oops", "no"))
            peer.send_frame("what comes after the end is not read")
            with pytest.raises(TaskFailedError, match="no"):
                async for _ in stream:
                    pass
        await peer.closed()

    async def test_middleware_runs_in_the_context_of_its_recognition(
        self, open_stream: Open, peer: Peer
    ) -> None:
        """Context variables are those of the caller that opened the stream, in both directions."""
        variable = ContextVar("variable", default="nobody's")
        seen = []

        class Looking(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                seen.append(variable.get())
                return (command,)

            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                seen.append(variable.get())
                return (event,)

            def deadline(self) -> float | None:
                return None if "expired" in seen else 0.0

            def expired(self, now: float) -> Iterable[Command]:
                seen.append("expired")
                seen.append(variable.get())
                return ()

        token = variable.set("the user's")
        async with open_stream(middleware=(Looking(),)) as stream:
            variable.reset(token)
            await peer.wait_for(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            await stream.send(FRAME)
            await stream.finish()
            await peer.wait_for(FinishTask)
            peer.finish()
            assert [] == [result async for result in stream]
        seen.remove("expired")
        assert ["the user's"] * 6 == seen

    @pytest.mark.parametrize("where", ["outgoing", "incoming", "deadline"])
    async def test_middleware_that_raises_an_error_of_ours(
        self, open_stream: Open, peers: list[Peer], where: str
    ) -> None:
        """It is raised as it is, and not taken for a failure of the service that may pass."""
        peer, unused, *_ = peers
        error = TaskFailedError("Throttling.RateQuota", "of another service")
        is_begun = False

        class Calling(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                return self._called("outgoing", command)

            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                return self._called("incoming", event)

            def deadline(self) -> float | None:
                self._called("deadline", None)
                return None

            def _called(self, name: str, message: Any) -> Any:
                if name == where and is_begun:
                    raise error
                return (message,)

        async with open_stream(middleware=(Calling(),)) as stream:
            await peer.wait_for(RunTask)
            is_begun = True
            peer.start()
            with pytest.raises(TaskFailedError) as caught:
                await stream.send(FRAME)
                async for _ in stream:
                    pass
            assert error is caught.value
        assert error.__traceback__ is not None
        assert [] == unused.received

    async def test_middleware_that_raises_just_before_the_end(
        self, open_stream: Open, peer: Peer
    ) -> None:
        """What its deadline raises ends the recognition, even if the end has arrived already."""

        class AfterResult(Middleware):
            has_result = False

            def incoming(self, event: Event, now: float) -> Event:
                self.has_result = isinstance(event, ResultGenerated)
                return event

            def deadline(self) -> float | None:
                if self.has_result:
                    raise ZeroDivisionError
                return None

        async with open_stream(FRAME, middleware=(AfterResult(),)) as stream:
            await peer.wait_for(RunTask)
            peer.start()
            await peer.wait_for(FinishTask)
            peer.send_final("one")
            peer.finish()
            with pytest.raises(ZeroDivisionError):
                async for _ in stream:
                    pass

    @pytest.mark.parametrize("is_first", [True, False])
    async def test_middleware_that_raises_between_attempts(
        self, open_stream: Open, peer: Peer, *, is_first: bool
    ) -> None:
        """It ends the recognition, even if it raises once, while no attempt is running."""
        raises = False

        class Once(Middleware):
            def deadline(self) -> float | None:
                nonlocal raises
                if raises:
                    raises = False
                    raise ZeroDivisionError
                return None

        again = Reconnect(backoff=lambda _: 60.0)
        async with open_stream(middleware=(Once(),), reconnect=again) as stream:
            if not is_first:
                await peer.wait_for(RunTask)
                peer.drop()
                await anyio.wait_all_tasks_blocked()
            raises = True
            with pytest.raises(ZeroDivisionError), anyio.fail_after(5):
                await stream.send(FRAME[:100])
                async for _ in stream:
                    pass

    async def test_middleware_that_ends_the_audio_is_answered_in_time(
        self, open_stream: Open, peer: Peer
    ) -> None:
        """A `finish-task` in the place of a frame is waited for no longer than any other."""

        class Ending(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                return (FinishTask() if isinstance(command, Audio) else command,)

        timeouts = Timeouts(finish=0.05, close=0.05)
        async with open_stream(middleware=(Ending(),), timeouts=timeouts) as stream:
            await peer.wait_for(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            await stream.send(FRAME)
            assert [FinishTask()] == peer.received
            with anyio.fail_after(2), pytest.raises(DeadlineError) as caught:
                async for _ in stream:
                    pass
        assert "finish" == caught.value.phase

    async def test_a_frame_that_breaks_is_heard_again(
        self,
        open_stream: Open,
        peer: Peer,
        peers: list[Peer],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A frame whose writing fails is kept for the next connection."""

        def refuse(_: object) -> None:
            raise ConnectionLostError(1006, "broken pipe")

        timeouts = Timeouts(close=0.01)
        async with open_stream(reconnect=AGAIN, timeouts=timeouts) as stream:
            await peer.wait_for(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            monkeypatch.setattr(peer, "write", refuse)
            await stream.send(FRAME)
            await stream.send(FRAME)
            second = peers[1]
            await second.wait_for(RunTask)
            second.start()
            await stream.finish()
            for _ in range(2):
                assert Audio(FRAME) == await second.wait_for(Audio)
            await second.wait_for(FinishTask)
            second.finish()
            assert [] == [result async for result in stream]

    async def test_middleware_that_raises_is_heard(self, open_stream: Open, peer: Peer) -> None:
        """What middleware raises there ends the recognition, and comes out as itself."""

        class Refusing(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                if isinstance(command, Audio):
                    raise ZeroDivisionError
                return (command,)

        async with open_stream(middleware=(Refusing(),)) as stream:
            await peer.wait_for(RunTask)
            peer.start()
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(ZeroDivisionError):
                await stream.send(FRAME)
                async for _ in stream:
                    pass


async def test_events_in_binary_frames_are_named(open_stream: Open, peer: Peer) -> None:
    """A gateway that sends its JSON in binary frames works, and is named when something fails."""
    async with open_stream(FRAME) as stream:
        await peer.wait_for(RunTask)
        peer.is_binary = True
        peer.start()
        await peer.wait_for(FinishTask)
        peer.drop()
        with pytest.raises(ConnectionLostError, match="in binary frames"):
            async for _ in stream:
                pass
