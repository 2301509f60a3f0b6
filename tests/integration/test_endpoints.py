"""Several endpoints over real sockets: recognitions go on at the next one."""

import asyncio
from typing import Any

import pytest

from paraformer_async import (
    AsyncRecognizer,
    AuthenticationError,
    ConnectError,
    HandshakeError,
    Reconnect,
    Timeouts,
)
from paraformer_async._net.endpoints import REST
from paraformer_async.observing import EndpointSwitched, Observation
from paraformer_async.testing import Drop, FailTask, Refuse, ScriptedServer, Stall, marked, marks_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

NOWHERE = "ws://127.0.0.1:1/x?secret"
AT_ONCE = Reconnect(backoff=lambda _: 0.0)


def switches(observed: list[Observation]) -> list[EndpointSwitched]:
    """Return the switches among what was observed."""
    return [one for one in observed if isinstance(one, EndpointSwitched)]


async def recognized(recognizer: AsyncRecognizer) -> list[int]:
    """Return the marks of a stream of 1 s."""
    return marks_of([result async for result in recognizer.stream(marked(1000))])


@pytest.mark.parametrize("reconnect", [AT_ONCE, None], ids=["reconnect", "at once"])
async def test_the_next_endpoint_takes_over(reconnect: Reconnect | None) -> None:
    """If the first one cannot be connected to, the next one is used at once, by all streams."""
    observed: list[Observation] = []
    async with ScriptedServer() as server:
        options: dict[str, Any] = {"endpoints": [NOWHERE, server.url], "api_key": "any"}
        async with AsyncRecognizer(
            **options, reconnect=reconnect, observe=observed.append
        ) as recognizer:
            for _ in range(3):
                assert list(range(50)) == await recognized(recognizer)
            assert "secret" not in repr(recognizer)
    (switch,) = switches(observed)
    assert ("127.0.0.1:1", True) == (switch.previous, switch.host in server.url)
    assert isinstance(switch.failure, ConnectError)
    assert "secret" not in repr(observed)


async def test_a_wrong_path_is_the_endpoints_fault() -> None:
    """An endpoint that knows no such path, which cannot pass by itself, is left, too."""
    async with ScriptedServer(forever=Refuse(404)) as first, ScriptedServer() as second:
        async with AsyncRecognizer(endpoints=[first.url, second.url], api_key="any") as recognizer:
            for _ in range(2):
                assert list(range(50)) == await recognized(recognizer)
    assert (1, 2) == (len(first.headers), len(second.received))


async def test_stale_connections_are_no_fault_of_their_endpoint() -> None:
    """However many idle connections were lost without notice, the endpoint stays the same."""
    stalled = [Stall(at="idle")] * 3
    async with ScriptedServer(faults=stalled) as first, ScriptedServer() as second:
        async with AsyncRecognizer(
            endpoints=[first.url, second.url],
            api_key="any",
            timeouts=Timeouts(reused=0.2, close=0.1),
        ) as recognizer:
            for _ in range(2):
                texts = await asyncio.gather(*(recognized(recognizer) for _ in stalled))
                assert [list(range(50))] * 3 == texts
    assert (6, 0) == (len(first.received), len(second.headers))


async def test_a_switch_is_reported_once() -> None:
    """A connection that is used again, also by its own address, is no switch of endpoints."""
    observed: list[Observation] = []
    async with ScriptedServer() as server:
        async with AsyncRecognizer(
            endpoints=[NOWHERE, server.url], api_key="any", observe=observed.append
        ) as recognizer:
            await recognized(recognizer)
            stream = recognizer.stream(marked(100), endpoint=server.url, endpoints=())
            assert list(range(5)) == marks_of([result async for result in stream])
        assert 1 == len(server.headers)
    assert 1 == len(switches(observed))


