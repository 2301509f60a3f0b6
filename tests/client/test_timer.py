"""The one timer, by a clock that the test sets."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
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
        timer.nudge(bell, 500.0)
        await anyio.wait_all_tasks_blocked()
        assert [] == bell.rang
        clock.now, bell.at = 100.0, 99.0
        timer.nudge(bell, 99.0)
        await anyio.wait_all_tasks_blocked()
        assert [100.0] == bell.rang


async def test_a_later_deadline_does_not_wake_it(timer: Timer) -> None:
    """A deadline no nearer than the one known costs nothing."""
    bell = Bell(10.0)
    with timer.watching(bell):
        timer.nudge(bell, 10.0)
        await anyio.wait_all_tasks_blocked()
        looked = bell.looked
        for later in (10.0, 11.0, inf):
            timer.nudge(bell, later)
        await anyio.wait_all_tasks_blocked()
        assert looked == bell.looked


async def test_each_of_several_rings_for_itself(timer: Timer, clock: Clock) -> None:
    """Only those ring whose deadline has come, and those that are not watched any more never."""
    early, late, gone = Bell(1.0), Bell(2.0), Bell(1.0)
    with timer.watching(late), timer.watching(early):
        with timer.watching(gone):
            await anyio.wait_all_tasks_blocked()
        clock.now = 1.5
        for bell in (early, late, gone):
            timer.nudge(bell, bell.at)
        await anyio.wait_all_tasks_blocked()
    assert ([1.5], [], []) == (early.rang, late.rang, gone.rang)


@pytest.mark.parametrize(("period", "is_known"), [(0.001, False), (1000.0, True)])
async def test_it_wakes_by_itself(period: float, *, is_known: bool) -> None:
    """The timer checks again at the deadline that it knows, and after a period in any case."""
    timer, due = Timer(anyio.current_time), anyio.current_time() + 0.01
    bell = Bell(due, period=period)
    async with anyio.create_task_group() as tasks:
        with timer.watching(bell):
            if is_known:
                timer.nudge(bell, due)
            tasks.start_soon(timer.run)
            with anyio.fail_after(5):
                await bell.woken.wait()
        tasks.cancel_scope.cancel()
    assert bell.rang[0] >= due


async def test_only_what_is_due_is_checked(timer: Timer, clock: Clock) -> None:
    """One deadline that has passed does not make the timer check all the others."""
    bells = [Bell(float(at)) for at in range(1, 101)]
    with ExitStack() as watching:
        for bell in bells:
            watching.enter_context(timer.watching(bell))
            timer.nudge(bell, bell.at)
        await anyio.wait_all_tasks_blocked()
        clock.now = 3.5
        timer.nudge(bells[-1], 0.5)
        await anyio.wait_all_tasks_blocked()
    assert [1] * 3 == [len(bell.rang) for bell in bells[:3]]
    assert [0] * 96 == [bell.looked for bell in bells[3:-1]]
    assert (1, []) == (bells[-1].looked, bells[-1].rang)


async def test_a_deadline_that_was_postponed_rings_when_it_comes(
    timer: Timer, clock: Clock
) -> None:
    """At the time first known, the timer notes a deadline that has moved, and rings only then."""
    bell = Bell(1.0)
    with timer.watching(bell):
        timer.nudge(bell, 1.0)
        clock.now, bell.at = 1.0, 2.0
        timer.nudge(bell, 0.5)
        await anyio.wait_all_tasks_blocked()
        assert [] == bell.rang
        clock.now = 2.5
        timer.nudge(bell, 1.5)
        await anyio.wait_all_tasks_blocked()
    assert [2.5] == bell.rang


@pytest.mark.parametrize("moved", [1.07, 2.01, 5.01, 1e6 + 0.02])
def test_deadlines_that_were_postponed_are_checked_together(moved: float) -> None:
    """One is checked a little before it, at a time that others share, and then rings exactly."""
    clock = Clock()
    timer, bells = Timer(clock), (Bell(1.0, period=inf), Bell(1.0, period=inf))
    with timer.watching(bells[0]), timer.watching(bells[1]):
        for bell, later in zip(bells, (0.0, 0.02), strict=True):
            timer.nudge(bell, 1.0)
            bell.at = moved + later
        timer._check_due(1.0)
        (checked,) = set(map(timer._known.get, bells))
        assert checked is not None
        assert moved - 1 / 16 < checked <= moved
        timer._check_due(checked)
        assert [bell.at for bell in bells] == [timer._known[bell] for bell in bells]
        assert [[], []] == [bell.rang for bell in bells]


async def test_deadlines_that_come_and_go_use_no_memory(timer: Timer, clock: Clock) -> None:
    """Times that are out of date are forgotten, long before they come."""
    bell = Bell(period=1e6)
    with timer.watching(bell):
        for second in range(1000):
            clock.now = float(second)
            timer.nudge(bell, clock.now)
            await anyio.wait_all_tasks_blocked()
        assert 1000 <= bell.looked
        assert len(timer._heap) < 100


async def test_one_that_ends_while_it_rings_is_forgotten(timer: Timer) -> None:
    """An object that is no longer watched after `ring` is not checked again."""
    watching = ExitStack()

    class Last(Bell):
        def ring(self, now: float) -> None:
            super().ring(now)
            watching.close()

    bell = Last(0.0, period=0.0)
    watching.enter_context(timer.watching(bell))
    await anyio.wait_all_tasks_blocked()
    assert ([0.0], 0) == (bell.rang, timer.watched)


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
            timer.nudge(bell, bell.at)
            tasks.start_soon(timer.run)
            with anyio.fail_after(5):
                await bell.woken.wait()
        tasks.cancel_scope.cancel()
    gaps = [after - before for before, after in pairwise(bell.rang)]
    assert min(gaps) > 0.0005
