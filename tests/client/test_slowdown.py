"""Attempts of an account that the service throttles: by a clock that the test sets."""

import asyncio
from collections import Counter
from collections.abc import Hashable

import anyio
import pytest

from paraformer_async import Reconnect, TaskFailedError
from paraformer_async._client.slowdown import Slowdown, Turn
from paraformer_async._client.submissions import Submissions
from paraformer_async._core.messages import Audio, FinishTask, RunTask, TaskFailed
from paraformer_async.observing import Observation, QuotaWaited
from tests.client.clock import Clock
from tests.client.conftest import Open
from tests.client.peer import Peer

pytestmark = pytest.mark.anyio

FULL = 20


class Account:
    """A slowdown with a clock that is set by hand, and the recognitions that passed it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.slowdown = Slowdown(FULL, self.clock)
        self.passed: list[str] = []
        self.waits: dict[str, float] = {}
        self.turns: dict[str, Turn] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str, patience: float = 60.0) -> None:
        """Let recognitions ask, in this order; each keeps its turn."""
        for name in names:
            turn = self.turns.setdefault(name, Turn(patience))
            self.tasks[name] = asyncio.create_task(self._wait(name, turn))
            await anyio.wait_all_tasks_blocked()

    async def leave(self, name: str) -> None:
        """Let a recognition be canceled."""
        self.tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.tasks[name]

    async def after(self, seconds: float) -> list[str]:
        """Let time pass, and return who passed meanwhile."""
        before = len(self.passed)
        self.clock.now += seconds
        self.slowdown._let_pass()
        await anyio.wait_all_tasks_blocked()
        return self.passed[before:]

    async def end(self) -> None:
        """Cancel all that wait."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert 0 == self.slowdown.waiting

    async def _wait(self, name: str, turn: Turn) -> None:
        self.waits[name] = await self.slowdown.wait(turn)
        self.passed.append(name)


async def test_nothing_waits_while_nothing_is_throttled() -> None:
    """As long as the service has throttled nothing, all pass at once."""
    account = Account()
    await account.come(*map(str, range(100)))
    assert 100 == len(account.passed)
    assert not account.slowdown.is_outdated(account.turns["0"])


async def test_each_failure_halves_the_rate() -> None:
    """After one failure, ten attempts a second are made, not twenty; after another, five."""
    account = Account()
    await account.come("a")
    account.slowdown.lower(account.turns["a"])
    await account.come("b", "c", "d")
    assert (["a", "b"], 2) == (account.passed, account.slowdown.waiting)
    assert [] == await account.after(0.09)
    assert ["c"] == await account.after(0.02)
    account.slowdown.lower(account.turns["c"])
    assert ["d"] == await account.after(0.1)
    await account.come("e")
    assert [] == await account.after(0.18)
    assert ["e"] == await account.after(0.02)
    assert {"a": 0.0, "b": 0.0, "c": 0.11, "d": 0.21, "e": 0.2} == pytest.approx(account.waits)


async def test_failures_of_one_wave_count_once() -> None:
    """Twenty submissions that fail together lower the rate once: they were made at the old one."""
    account = Account()
    await account.come(*map(str, range(20)))
    for turn in account.turns.values():
        account.slowdown.lower(turn)
        assert account.slowdown.is_outdated(turn)
    await account.come("a", "b")
    assert ["b"] == await account.after(0.1)
    assert not account.slowdown.is_outdated(account.turns["b"])


async def test_the_rate_has_a_floor_and_recovers() -> None:
    """However often it fails, one attempt a second is made; within a minute all is as before."""
    account = Account()
    for _ in range(20):
        await account.come("a")
        await account.after(1.0)
        account.slowdown.lower(account.turns["a"])
    await account.come("b", "c")
    assert [] == await account.after(0.9)
    assert ["c"] == await account.after(0.2)
    await account.after(60.0)
    await account.come(*map(str, range(100)))
    assert 0 == account.slowdown.waiting


async def test_a_turn_that_is_given_back_ends_no_pause() -> None:
    """One that is canceled when it has just passed does not end what the service asks meanwhile."""
    account = Account()
    await account.come("a")
    account.slowdown.lower(account.turns["a"])
    await account.come("b", "c", "d")
    account.clock.now += 0.2
    account.slowdown._let_pass()
    account.slowdown.lower(account.turns["a"], 30.0)
    await account.leave("c")
    assert [] == await account.after(29.9)
    assert ["d"] == await account.after(0.2)


