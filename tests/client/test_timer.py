"""The one timer, by a clock that the test sets."""

from collections.abc import AsyncIterator
from itertools import pairwise
from math import inf

import anyio
import pytest

from paraformer_async._client.timer import Timer
from tests.client.clock import Clock

pytestmark = pytest.mark.anyio


class Bell:
    """Has a deadline that the test sets, and records when it was called and checked."""

    def __init__(self, deadline: float = inf, *, period: float = 1000.0) -> None:
        self.at = deadline
        self.period = period
        self.looked = 0
        self.rang: list[float] = []
        self.woken = anyio.Event()

    def deadline(self) -> float:
        """Return what the test has set."""
        self.looked += 1
        return self.at

    def ring(self, now: float) -> None:
        """Note the time."""
        self.rang.append(now)
        self.at = inf
        self.woken.set()


@pytest.fixture
async def clock() -> Clock:
    """The clock of `timer`."""
    return Clock()


@pytest.fixture
async def timer(clock: Clock) -> AsyncIterator[Timer]:
    """A timer that runs."""
    timer = Timer(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(timer.run)
        yield timer
        tasks.cancel_scope.cancel()


async def test_a_deadline_that_has_come_rings_at_once(timer: Timer) -> None:
    """A deadline that has come when watching begins rings once."""
    bell = Bell(0.0, period=0.0)
    with timer.watching(bell):
        await anyio.wait_all_tasks_blocked()
        assert [0.0] == bell.rang[:1]


async def test_a_nudge_makes_it_look(timer: Timer, clock: Clock) -> None:
    """A deadline nearer than those known wakes the timer, which rings when it has come."""
    bell = Bell()
    with timer.watching(bell):
        await anyio.wait_all_tasks_blocked()
        bell.at = 500.0
        timer.nudge(500.0)
        await anyio.wait_all_tasks_blocked()
        assert [] == bell.rang
        clock.now, bell.at = 100.0, 99.0
        timer.nudge(99.0)
        await anyio.wait_all_tasks_blocked()
        assert [100.0] == bell.rang


async def test_a_later_deadline_does_not_wake_it(timer: Timer) -> None:
    """A deadline no nearer than the one known costs nothing."""
    bell = Bell(10.0)
    with timer.watching(bell):
        timer.nudge(10.0)
        await anyio.wait_all_tasks_blocked()
        looked = bell.looked
        for later in (10.0, 11.0, inf):
            timer.nudge(later)
        await anyio.wait_all_tasks_blocked()
        assert looked == bell.looked


async def test_each_of_several_rings_for_itself(timer: Timer, clock: Clock) -> None:
    """Only those ring whose deadline has come, and those that are not watched any more never."""
    early, late, gone = Bell(1.0), Bell(2.0), Bell(1.0)
    with timer.watching(late), timer.watching(early):
        with timer.watching(gone):
            await anyio.wait_all_tasks_blocked()
        clock.now = 1.5
        timer.nudge(-1.0)
        await anyio.wait_all_tasks_blocked()
    assert ([1.5], [], []) == (early.rang, late.rang, gone.rang)


@pytest.mark.parametrize("period", [0.001, 1000.0])
async def test_it_wakes_by_itself(period: float) -> None:
    """Without a nudge, the timer looks again when the deadline, or a period, is over."""
    timer, due = Timer(anyio.current_time), anyio.current_time() + 0.01
    bell = Bell(due, period=period)
    async with anyio.create_task_group() as tasks:
        with timer.watching(bell):
            tasks.start_soon(timer.run)
            with anyio.fail_after(5):
                await bell.woken.wait()
        tasks.cancel_scope.cancel()
    assert bell.rang[0] >= due


async def test_it_counts_what_it_watches(timer: Timer) -> None:
    """What is watched counts from the beginning to the end of its context."""
    assert 0 == timer.watched
    with timer.watching(Bell()), timer.watching(Bell()):
        assert 2 == timer.watched
    assert 0 == timer.watched


class Broken(Bell):
    """Has a deadline that has always passed."""

    def ring(self, now: float) -> None:
        """Note the time, and move nothing."""
        self.rang.append(now)
        if len(self.rang) == 5:
            self.woken.set()


async def test_a_deadline_that_never_moves_leaves_the_loop_idle() -> None:
    """Middleware whose deadline has always passed is called again and again, but not in a spin."""
    timer, bell = Timer(anyio.current_time), Broken(-inf)
    async with anyio.create_task_group() as tasks:
        with timer.watching(bell):
            tasks.start_soon(timer.run)
            with anyio.fail_after(5):
                await bell.woken.wait()
        tasks.cancel_scope.cancel()
    gaps = [after - before for before, after in pairwise(bell.rang)]
    assert min(gaps) > 0.0005
