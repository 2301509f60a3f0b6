"""The one timer, by a clock that the test sets, and what it waits for."""

from collections.abc import AsyncIterator
from math import inf

import anyio
import pytest

from paraformer_async import Timeouts
from paraformer_async._client.timer import Waits, Watch
from tests.client.clock import Clock

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
    """Has a deadline that the test sets, and tells when it rang and was looked at."""

    def __init__(self, deadline: float = inf, *, period: float = 1000.0) -> None:
        self.at = deadline
        self.period = period
        self.looked = 0
        self.rang: list[float] = []
        self.woken = anyio.Event()

    def deadline(self) -> float:
        """Give what the test has set."""
        self.looked += 1
        return self.at

    def ring(self, now: float) -> None:
        """Note the time."""
        self.rang.append(now)
        self.at = inf
        self.woken.set()


@pytest.fixture
async def clock() -> Clock:
    """The clock of `watch`."""
    return Clock()


@pytest.fixture
async def watch(clock: Clock) -> AsyncIterator[Watch]:
    """A watch that runs."""
    watch = Watch(clock)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch.run)
        yield watch
        tasks.cancel_scope.cancel()


async def test_a_deadline_that_has_come_rings_at_once(watch: Watch) -> None:
    """A deadline that has come when watching begins rings once."""
    bell = Bell(0.0, period=0.0)
    with watch.watching(bell):
        await anyio.wait_all_tasks_blocked()
        assert [0.0] == bell.rang[:1]


async def test_a_nudge_makes_it_look(watch: Watch, clock: Clock) -> None:
    """A deadline nearer than those known wakes the watch, which rings when it has come."""
    bell = Bell()
    with watch.watching(bell):
        await anyio.wait_all_tasks_blocked()
        bell.at = 500.0
        watch.nudge(500.0)
        await anyio.wait_all_tasks_blocked()
        assert [] == bell.rang
        clock.now, bell.at = 100.0, 99.0
        watch.nudge(99.0)
        await anyio.wait_all_tasks_blocked()
        assert [100.0] == bell.rang


async def test_a_later_deadline_does_not_wake_it(watch: Watch) -> None:
    """A deadline no nearer than the one known costs nothing."""
    bell = Bell(10.0)
    with watch.watching(bell):
        watch.nudge(10.0)
        await anyio.wait_all_tasks_blocked()
        looked = bell.looked
        for later in (10.0, 11.0, inf):
            watch.nudge(later)
        await anyio.wait_all_tasks_blocked()
        assert looked == bell.looked


async def test_each_of_several_rings_for_itself(watch: Watch, clock: Clock) -> None:
    """Only those ring whose deadline has come, and those that are not watched any more never."""
    early, late, gone = Bell(1.0), Bell(2.0), Bell(1.0)
    with watch.watching(late), watch.watching(early):
        with watch.watching(gone):
            await anyio.wait_all_tasks_blocked()
        clock.now = 1.5
        watch.nudge(-1.0)
        await anyio.wait_all_tasks_blocked()
    assert ([1.5], [], []) == (early.rang, late.rang, gone.rang)


@pytest.mark.parametrize("period", [0.001, 1000.0])
async def test_it_wakes_by_itself(period: float) -> None:
    """Without a nudge, the watch looks again when the deadline, or a period, is over."""
    watch, due = Watch(anyio.current_time), anyio.current_time() + 0.01
    bell = Bell(due, period=period)
    async with anyio.create_task_group() as tasks:
        with watch.watching(bell):
            tasks.start_soon(watch.run)
            with anyio.fail_after(5):
                await bell.woken.wait()
        tasks.cancel_scope.cancel()
    assert bell.rang[0] >= due