async def test_the_service_names_a_time() -> None:
    """Nobody submits before the Retry-After of one has passed; what is too long is not honored."""
    account = Account()
    await account.come("a")
    account.slowdown.lower(account.turns["a"], 30.0)
    await account.come("b")
    assert [] == await account.after(29.9)
    assert ["b"] == await account.after(0.2)
    account.slowdown.lower(account.turns["b"], 3600.0)
    await account.come("c")
    assert ["c"] == await account.after(0.2)


async def test_who_returns_keeps_the_place() -> None:
    """A recognition that was throttled passes before all that began after it."""
    account = Account()
    await account.come("a")
    account.slowdown.lower(account.turns["a"])
    await account.come("b", "c", "d", "a")
    assert ["a", "c", "d"] == [name for _ in range(3) for name in await account.after(0.11)]


async def test_who_leaves_takes_no_turn() -> None:
    """Recognitions that are canceled while they wait delay nobody."""
    account = Account()
    await account.come("a")
    account.slowdown.lower(account.turns["a"])
    names = [*map(str, range(50))]
    await account.come("b", *names, "c")
    for name in names:
        await account.leave(name)
    assert 1 == account.slowdown.waiting
    assert ["c"] == await account.after(0.1)


async def test_who_leaves_in_the_step_of_passing_lets_the_next_pass() -> None:
    """A turn that a canceled recognition got in the same step goes to the next."""
    account = Account()
    await account.come("a")
    account.slowdown.lower(account.turns["a"])
    await account.come("b", "c", "d")
    account.clock.now += 0.1
    account.slowdown._let_pass()
    await account.leave("c")
    await anyio.wait_all_tasks_blocked()
    assert "d" == account.passed[-1]


async def test_waiting_is_bounded() -> None:
    """Who has waited for its patience passes, and can wait again with the same turn."""
    account = Account()
    await account.come("z", patience=0.0)
    await account.come("a")
    account.slowdown.lower(account.turns["a"], 60.0)
    await account.come("y", "b")
    for _ in range(2):
        await account.come("z")
        await account.tasks["z"]
    assert ["z", "a", "z", "z"] == account.passed
    await account.end()


async def test_all_waits_of_a_turn_share_one_bound() -> None:
    """However often the rate is lowered, all waits until a start take no longer than one may."""
    account = Account()
    turn = account.turns["z"] = Turn(1.0)
    await account.come("a")
    account.slowdown.lower(account.turns["a"], 0.5)
    await account.come("z")
    assert ["z"] == await account.after(0.5)
    account.slowdown.lower(turn, 30.0)
    assert account.slowdown.is_outdated(turn)
    account.clock.now += 0.5
    assert turn.is_over(account.clock.now)
    assert not account.slowdown.is_outdated(turn)
    assert 0.0 == await account.slowdown.wait(turn)
    turn.task_started()
    assert not turn.is_over(account.clock.now)
    assert 1.0 == turn.begin_wait(account.clock.now)


async def test_it_looks_by_itself() -> None:
    """By the loop's own clock, all pass one after another."""
    slowdown = Slowdown(1000, anyio.current_time)
    first = Turn(5.0)
    await slowdown.wait(first)
    slowdown.lower(first)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(slowdown.wait, Turn(5.0))
    assert 0 == slowdown.waiting


