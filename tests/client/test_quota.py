"""The quota of submissions: by a clock that the test sets, or by that of the loop."""

import asyncio
import threading
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async import DeadlineError, PoolLimits
from paraformer_async._client.admission import Queue
from paraformer_async._client.quota import ProcessQuota, QuotaOfRecognizer, QuotaPlace
from paraformer_async._client.submissions import Submissions
from paraformer_async.quota import QuotaKey
from tests.client.clock import Clock

pytestmark = pytest.mark.anyio


class Counter:
    """A queue with a clock that is set by hand, and the submissions that it has admitted."""

    def __init__(self, per_second: int) -> None:
        self.clock = Clock()
        self.submissions = Submissions(window=1.0)
        self.queue = Queue(per_second, self.clock, self.submissions)
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
        self.queue._let_pass()

    async def end(self) -> None:
        """Cancel waiting submissions."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert 0 == self.queue.waiting

    async def _take(self, name: str) -> None:
        began = self.clock.now
        self.passed.append((name, await self.queue.take() - began))


async def test_the_first_pass_at_once() -> None:
    """As many as the quota allows pass without waiting."""
    counter = Counter(3)
    await counter.come("a", "b", "c")
    assert [("a", 0.0), ("b", 0.0), ("c", 0.0)] == counter.passed
    assert 0 == counter.queue.waiting


async def test_further_ones_wait_in_order() -> None:
    """Each further one waits until a second after the one that far before it, in order."""
    counter = Counter(2)
    await counter.come("a")
    await counter.at(0.25)
    await counter.come("b", "c", "d", "e")
    assert (["a", "b"], 3) == ([name for name, _ in counter.passed], counter.queue.waiting)
    await counter.at(1.0)
    await counter.at(1.25)
    await counter.at(1.5)
    assert [("c", 0.75), ("d", 1.0)] == counter.passed[2:]
    await counter.at(2.0)
    assert ("e", 1.75) == counter.passed[-1]


async def test_nobody_overtakes_the_queue() -> None:
    """A caller that arrives when a place is free, but others wait for it, goes behind them."""
    counter = Counter(1)
    await counter.come("a", "b")
    counter.clock.now = 1.5
    await counter.come("c")
    await counter.at(1.5)
    assert ["a", "b"] == [name for name, _ in counter.passed]
    await counter.end()


async def test_a_place_is_free_again_a_second_after_it_was_taken() -> None:
    """The window slides: what counts is the last second, not the full one."""
    counter = Counter(2)
    await counter.come("a")
    await counter.at(0.9)
    await counter.come("b")
    await counter.at(1.0)
    await counter.come("c", "d")
    assert ["a", "b", "c"] == [name for name, _ in counter.passed]
    await counter.at(1.89)
    assert 3 == len(counter.passed)
    await counter.at(1.9)
    assert "d" == counter.passed[-1][0]


async def test_those_who_leave_take_no_place() -> None:
    """A thousand that are canceled while they wait do not delay the next one."""
    counter = Counter(1)
    await counter.come("a", *map(str, range(1000)), "z")
    for name in map(str, range(1000)):
        await counter.leave(name)
    assert 1 == counter.queue.waiting
    await counter.at(1.0)
    assert ["a", "z"] == [name for name, _ in counter.passed]


async def test_who_leaves_in_the_moment_of_getting_a_place_gives_it_back() -> None:
    """A place given to a caller who is canceled in the same step is free for the next."""
    counter = Counter(1)
    await counter.come("a", "b", "c")
    counter.clock.now = 1.0
    counter.look()
    await counter.leave("b")
    await anyio.wait_all_tasks_blocked()
    assert ["a", "c"] == [name for name, _ in counter.passed]


async def test_a_place_given_back_is_free_at_once() -> None:
    """When nobody waits, a place that was given back can be taken in the same second."""
    counter = Counter(1)
    await counter.come("a", "b")
    counter.clock.now = 1.0
    counter.look()
    await counter.leave("b")
    await counter.come("c")
    assert ("c", 0.0) == counter.passed[-1]


async def test_waiting_is_bounded() -> None:
    """Without a place in time, `DeadlineError` names the quota, and no place is taken."""
    (quota,), _ = quotas(1, tasks_per_second=1, wait=0.01)
    await submit(quota, "m")
    with anyio.fail_after(5), pytest.raises(DeadlineError) as caught:
        await submit(quota, "m")
    assert ("quota", 0.01) == (caught.value.phase, caught.value.seconds)
    assert 0 == quota.waiting == queue_of(quota, "m", 1).waiting


async def test_a_place_in_the_moment_of_the_bound_is_not_lost() -> None:
    """A caller that times out in the step in which it is admitted keeps or returns the place."""
    (quota,), clock = quotas(1, tasks_per_second=1, wait=0.01)
    await submit(quota, "m")
    place = QuotaPlace(quota, 1, "ws://a")
    outcome: list[DeadlineError] = []

    async def take() -> None:
        try:
            await place.take("m")
        except DeadlineError as error:
            outcome.append(error)

    task = asyncio.create_task(take())
    await anyio.wait_all_tasks_blocked()
    clock.now = 1.0
    asyncio.get_running_loop().call_later(0.01, queue_of(quota, "m", 1)._let_pass)
    await task
    assert place.is_held is not bool(outcome)
    assert (0 if place.is_held else 1) == await take_all(quota, "m")


async def test_it_looks_by_itself() -> None:
    """By the loop's own clock, one after another passes, and the last gets all of its wait."""
    quota = Queue(1, anyio.current_time, Submissions(window=0.01))
    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            for _ in range(4):
                tasks.start_soon(quota.take)
            await anyio.wait_all_tasks_blocked()
            assert 3 == quota.waiting
    assert anyio.current_time() - began >= 0.03
    assert 0 == quota.waiting


