"""The places in the pool of recognitions that run together."""

import asyncio
import time

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async import PoolLimits
from paraformer_async._client.seats import Seats
from paraformer_async._net.contract import Transport
from paraformer_async._net.pool import Pool
from paraformer_async.options.options import Options

STEPS = st.integers(0, 3)
# Of a recognition: steps until it takes its place; how often it does; steps until it ends.
MEMBERS = st.lists(st.tuples(STEPS, STEPS, STEPS), min_size=1, max_size=3)


async def no_dial(_: Options) -> Transport:
    """Fail: places are taken and given back without a connection."""
    raise AssertionError("a connection was opened")


async def steps(count: int) -> None:
    """Let other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)


@settings(max_examples=50)
@given(st.lists(st.tuples(MEMBERS, STEPS, st.booleans()), max_size=8))
def test_each_place_is_given_back_once(
    groups: list[tuple[list[tuple[int, int, int]], int, bool]],
) -> None:
    """Whenever each of several recognitions takes, ends or is canceled, no place is lost or new."""

    async def run() -> None:
        pool = Pool(no_dial, PoolLimits(connections=3), time.monotonic)
        holders = most = 0

        async def recognize(seats: Seats, before: int, times: int, after: int) -> None:
            nonlocal holders, most
            await steps(before)
            holds = False
            try:
                for _ in range(times):
                    await seats.take()
                    if not holds:
                        holds = True
                        holders += 1
                        most = max(most, holders)
                    await steps(after)
            finally:
                holders -= holds
                seats.leave()

        async def recognize_all(members: list[tuple[int, int, int]]) -> None:
            seats = Seats(pool, len(members))
            try:
                async with anyio.create_task_group() as tasks:
                    for member in members:
                        tasks.start_soon(recognize, seats, *member)
            finally:
                seats.leave_all()

        tasks = []
        for members, wait, gives_up in groups:
            tasks.append(asyncio.create_task(recognize_all(members)))
            await steps(wait)
            if gives_up:
                tasks[-1].cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        assert most <= 3
        assert (0, 0, 0) == pool.counts

    asyncio.run(run())
