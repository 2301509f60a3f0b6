"""Each recognition has one end for its middleware, whether or not the service sends one."""

from collections.abc import Iterable

import pytest

from paraformer_async import Reconnect
from paraformer_async.middleware import Event, Middleware, ResultGenerated, TaskFinished
from paraformer_async.testing import Drop, FailTask, Fault, ScriptedServer, marked
from tests.integration.marked import assert_complete, recognizer_for, results_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


class Joining(Middleware):
    """Returns all results at the end."""

    def __init__(self) -> None:
        self._held: list[Event] = []

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Hold a result back, and return all of them with the end."""
        if isinstance(event, ResultGenerated):
            self._held.append(event)
            return ()
        return [*self._held, event] if isinstance(event, TaskFinished) else (event,)


@pytest.mark.parametrize(
    "fault", [None, Drop(at="finished"), FailTask("InternalError", at="finished")]
)
async def test_middleware_that_returns_all_results_at_the_end(fault: Fault | None) -> None:
    """It receives an end, also of a task that was lost after its last result."""
    async with ScriptedServer(faults=[fault]) as server:
        results = await results_of(server, middleware=[Joining])
    assert_complete(results)
    assert 1 == len(server.received)


@pytest.mark.parametrize("is_flushed", [False, True])
async def test_latencies_of_an_end_between_tasks(is_flushed: bool) -> None:
    """When the audio ends while the next task is waited for, all latencies are known."""
    faults = [None if is_flushed else Drop(after_ms=1000, before_final=False)]
    reconnect = Reconnect(backoff=lambda _: 0.2)
    async with ScriptedServer(faults=faults) as server:
        async with recognizer_for(server, reconnect=reconnect) as recognizer:
            async with recognizer.stream() as stream:
                await stream.send(marked(1000))
                if is_flushed:
                    await stream.flush()
                async for result in stream:
                    if result.is_final:
                        break
                await stream.finish()
                assert [] == [result async for result in stream if result.is_final]
    assert stream.latency.last_packet is not None
    assert stream.latency.real_time_factor is not None