def test_arrivals_may_be_less_even_than_submissions() -> None:
    """By default, more than a second passes: what is delayed by up to 100 ms is not too early."""
    submissions = Submissions()
    assert [True] * 20 + [False] == [submissions.take("key", 20, 0.0) for _ in range(21)]
    assert not submissions.take("key", 20, 1.09)
    assert submissions.take("key", 20, 1.1)


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
        counter = Counter(per_second)
        times: list[float] = []
        came: list[str] = []
        for number, (step, pick) in enumerate(steps):
            waiting = [name for name in came if not counter.tasks[name].done()]
            if step == "come":
                came.append(str(number))
                await counter.come(str(number))
            elif step == "leave" and waiting:
                await counter.leave(waiting[pick % len(waiting)])
            else:
                await counter.at(counter.clock.now + pick / 1000)
            times += [counter.clock.now] * (len(counter.passed) - len(times))
            is_full = sum(counter.clock.now - one < 1 for one in times) >= per_second
            assert is_full or not counter.queue.waiting
        passed = [int(name) for name, _ in counter.passed]
        assert sorted(passed) == passed
        for early, late in zip(times, times[per_second:], strict=False):
            assert late - early >= 1 - 1e-9
        await counter.end()

    anyio.run(run)


STREAMING = "qwen-audio-3.1-asr-flash-streaming"


def quotas(count: int, **limits: Any) -> tuple[list[QuotaOfRecognizer], Clock]:
    """Return quotas of several recognizers of one process, and their clock."""
    clock, submissions = Clock(), Submissions(window=1.0)
    made = [
        QuotaOfRecognizer(PoolLimits(**limits), ProcessQuota(clock, submissions))
        for _ in range(count)
    ]
    return made, clock


def queue_of(quota: QuotaOfRecognizer, model: str, per_second: int) -> Queue:
    """Return the queue in which the tasks of *model* wait."""
    assert isinstance(quota._quota, ProcessQuota)
    return quota._quota.queue(QuotaKey(1, "ws://a", model, per_second))


async def submit(quota: QuotaOfRecognizer, model: str, account: int = 1) -> None:
    """Submit a task when it is admitted."""
    place = QuotaPlace(quota, account, "ws://a")
    await place.take(model)
    place.use()


async def take_all(quota: QuotaOfRecognizer, model: str, account: int = 1) -> int:
    """Submit until a task would have to wait; return how many were submitted."""
    for number in range(1000):
        with anyio.move_on_after(0) as scope:
            await submit(quota, model, account)
        if scope.cancelled_caught:
            return number
    raise AssertionError("there is no limit")


@pytest.mark.parametrize(
    ("model", "expected"),
    [(STREAMING, 10), ("paraformer-realtime-v2", 20), ("a-model-of-tomorrow", 20)],
)
async def test_the_quota_is_that_of_the_model(model: str, expected: int) -> None:
    """Within a second, as many pass as the table has for the model, whichever recognizer asks."""
    (one, two), clock = quotas(2)
    await submit(one, model)
    assert expected - 1 == await take_all(two, model)
    assert 0 == await take_all(one, model)
    clock.now = 1.0
    assert expected == await take_all(one, model)
    assert (1 + expected, expected - 1) == (one.made, two.made)
    assert 0 == one.waiting == two.waiting