async def test_the_first_endpoint_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its rest, the first endpoint is tried, and used again if it works."""
    observed: list[Observation] = []
    async with (
        ScriptedServer(faults=[Refuse(503)]) as first,
        ScriptedServer() as second,
        AsyncRecognizer(
            endpoint=first.url, endpoints=[second.url], api_key="any", observe=observed.append
        ) as recognizer,
    ):
        await recognized(recognizer)
        await recognized(recognizer)
        assert (0, 2) == (len(first.received), len(second.received))
        assert recognizer._client is not None
        endpoints = recognizer._client.pool._endpoints
        now = endpoints._clock()
        monkeypatch.setattr(endpoints, "_clock", lambda: now + REST)
        await recognized(recognizer)
        assert (1, 2) == (len(first.received), len(second.received))
    there, back = switches(observed)
    assert isinstance(there.failure, HandshakeError)
    assert back.failure is None
    assert (there.previous, there.host) == (back.host, back.previous)


async def test_no_word_is_lost_between_endpoints() -> None:
    """A stream whose endpoint fails task after task continues at the next one, with every mark."""
    failing = [Drop(after_ms=1500), *[FailTask("InternalError", "no")] * 5]
    async with ScriptedServer(faults=failing) as first, ScriptedServer() as second:
        async with AsyncRecognizer(
            endpoints=[first.url, second.url], api_key="any", reconnect=AT_ONCE
        ) as recognizer:
            results = [result async for result in recognizer.stream(marked(3000))]
    assert list(range(150)) == marks_of(results)
    assert 1 == len(second.received)


@pytest.mark.parametrize("after_ms", [0, 300, 700])
async def test_an_endpoint_that_drops_every_task_is_left(after_ms: int) -> None:
    """An endpoint that starts each task, and drops it before it has got further, is left."""
    drops = Drop(after_ms=after_ms)
    async with ScriptedServer(forever=drops) as first, ScriptedServer() as second:
        async with AsyncRecognizer(
            endpoints=[first.url, second.url], api_key="any", reconnect=AT_ONCE
        ) as recognizer:
            results = [result async for result in recognizer.stream(marked(2000))]
            assert list(range(100)) == marks_of(results)
            assert 1 == len(second.received)
            assert list(range(50)) == await recognized(recognizer)  # at the second one, at once
    assert len(first.received) <= 3


async def test_an_endpoint_that_drops_after_progress_is_kept() -> None:
    """Connections that are lost after a finished task, or after results, say nothing against it."""
    drops = [fault for _ in range(3) for fault in (None, Drop(after_ms=0))]
    async with ScriptedServer(faults=drops) as first, ScriptedServer() as second:
        async with AsyncRecognizer(
            endpoints=[first.url, second.url], api_key="any", reconnect=AT_ONCE
        ) as recognizer:
            async with recognizer.stream() as stream:
                for _ in range(4):
                    await stream.send(marked(1000))
                    await stream.flush()
                await stream.finish()
                assert [_ async for _ in stream]
    assert [] == second.headers


async def test_the_requests_fault_is_not_carried_on() -> None:
    """A refused key is an error at once; the next endpoint does not see it."""
    async with ScriptedServer(forever=Refuse(401)) as first, ScriptedServer() as second:
        async with AsyncRecognizer(endpoints=[first.url, second.url], api_key="any") as recognizer:
            with pytest.raises(AuthenticationError):
                await recognized(recognizer)
    assert [] == second.headers


async def test_no_endpoint_works() -> None:
    """If none can be connected to, the error is one that may pass, if there is one."""
    async with ScriptedServer(forever=Refuse(503)) as server:
        async with AsyncRecognizer(
            endpoints=[NOWHERE, server.url], api_key="any", reconnect=None
        ) as recognizer:
            with pytest.raises(ConnectError) as caught:
                await recognized(recognizer)
            assert caught.value.retryable


async def test_connections_in_advance_are_opened_where_they_are_used() -> None:
    """`warm` opens connections to the endpoint that the next recognition uses."""
    async with ScriptedServer() as first, ScriptedServer() as second:
        async with AsyncRecognizer(endpoints=[first.url, second.url], api_key="any") as recognizer:
            await recognizer.warm(2)
            await recognized(recognizer)
    assert (2, 0) == (len(first.headers), len(second.headers))


async def test_connections_in_advance_are_opened_at_the_next_endpoint() -> None:
    """If the first endpoint cannot be connected to, `warm` opens connections to the next one."""
    observed: list[Observation] = []
    async with ScriptedServer() as server:
        async with AsyncRecognizer(
            endpoints=[NOWHERE, server.url], api_key="any", observe=observed.append
        ) as recognizer:
            await recognizer.warm(2)
            assert 2 == recognizer.statistics().idle == len(server.headers)
            await recognized(recognizer)
        assert 2 == len(server.headers)
    assert 1 == len(switches(observed))


async def test_no_endpoint_can_be_connected_to_in_advance() -> None:
    """`warm` raises the failure if no endpoint works, as a recognition does."""
    async with ScriptedServer(forever=Refuse(503)) as server:
        async with AsyncRecognizer(endpoints=[NOWHERE, server.url], api_key="any") as recognizer:
            with pytest.raises(ConnectError) as caught:
                await recognizer.warm(1)
    assert caught.value.retryable


async def test_connections_in_advance_show_that_an_endpoint_works_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the rest of the first endpoint, `warm` tries it, and recognitions use it again."""
    async with (
        ScriptedServer(faults=[Refuse(503)]) as first,
        ScriptedServer() as second,
        AsyncRecognizer(endpoints=[first.url, second.url], api_key="any") as recognizer,
    ):
        await recognized(recognizer)
        assert recognizer._client is not None
        endpoints = recognizer._client.pool._endpoints
        now = endpoints._clock()
        monkeypatch.setattr(endpoints, "_clock", lambda: now + REST)
        await recognizer.warm(1)
        await recognized(recognizer)
        assert (1, 1) == (len(first.received), len(second.received))
