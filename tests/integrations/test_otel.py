"""OpenTelemetry: spans and metrics of real recognitions, as its SDK exports them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from paraformer_async import (
    AsyncRecognizer,
    ConnectError,
    Latency,
    Overhead,
    Reconnect,
    TaskFailedError,
    Usage,
)
from paraformer_async.integrations.otel import Telemetry
from paraformer_async.observing import (
    Began,
    Connected,
    Ended,
    EndpointSwitched,
    MessageSent,
    PoolWaited,
    QuotaWaited,
    RetryScheduled,
)
from paraformer_async.testing import Drop, FailTask, ScriptedServer, marked, marks_of

MODEL = "paraformer-realtime-v2"


class Exported:
    """What a program with OpenTelemetry would export."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meters = MeterProvider([self._reader])

    def close(self) -> None:
        """End the threads of the SDK."""
        self.tracers.shutdown()
        self.meters.shutdown()

    @property
    def spans(self) -> Mapping[str, ReadableSpan]:
        """The finished spans by name; the last of each name."""
        return {one.name: one for one in self._spans.get_finished_spans()}

    def points(self) -> dict[str, tuple[str, list[Any]]]:
        """The unit and the data points of each metric."""
        data = self._reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: (metric.unit or "", list(metric.data.data_points))
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def exported() -> Iterator[Exported]:
    """Return what is exported."""
    exported = Exported()
    yield exported
    exported.close()


def recognizer_for(server: ScriptedServer, exported: Exported) -> AsyncRecognizer:
    """Return a recognizer that is observed."""
    return AsyncRecognizer(
        endpoint=server.url,
        api_key="sk-secret",
        reconnect=Reconnect(backoff=lambda _: 0.0),
        observe=Telemetry(exported.tracers, exported.meters),
    )


@pytest.mark.anyio
async def test_a_recognition_is_a_span(exported: Exported) -> None:
    """A recognition is a span in the trace of its caller, with its connection as a child."""
    async with ScriptedServer() as server, recognizer_for(server, exported) as recognizer:
        with exported.tracers.get_tracer("a program").start_as_current_span("a call"):
            async with recognizer.stream(marked(2000)) as stream:
                assert list(range(100)) == marks_of([result async for result in stream])

    span = exported.spans[f"speech_to_text {MODEL}"]
    connect, caller = exported.spans["connect"], exported.spans["a call"]
    assert span.kind is SpanKind.CLIENT
    assert (span.parent, connect.parent) == (caller.context, span.context)
    facts = dict(span.attributes or {})
    assert MODEL == facts["gen_ai.request.model"]
    assert stream.request_ids == facts["paraformer.request_ids"]
    assert stream.usage is not None
    assert stream.usage.duration == facts["paraformer.audio.billed"]
    assert StatusCode.UNSET is span.status.status_code
    assert ["task"] == [event.name for event in span.events]


@pytest.mark.anyio
async def test_retries_and_their_cost(exported: Exported) -> None:
    """A lost connection is an event of the span, and is counted with what is sent again."""
    async with ScriptedServer(faults=[Drop(after_ms=1500)]) as server:
        async with recognizer_for(server, exported) as recognizer:
            async with recognizer.stream(marked(3000)) as stream:
                assert list(range(150)) == marks_of([result async for result in stream])

    span = exported.spans[f"speech_to_text {MODEL}"]
    assert ["task", "retry", "task"] == [event.name for event in span.events]
    metrics = exported.points()
    unit, (retries,) = metrics["paraformer.retries"]
    assert ("{retry}", 1) == (unit, retries.value)
    assert "ConnectionLostError" == retries.attributes["error.type"]
    unit, overhead = metrics["paraformer.audio.overhead"]
    costs = {one.attributes["paraformer.overhead.kind"]: one.value for one in overhead}
    assert "s" == unit
    assert {"replayed": stream.overhead.replayed, "injected": 0.0} == costs
    assert 0 < costs["replayed"]


