"""The one timer, by a clock that the test sets, and what it waits for."""

from math import inf

import anyio
import pytest

from paraformer_async import Timeouts
from paraformer_async._session.watch import Waits, Watch
from tests.session.clock import Clock

pytestmark = pytest.mark.anyio


def test_no_wait_has_no_deadline() -> None:
    """When nothing is waited for, nothing is ever overdue."""
    waits = Waits(Timeouts())
    assert inf == waits.deadline()
    assert waits.overdue(1e9) is None
    waits.end("send")


def test_the_first_to_run_out_counts() -> None:
    """Of several waits the one counts that runs out first, and it is named."""
    waits = Waits(Timeouts(started=3, send=1))
    waits.begin("started", 10.0)
    waits.begin("send", 11.0)
    assert 12.0 == waits.deadline()
    assert waits.overdue(11.9) is None
    assert "send" == waits.overdue(12.0)
    assert "send" in waits
    waits.end("send")
    assert "send" not in waits
    assert 13.0 == waits.deadline()
    assert "started" == waits.overdue(13.0)


def test_a_wait_that_begins_again_has_all_its_time() -> None:
    """A wait that begins again is counted from then."""
    waits = Waits(Timeouts(finish=5))
    waits.begin("finish", 0.0)
    waits.begin("finish", 4.0)
    assert 9.0 == waits.deadline()


@pytest.mark.parametrize("phase", Timeouts.__struct_fields__)
def test_each_limit_is_that_of_its_name(phase: str) -> None:
    """Each phase has the bound of its name in `Timeouts`."""
    assert 0.5 == Waits(Timeouts(**{phase: 0.5})).limit(phase)


class Bell:
    """A watch, its deadline, and when it rang."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.deadline = inf
        self.looked = 0
        self.rang: list[float] = []
        self.watch = Watch(deadline=self._look, ring=self._ring, clock=self.clock, period=1000.0)

    def _look(self) -> float:
        self.looked += 1
        return self.deadline

    def _ring(self, now: float) -> None:
        self.rang.append(now)
        self.deadline = inf


async def test_a_deadline_that_has_come_rings_at_once() -> None:
    """A deadline that is there when the watch begins, and has come, rings once."""
    bell = Bell()
    bell.deadline = 0.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.watch.run)
        await anyio.wait_all_tasks_blocked()
        assert [0.0] == bell.rang
        tasks.cancel_scope.cancel()


async def test_a_nudge_makes_it_look() -> None:
    """A deadline nearer than those known wakes the watch, which rings when it has come."""
    bell = Bell()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.watch.run)
        await anyio.wait_all_tasks_blocked()
        bell.deadline = 500.0
        bell.watch.nudge(500.0)
        await anyio.wait_all_tasks_blocked()
        assert [] == bell.rang
        bell.clock.now, bell.deadline = 100.0, 99.0
        bell.watch.nudge(99.0)
        await anyio.wait_all_tasks_blocked()
        assert [100.0] == bell.rang
        tasks.cancel_scope.cancel()


async def test_a_later_deadline_does_not_wake_it() -> None:
    """A deadline no nearer than the one known costs nothing."""
    bell = Bell()
    bell.deadline = 10.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bell.watch.run)
        await anyio.wait_all_tasks_blocked()
        looked = bell.looked
        for later in (10.0, 11.0, inf):
            bell.watch.nudge(later)
        await anyio.wait_all_tasks_blocked()
        assert looked == bell.looked
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("period", [0.001, 1000.0])
async def test_it_wakes_by_itself(period: float) -> None:
    """Without a nudge, the watch looks again when the deadline, or its period, is over."""
    deadline = anyio.current_time() + 0.01
    rang: list[float] = []
    woken = anyio.Event()

    def ring(now: float) -> None:
        nonlocal deadline
        deadline = inf
        rang.append(now)
        woken.set()

    async with anyio.create_task_group() as tasks:
        due = deadline
        watch = Watch(deadline=lambda: deadline, ring=ring, clock=anyio.current_time, period=period)
        tasks.start_soon(watch.run)
        with anyio.fail_after(5):
            await woken.wait()
        tasks.cancel_scope.cancel()
    assert rang[0] >= due
