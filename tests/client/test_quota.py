"""The quota of submissions: by a clock that the test sets, or by that of the loop."""

import asyncio

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async import DeadlineError
from paraformer_async._client import quota as module
from paraformer_async._client.quota import Quota
from tests.client.clock import Clock

pytestmark = pytest.mark.anyio


class Queue:
    """A quota with a clock that is set by hand, and the submissions that it has admitted."""

    def __init__(self, per_second: int, wait: float = 60.0) -> None:
        self.clock = Clock()
        self.quota = Quota(per_second, wait, self.clock)
        self.passed: list[tuple[str, float]] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Let callers ask for a place, in this order."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self._take(name))
            await anyio.wait_all_tasks_blocked()

    async def leave(self, name: str) -> None:
        """Let a caller be canceled."""
        self.tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.tasks[name]

    async def at(self, now: float) -> None:
        """Set the clock, and let the quota look at it."""
        self.clock.now = now
        self.look()
        await anyio.wait_all_tasks_blocked()

    def look(self) -> None:
        """Call what the timer of the quota calls."""
        self.quota._let_pass()

    async def end(self) -> None:
        """Cancel waiting submissions."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert 0 == self.quota.waiting

    async def _take(self, name: str) -> None:
        waited = await self.quota.take()
        self.passed.append((name, waited))


async def test_the_first_pass_at_once() -> None:
    """As many as the quota allows pass without waiting, and are counted."""
    queue = Queue(3)
    await queue.come("a", "b", "c")
    assert [("a", 0.0), ("b", 0.0), ("c", 0.0)] == queue.passed
    assert (3, 0) == (queue.quota.taken, queue.quota.waiting)


async def test_further_ones_wait_in_order() -> None:
    """Each further one waits until a second after the one that far before it, in order."""
    queue = Queue(2)
    await queue.come("a")
    await queue.at(0.25)
    await queue.come("b", "c", "d", "e")
    assert (["a", "b"], 3) == ([name for name, _ in queue.passed], queue.quota.waiting)
    await queue.at(1.0)
    await queue.at(1.25)
    await queue.at(1.5)
    assert [("c", 0.75), ("d", 1.0)] == queue.passed[2:]
    await queue.at(2.0)
    assert ("e", 1.75) == queue.passed[-1]


async def test_nobody_overtakes_the_queue() -> None:
    """A caller that arrives when a place is free, but others wait for it, goes behind them."""
    queue = Queue(1)
    await queue.come("a", "b")
    queue.clock.now = 1.5
    await queue.come("c")
    await queue.at(1.5)
    assert ["a", "b"] == [name for name, _ in queue.passed]
    await queue.end()


async def test_a_place_is_free_again_a_second_after_it_was_taken() -> None:
    """The window slides: what counts is the last second, not the full one."""
    queue = Queue(2)
    await queue.come("a")
    await queue.at(0.9)
    await queue.come("b")
    await queue.at(1.0)
    await queue.come("c", "d")
    assert ["a", "b", "c"] == [name for name, _ in queue.passed]
    await queue.at(1.89)
    assert 3 == len(queue.passed)
    await queue.at(1.9)
    assert "d" == queue.passed[-1][0]


async def test_those_who_leave_take_no_place() -> None:
    """However many are canceled while they wait, the next one waits no longer for it."""
    queue = Queue(1)
    await queue.come("a", *map(str, range(50)), "z")
    for name in map(str, range(50)):
        await queue.leave(name)
    assert 1 == queue.quota.waiting
    await queue.at(1.0)
    assert ["a", "z"] == [name for name, _ in queue.passed]
    assert 2 == queue.quota.taken


async def test_who_leaves_in_the_moment_of_getting_a_place_gives_it_back() -> None:
    """A place given to a caller who is canceled in the same step is free for the next."""
    queue = Queue(1)
    await queue.come("a", "b", "c")
    queue.clock.now = 1.0
    queue.look()
    await queue.leave("b")
    await anyio.wait_all_tasks_blocked()
    assert ["a", "c"] == [name for name, _ in queue.passed]
    assert 2 == queue.quota.taken


async def test_a_place_given_back_is_free_at_once() -> None:
    """When nobody waits, a place that was given back can be taken in the same second."""
    queue = Queue(1)
    await queue.come("a", "b")
    queue.clock.now = 1.0
    queue.look()
    await queue.leave("b")
    await queue.come("c")
    assert ("c", 0.0) == queue.passed[-1]


async def test_waiting_is_bounded() -> None:
    """Without a place in time, `DeadlineError` names the quota, and no place is taken."""
    queue = Queue(1, wait=0.01)
    await queue.quota.take()
    with anyio.fail_after(5), pytest.raises(DeadlineError) as caught:
        await queue.quota.take()
    assert ("quota", 0.01) == (caught.value.phase, caught.value.seconds)
    assert (1, 0) == (queue.quota.taken, queue.quota.waiting)


async def test_a_place_in_the_moment_of_the_bound_is_not_lost() -> None:
    """A caller that times out in the step in which it is admitted keeps or returns the place."""
    queue = Queue(1, wait=0.01)
    await queue.quota.take()
    outcome: list[object] = []

    async def take() -> None:
        try:
            outcome.append(await queue.quota.take())
        except DeadlineError as error:
            outcome.append(error)

    task = asyncio.create_task(take())
    await anyio.wait_all_tasks_blocked()
    queue.clock.now = 1.0
    asyncio.get_running_loop().call_later(0.01, queue.look)
    await task
    kept = not isinstance(outcome[0], DeadlineError)
    assert (1 + kept, 0) == (queue.quota.taken, queue.quota.waiting)


async def test_it_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the loop's own clock, one after another passes, and the last gets all of its wait."""
    monkeypatch.setattr(module, "_WINDOW", 0.01)
    quota = Quota(1, 5.0, anyio.current_time)
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            for _ in range(4):
                tasks.start_soon(quota.take)
            await anyio.wait_all_tasks_blocked()
            assert 3 == quota.waiting
    assert anyio.current_time() - began >= 0.03
    assert (4, 0) == (quota.taken, quota.waiting)


STEPS = st.lists(
    st.tuples(st.sampled_from(["come", "leave", "wait"]), st.integers(0, 1500)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60)
@given(per_second=st.integers(1, 4), steps=STEPS)
def test_never_more_than_the_quota_within_a_second(
    per_second: int, steps: list[tuple[str, int]]
) -> None:
    """Whoever comes and leaves: in order, never too many in one second, and never too few."""

    async def run() -> None:
        queue = Queue(per_second)
        times: list[float] = []
        came: list[str] = []
        for number, (step, pick) in enumerate(steps):
            waiting = [name for name in came if not queue.tasks[name].done()]
            if step == "come":
                came.append(str(number))
                await queue.come(str(number))
            elif step == "leave" and waiting:
                await queue.leave(waiting[pick % len(waiting)])
            else:
                await queue.at(queue.clock.now + pick / 1000)
            times += [queue.clock.now] * (len(queue.passed) - len(times))
            is_full = sum(queue.clock.now - one < 1 for one in times) >= per_second
            assert is_full or not queue.quota.waiting
        passed = [int(name) for name, _ in queue.passed]
        assert sorted(passed) == passed
        for early, late in zip(times, times[per_second:], strict=False):
            assert late - early >= 1 - 1e-9
        assert len(passed) == queue.quota.taken
        await queue.end()

    anyio.run(run)