async def test_a_submission_counts_from_when_it_is_made() -> None:
    """What was admitted before it is made counts for a second from then on."""
    (quota,), clock = quotas(1, tasks_per_second=2)
    place = QuotaPlace(quota, 1, "ws://a")
    await place.take("m")
    assert (True, 0) == (place.is_held, quota.made)
    clock.now = 0.75
    place.use()
    assert (False, 1) == (place.is_held, quota.made)
    clock.now = 1.7
    assert 1 == await take_all(quota, "m")
    clock.now = 1.75
    assert 1 == await take_all(quota, "m")


async def test_who_was_too_slow_is_admitted_again() -> None:
    """A submission whose connection took too long does not go beyond the quota of others."""
    (quota,), clock = quotas(1, tasks_per_second=1)
    slow, quick = (QuotaPlace(quota, 1, "ws://a") for _ in range(2))
    await slow.take("m")
    clock.now = 0.99
    assert slow.is_valid
    clock.now = 1.0
    assert not slow.is_valid
    await quick.take("m")
    quick.use()
    with anyio.move_on_after(0) as scope:
        await slow.take("m")
    assert (True, False) == (scope.cancelled_caught, slow.is_held)
    clock.now = 2.0
    await slow.take("m")
    assert slow.is_valid
    slow.use()
    assert 2 == quota.made


async def test_what_is_given_back_admits_who_waits() -> None:
    """A place that was not used is that of the next in the queue at once, and counts nowhere."""
    (one, two), _ = quotas(2, tasks_per_second=1)
    first, second = QuotaPlace(one, 1, "ws://a"), QuotaPlace(two, 1, "ws://a")
    await first.take("m")
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            tasks.start_soon(second.take, "m")
            await anyio.wait_all_tasks_blocked()
            assert not second.is_held
            first.give_back()
    assert (False, True) == (first.is_held, second.is_held)
    first.give_back()
    first.use()
    second.use()
    assert (0, 1) == (one.made, two.made)
    assert 0 == await take_all(one, "m")


async def test_other_accounts_and_models_have_a_quota_of_their_own() -> None:
    """What is submitted with another key, or for another model, is not counted."""
    (one, two), _ = quotas(2, tasks_per_second=3)
    assert 3 == await take_all(one, "m")
    assert 3 == await take_all(two, "m", account=2)
    assert 3 == await take_all(two, "other model")
    assert 0 == await take_all(two, "m")


async def test_recognizers_of_one_loop_wait_in_one_queue() -> None:
    """Those that wait for the same are admitted in the order of arrival, over all recognizers."""
    recognizers, clock = quotas(3, tasks_per_second=1)
    admitted: list[int] = []
    loop = asyncio.get_running_loop()

    async def take(number: int) -> None:
        await submit(recognizers[number % 3], "m")
        admitted.append(number)

    await submit(recognizers[0], "m")
    tasks = []
    for number in range(6):
        tasks.append(loop.create_task(take(number)))
        await anyio.wait_all_tasks_blocked()
    assert 2 == recognizers[0].waiting
    queue = queue_of(recognizers[0], "m", 1)
    for second in range(1, 7):
        clock.now = second
        queue._let_pass()
        await anyio.wait_all_tasks_blocked()
    await asyncio.gather(*tasks)
    assert list(range(6)) == admitted


def test_threads_share_the_quota() -> None:
    """Event loops of several threads together submit no more than the account may."""
    (one, two), _ = quotas(2, tasks_per_second=5)
    counts: list[int] = []

    def run(quota: QuotaOfRecognizer) -> None:
        counts.append(anyio.run(take_all, quota, "m"))

    threads = [threading.Thread(target=run, args=(quota,)) for quota in (one, two)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert 5 == sum(counts)


def test_what_is_over_is_forgotten() -> None:
    """Keys that come and go leave nothing: what is older than a second is dropped."""
    submissions = Submissions(window=1.0)
    for number in range(1000):
        assert submissions.take(f"token {number}", 1, number)
    assert 1 == len(submissions)
    submissions.give_back("token 0", 0.0)
    assert 999.5 == submissions.next("token 0", 1, 999.5)
