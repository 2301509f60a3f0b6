"""A single drop loses no word, wherever it occurs."""

import anyio
import pytest

from paraformer_async.testing import Drop, ScriptedServer
from tests.integration.marked import LENGTH, assert_complete, results_of
from tests.loops import one_loop

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]
anyio_backend = one_loop  # 300 recognitions of 10 s are too slow for more


@pytest.mark.parametrize("before_final", [None, True, False])
async def test_one_drop_anywhere(before_final: bool | None) -> None:
    """A drop at any 100 ms of the stream, before or after a final result, loses nothing."""
    limiter = anyio.CapacityLimiter(10)

    async def survive(after_ms: int) -> None:
        async with (
            limiter,
            ScriptedServer(faults=[Drop(after_ms=after_ms, before_final=before_final)]) as server,
        ):
            assert_complete(await results_of(server))
            assert 1 == len(server.happened)
            assert len(server.received) <= 2  # one, if all audio was covered before the drop
            assert [] == server.violations

    async with anyio.create_task_group() as tasks:
        for after_ms in range(0, LENGTH, 100):
            tasks.start_soon(survive, after_ms)
