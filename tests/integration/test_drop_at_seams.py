"""A drop around a seam loses no word, wherever it occurs."""

import anyio
import pytest

from paraformer_async.testing import Drop, ScriptedServer
from tests.integration.marked import assert_complete
from tests.integration.test_seams import BLOCKS, MOMENTS, SEAMS, each_pace, results_of_pushing
from tests.loops import one_loop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]
anyio_backend = one_loop  # 1,600 drops are too slow for more


@each_pace
async def test_a_drop_at_every_seam(pause: float) -> None:
    """A drop in every task, at every 100 ms and every moment of a seam: nothing lost or twice."""
    limiter = anyio.CapacityLimiter(4)

    async def survive(offset: int) -> None:
        moments = [MOMENTS[(number + offset) % len(MOMENTS)] for number in range(SEAMS)]
        # The task that takes over has no fault.
        faults = [each for moment in moments for each in (Drop(**moment), None)]
        async with limiter, ScriptedServer(faults=faults) as server:
            assert_complete(await results_of_pushing(server, pause), BLOCKS)
            assert len(server.happened) >= SEAMS * 3 // 4
            assert [] == server.violations

    async with anyio.create_task_group() as tasks:
        for offset in range(len(MOMENTS)):
            tasks.start_soon(survive, offset)
