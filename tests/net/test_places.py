"""The places of a pool."""

import asyncio

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._net.places import Places

pytestmark = pytest.mark.anyio


async def turns(count: int = 5) -> None:
    """Let other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(1, 5), st.booleans(), st.integers(0, 3)), max_size=20),
)
def test_no_more_than_there_are(total: int, callers: list[tuple[int, bool, int]]) -> None:
    """However many take and give up, no place is taken twice, none is lost, and the order holds."""

    async def run() -> None:
        places = Places(total)
        taken = most = 0
        order: list[int] = []

        async def work(number: int, count: int, steps: int) -> None:
            nonlocal taken, most
            await places.take(count)
            order.append(number)
            taken += count
            most = max(most, taken)
            try:
                await turns(steps)
            finally:
                taken -= count
                places.give_back(count)

        tasks = []
        for number, (count, gives_up, steps) in enumerate(callers):
            task = asyncio.create_task(work(number, min(count, total), steps))
            tasks.append((task, gives_up))
            await turns(steps)
            if gives_up:
                task.cancel()
        await turns(100)
        assert all(task.done() for task, _ in tasks)
        assert most <= total
        assert (total, 0) == (places.free, places.waited_for)
        assert all(gives_up or task.exception() is None for task, gives_up in tasks)
        assert sorted(order) == order

    asyncio.run(run())


async def test_several_are_taken_at_once() -> None:
    """Who needs two waits for both, holds neither meanwhile, and is not overtaken."""
    places = Places(2)
    await places.take(1)
    order: list[str] = []

    async def take(name: str, count: int) -> None:
        await places.take(count)
        order.append(name)

    tasks = [asyncio.create_task(take("two", 2)), asyncio.create_task(take("one", 1))]
    await turns()
    assert (1, 3, []) == (places.free, places.waited_for, order)
    places.give_back()
    await turns()
    assert ["two"] == order
    places.give_back(2)
    await asyncio.gather(*tasks)
    assert ["two", "one"] == order


async def test_canceled_in_the_step_of_the_grant() -> None:
    """Places that are granted to a task that is canceled in the same step go to the next one."""
    places = Places(1)
    await places.take(1)
    first, second = (asyncio.create_task(places.take(1)) for _ in range(2))
    await turns()
    places.give_back()
    first.cancel()
    with anyio.fail_after(1):
        await second
    assert first.cancelled()
    assert (0, 0) == (places.free, places.waited_for)


async def test_a_place_that_is_given_back_in_the_step_of_a_cancellation() -> None:
    """A task that is canceled before it was granted anything gives nothing back."""
    places = Places(1)
    await places.take(1)
    waiting = asyncio.create_task(places.take(1))
    await turns()
    waiting.cancel()
    places.give_back()
    await turns()
    assert waiting.cancelled()
    assert (1, 0) == (places.free, places.waited_for)


async def test_a_wait_that_the_end_of_the_loop_leaves_behind() -> None:
    """A wait that is closed without being canceled gives nothing back, and lets nobody pass."""
    places = Places(1)
    await places.take(1)
    waiting = asyncio.create_task(places.take(1))
    await turns()
    abandoned = places.take(1)
    abandoned.send(None)
    abandoned.close()
    await turns()
    assert not waiting.done()
    assert (0, 1) == (places.free, places.waited_for)
    places.give_back()
    await waiting
