"""What a recognizer logs and measures, over real sockets."""

import logging

import pytest

from paraformer_async import AsyncRecognizer, Reconnect
from paraformer_async.observing import LatencySummary, Observation, RetryScheduled
from paraformer_async.testing import Refuse, ScriptedServer, Unknown, marked, marks_of

pytestmark = pytest.mark.anyio


async def test_a_retry_before_the_first_task_has_the_id(caplog: pytest.LogCaptureFixture) -> None:
    """A failure before any task is observed, and logged, with the id of the recognition."""
    retries: list[str] = []

    def observe(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            retries.append(event.recognition)

    again = Reconnect(backoff=lambda _: 0.0)
    async with (
        ScriptedServer(faults=[Refuse(503)]) as server,
        AsyncRecognizer(
            endpoint=server.url, api_key="any", observe=observe, reconnect=again
        ) as recognizer,
    ):
        stream = recognizer.stream(marked(100))
        assert list(range(5)) == marks_of([result async for result in stream])

    assert [stream.request_id] == retries
    assert f"[{stream.request_id}] another attempt" in caplog.text


async def test_an_unknown_event_is_a_warning_once(caplog: pytest.LogCaptureFixture) -> None:
    """An unknown kind of event is one warning for a recognizer, however often it is received."""
    caplog.set_level(logging.DEBUG, "paraformer_async")
    async with (
        ScriptedServer(forever=Unknown(after_ms=40)) as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        for _ in range(3):
            _ = [result async for result in recognizer.stream(marked(100))]

    lines = [one for one in caplog.records if "event of unknown kind" in one.getMessage()]
    kinds = {one.getMessage().partition("kind: ")[2] for one in lines}
    warned = [one for one in lines if one.levelno == logging.WARNING]
    assert len(kinds) == len(warned) < len(lines)


async def test_every_latency_is_measured() -> None:
    """A stream has each latency, and the statistics sum those of all streams up."""
    async with (
        ScriptedServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        measured = []
        for _ in range(3):
            async with recognizer.stream(marked(3000)) as stream:
                _ = [result async for result in stream]
            measured.append(stream.latency)
        now = recognizer.statistics()

    for latency in measured:
        known = [getattr(latency, name) for name in latency.__struct_fields__]
        assert None not in known
        assert all(one >= 0 for one in (*latency.utterances, *known) if isinstance(one, float))
    assert [0.0, 0.0] == [one.connect for one in measured[1:]]
    assert (3, 0) == (now.ended, now.failed)
    for name in LatencySummary.__struct_fields__:
        counted = getattr(now.latency, name)
        expected = sum(len(one.utterances) for one in measured) if name == "utterance" else 3
        assert expected == counted.count
        assert counted.p50 <= counted.p90 <= counted.p99 <= counted.maximum
