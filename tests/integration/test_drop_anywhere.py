"""One drop, wherever it comes, loses no word."""

import anyio
import pytest

from paraformer_async.testing import Drop, ScriptedServer
from tests.integration.marked import LENGTH, assert_complete, results_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """300 recognitions of 10 s are enough for one loop, and too many for its debug mode."""
    return ("asyncio", {"debug": False})


@pytest.mark.parametrize("before_final", [None, True, False])
async def test_one_drop_anywhere(before_final: bool | None) -> None:
    """One drop at any 100 ms of the stream, around a final result or not, loses nothing."""
    limiter = anyio.CapacityLimiter(10)

    async def survive(after_ms: int) -> None:
        async with (
            limiter,
            ScriptedServer(faults=[Drop(after_ms=after_ms, before_final=before_final)]) as server,
        ):
            assert_complete(await results_of(server))
            assert 1 == len(server.happened)
            assert len(server.received) <= 2  # one, when all had been said before the drop
            assert [] == server.violations

    async with anyio.create_task_group() as tasks:
        for after_ms in range(0, LENGTH, 100):
            tasks.start_soon(survive, after_ms)
