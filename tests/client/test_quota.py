"""The quota of submissions, by a clock that the test sets."""

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._client.quota import SubmissionRate
from tests.client.clock import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    """The quota's clock."""
    return Clock()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept; no sleep takes any time."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))

    monkeypatch.setattr(anyio, "sleep", sleep)
    return slept


async def test_the_first_pass_at_once(clock: Clock, waits: list[float]) -> None:
    """As many as the quota allows pass without waiting."""
    rate = SubmissionRate(3, clock)
    for _ in range(3):
        await rate.wait()
    assert [] == waits


async def test_further_ones_wait_for_a_place(clock: Clock, waits: list[float]) -> None:
    """Each further one waits until a second after the one that far before it, in order."""
    rate = SubmissionRate(2, clock)
    for clock.now in (0.0, 0.25, 0.5, 0.5, 0.5):
        await rate.wait()
    assert [0.5, 0.75, 1.5] == waits


async def test_the_window_slides(clock: Clock, waits: list[float]) -> None:
    """A place is free again a second after it was taken, not at the full second."""
    rate = SubmissionRate(2, clock)
    for clock.now in (0.0, 0.9, 1.0, 1.1, 1.9):
        await rate.wait()
    assert [0.8, 0.1] == waits


async def test_a_cancelled_place_is_lost(clock: Clock) -> None:
    """Who gives up has taken a place all the same: the quota errs on the safe side."""
    rate = SubmissionRate(1, clock)
    await rate.wait()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(rate.wait)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    clock.now = 1.5
    with anyio.move_on_after(0) as scope:
        await rate.wait()
    assert scope.cancelled_caught


@given(
    per_second=st.integers(1, 5),
    gaps=st.lists(st.integers(0, 1500), min_size=1, max_size=40),
)
def test_never_more_than_the_quota_within_a_second(per_second: int, gaps: list[int]) -> None:
    """Whenever they come: in order, not before they came, and never too many in one second."""
    clock = Clock()
    slept = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal slept
        slept = seconds

    async def passes() -> list[float]:
        nonlocal slept
        rate = SubmissionRate(per_second, clock)
        passed = []
        for gap in gaps:
            clock.now += gap / 1000
            slept = 0.0
            await rate.wait()
            assert slept >= 0
            passed.append(clock.now + slept)
        return passed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anyio, "sleep", sleep)
        passed = anyio.run(passes)
    assert sorted(passed) == passed
    for early, late in zip(passed, passed[per_second:], strict=False):
        assert late - early >= 1 - 1e-6