class Service:
    """Accepts so many submissions a second, and throttles the others."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        self._clock = clock
        self._per_second = per_second
        self._tokens, self._at = 1.0, 0.0
        self.received: list[float] = []

    def accepts(self) -> bool:
        """Take a submission."""
        now = self._clock.now
        self.received.append(now)
        self._tokens = min(1.0, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


@pytest.mark.parametrize("per_second", [0.5, 2, 5, 12])
async def test_two_hundred_wait_for_a_throttled_account(per_second: float) -> None:
    """200 streams at once: no storm, few submissions in vain, and none is overtaken by many."""
    account = Account()
    service = Service(account.clock, per_second)
    done: list[int] = []

    async def recognize(number: int) -> None:
        turn = Turn(10_000.0)
        await account.slowdown.wait(turn)
        while not service.accepts():
            account.slowdown.lower(turn)
            await account.slowdown.wait(turn)
        done.append(number)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            first = Turn(10_000.0)
            await account.slowdown.wait(first)
            account.slowdown.lower(first)
            for number in range(200):
                tasks.start_soon(recognize, number)
            await anyio.wait_all_tasks_blocked()
            while len(done) < 200:
                await account.after(0.025)
    assert max(Counter(int(at) for at in service.received).values()) <= FULL
    assert len(service.received) < 3 * 200 * max(1.0, 1.0 / per_second)
    assert sorted(done) == done


async def test_a_recognition_waits_before_it_connects_again(
    open_stream: Open, peers: list[Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one recognition was told holds for the others of the account, and all are recognized."""
    lowered: list[float] = []
    lower = Slowdown.lower

    def note(slowdown: Slowdown, turn: Turn, retry_after: float = 0.0) -> None:
        lowered.append(retry_after)
        lower(slowdown, turn, retry_after)

    monkeypatch.setattr(Slowdown, "lower", note)
    throttled, second, third, *_ = peers
    again = Reconnect(backoff=lambda _: 0.0)
    async with (
        open_stream(b"\x01" * 3200, reconnect=again) as one,
        open_stream(b"\x02" * 3200, reconnect=again) as two,
    ):
        await throttled.wait_for(RunTask)
        throttled.send_event(TaskFailed("Throttling.BurstRate", "too fast"))
        for peer in (second, third):
            await peer.wait_for(RunTask)
            peer.start()
            await peer.wait_for(Audio)
            peer.send_final("text", 100)
            await peer.wait_for(FinishTask)
            peer.finish()
        for stream in (one, two):
            assert ["text"] == [result.text async for result in stream]
    assert [0.0] == lowered
    assert 1 == sum(len(stream.request_ids) - 1 for stream in (one, two))


BRIEF = Reconnect(backoff=lambda _: 0.0, busy=0.01)


async def test_who_has_waited_for_long_enough_ends(open_stream: Open, peer: Peer) -> None:
    """An attempt that is throttled after the longest wait is the last one; its reason is raised."""
    stream = open_stream(reconnect=BRIEF)
    stream._run._permit._slowdown.lower(Turn(0.0), 30.0)
    async with stream:
        await peer.wait_for(RunTask)
        peer.send_event(TaskFailed("Throttling.BurstRate", "too fast"))
        with anyio.fail_after(5), pytest.raises(TaskFailedError, match="too fast") as caught:
            async for _ in stream:
                pass
    assert 1 == len(caught.value.request_ids)


async def test_a_start_ends_the_wait(open_stream: Open, peers: list[Peer]) -> None:
    """A task that is throttled after it has started is waited for as long as any other."""
    first, second, *_ = peers
    stream = open_stream(b"\x01" * 3200, reconnect=BRIEF)
    stream._run._permit._slowdown.lower(Turn(0.0), 30.0)
    async with stream:
        await first.wait_for(RunTask)
        first.start()
        await first.wait_for(FinishTask)
        first.send_event(TaskFailed("Throttling.BurstRate", "too fast"))
        await second.wait_for(RunTask)
        second.start()
        await second.wait_for(FinishTask)
        second.send_final("text", 100)
        second.finish()
        assert ["text"] == [result.text async for result in stream]


async def test_the_wait_is_reported(
    open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An observer receives how long a recognition had to wait for a throttled account."""

    async def wait(slowdown: Slowdown, turn: Turn) -> float:
        del slowdown, turn
        return 1.5

    monkeypatch.setattr(Slowdown, "wait", wait)
    events: list[Observation] = []
    async with open_stream(observe=events.append):
        await peer.wait_for(RunTask)
    assert max(event.seconds for event in events if isinstance(event, QuotaWaited)) >= 1.5


async def test_the_quota_is_not_held_while_the_account_is_waited_for(
    open_stream: Open, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place is given back if the rate was lowered since; of all places taken, one is used."""
    outdated = [True, True, False]
    monkeypatch.setattr(Slowdown, "is_outdated", lambda *_: outdated.pop(0))
    calls: Counter[str] = Counter()
    take, give_back = Submissions.take, Submissions.give_back

    def note_take(submissions: Submissions, key: Hashable, per_second: int, now: float) -> bool:
        calls["take"] += 1
        return take(submissions, key, per_second, now)

    def note_return(submissions: Submissions, key: Hashable, time: float) -> None:
        calls["give back"] += 1
        give_back(submissions, key, time)

    monkeypatch.setattr(Submissions, "take", note_take)
    monkeypatch.setattr(Submissions, "give_back", note_return)
    async with open_stream():
        await peer.wait_for(RunTask)
        assert {"take": 3, "give back": 2} == calls