@pytest.mark.anyio
async def test_metrics(exported: Exported) -> None:
    """Durations and latencies are histograms in seconds; nothing is active in the end."""
    async with ScriptedServer() as server, recognizer_for(server, exported) as recognizer:
        streams = []
        for _ in range(2):
            async with recognizer.stream(marked(2000)) as stream:
                _ = [result async for result in stream]
            streams.append(stream)

    metrics = exported.points()
    for name in ("gen_ai.client.operation", "paraformer.first_result", "paraformer.last_result"):
        unit, (point,) = metrics[f"{name}.duration"]
        assert ("s", 2) == (unit, point.count)
        assert 0.01 == point.explicit_bounds[0]
        assert {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"} == set(
            point.attributes
        )
    utterances = [seconds for one in streams for seconds in one.latency.utterances]
    _, (point,) = metrics["paraformer.utterance.duration"]
    assert (len(utterances), pytest.approx(sum(utterances))) == (point.count, point.sum)
    unit, (point,) = metrics["paraformer.audio.billed"]
    assert ("s", sum(one.usage.duration for one in streams if one.usage)) == (unit, point.value)
    _, (active,) = metrics["paraformer.recognition.active"]
    assert 0 == active.value
    _, (connections,) = metrics["paraformer.connect.duration"]
    assert 1 == connections.count


@pytest.mark.anyio
async def test_a_failure(exported: Exported) -> None:
    """A failure is the status of the span and an attribute of the metrics, without the key."""
    faults = [FailTask("InvalidParameter", "wrong: sk-secret")]
    async with ScriptedServer(faults=faults) as server:
        async with recognizer_for(server, exported) as recognizer:
            with pytest.raises(TaskFailedError):
                _ = [result async for result in recognizer.stream(marked(1000))]

    span = exported.spans[f"speech_to_text {MODEL}"]
    assert StatusCode.ERROR is span.status.status_code
    assert "TaskFailedError" == dict(span.attributes or {})["error.type"]
    assert "InvalidParameter" in (span.status.description or "")
    assert "sk-secret" not in span.to_json()
    _, (point,) = exported.points()["gen_ai.client.operation.duration"]
    assert "TaskFailedError" == point.attributes["error.type"]


@pytest.mark.anyio
async def test_an_early_exit_is_no_failure(exported: Exported) -> None:
    """A stream that is left early ends its span, without an error."""
    async with ScriptedServer() as server, recognizer_for(server, exported) as recognizer:
        async with recognizer.stream(marked(2000)) as stream:
            async for _ in stream:
                break

    span = exported.spans[f"speech_to_text {MODEL}"]
    assert StatusCode.UNSET is span.status.status_code
    assert "error.type" not in dict(span.attributes or {})


def test_what_the_local_service_does_not_do(exported: Exported) -> None:
    """Waits are spans if they are noticeable; tokens have their type, and other hosts are named."""
    observe = Telemetry(exported.tracers, exported.meters)
    failed = ConnectError("no route")
    for event in (
        Began("r", "m"),
        PoolWaited("r", 0.0005),
        QuotaWaited("r", 2.5),
        Connected("r", 0.0, is_reused=True),
        EndpointSwitched("r", "one.example", "two.example", failed),
        MessageSent("r", b"audio"),
        RetryScheduled("r", failed, 1, 0.25, None),
        Ended("r", ("r",), 3.0, 1, Usage(0, 7, 5, 12), Overhead(), None, Latency()),
        Ended("of nobody", ("x",), 3.0, 1, None, Overhead(), None, Latency()),
    ):
        observe(event)

    assert {"quota.wait", "speech_to_text m"} == set(exported.spans)
    wait = exported.spans["quota.wait"]
    assert wait.start_time is not None
    assert wait.end_time is not None
    assert 2.5e9 == pytest.approx(wait.end_time - wait.start_time)
    span = exported.spans["speech_to_text m"]
    assert ["connection reused", "endpoint switched", "retry"] == [one.name for one in span.events]
    # How much of a compressed stream is sent again is not known.
    assert {"error.type": "ConnectError", "paraformer.delay": 0.25} == dict(
        span.events[-1].attributes or {}
    )
    unit, points = exported.points()["gen_ai.client.token.usage"]
    assert "{token}" == unit
    assert {"input": 7, "output": 5} == {
        one.attributes["gen_ai.token.type"]: one.sum for one in points
    }
