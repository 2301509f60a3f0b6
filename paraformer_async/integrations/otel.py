"""
Traces and metrics by OpenTelemetry (extra `otel`).

    AsyncRecognizer(observe=Telemetry())

Each recognition is a span, in the trace of whoever began it. Names and units follow the semantic
conventions for generative AI where these have one for what is measured, and begin with `paraformer`
otherwise. docs/observing.md lists them. No text that was recognized is recorded, and no audio.
"""

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from paraformer_async.errors import MissingExtraError, ParaformerError
from paraformer_async.observing import (
    AttemptStarted,
    Began,
    Connected,
    Ended,
    EndpointSwitched,
    Observation,
    PoolWaited,
    QuotaWaited,
    RetryScheduled,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram, Meter, MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from paraformer_async.results import Overhead, Usage

__all__ = ["Telemetry"]

_SCOPE = "paraformer_async"
_OPERATION = "speech_to_text"
_PROVIDER = "alibaba_cloud.model_studio"
# As the conventions for generative AI advise, in seconds.
_SECONDS = [0.01 * 2**power for power in range(14)]
_FACTORS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.9, 1.0, 1.1, 1.5, 2.0, 5.0]
# Shorter waits, in seconds, are in the metrics, but not in traces.
_NOTICEABLE = 0.001
_LATENCIES = {
    "first_packet": "paraformer.first_result.duration",
    "last_packet": "paraformer.last_result.duration",
    "started": "paraformer.task_start.duration",
}


class _Running(Struct):
    """A recognition that has not ended."""

    span: "Span"
    attributes: dict[str, Any]


class Telemetry:
    """
    An observer that emits a span for each recognition, and metrics of all.

    Several recognizers may share one. It keeps only what has begun and not ended.

    Args:
        tracer_provider: Where spans go. Default: the global one.
        meter_provider: Where metrics go. Default: the global one.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(
        self,
        tracer_provider: "TracerProvider | None" = None,
        meter_provider: "MeterProvider | None" = None,
    ) -> None:
        try:
            self._trace = import_module("opentelemetry.trace")
            metrics = import_module("opentelemetry.metrics")
        except ImportError as error:
            raise MissingExtraError("OpenTelemetry", "otel") from error
        self._tracer = self._trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._metrics = _Metrics(metrics.get_meter(_SCOPE, meter_provider=meter_provider))
        self._running: dict[str, _Running] = {}

    def __call__(self, event: Observation) -> None:
        """Record an observation."""
        if isinstance(event, Began):
            self._begin(event)
        elif running := self._running.get(event.recognition):
            self._note(event, running)

    def _begin(self, event: Began) -> None:
        attributes = {
            "gen_ai.operation.name": _OPERATION,
            "gen_ai.provider.name": _PROVIDER,
            "gen_ai.request.model": event.model,
        }
        span = self._tracer.start_span(
            f"{_OPERATION} {event.model}", kind=self._trace.SpanKind.CLIENT, attributes=attributes
        )
        self._running[event.recognition] = _Running(span, attributes)
        self._metrics.active.add(1, attributes)

    def _note(self, event: Observation, running: _Running) -> None:
        match event:
            case PoolWaited(seconds=seconds):
                self._note_wait("pool.wait", seconds, running)
            case QuotaWaited(seconds=seconds):
                self._note_wait("quota.wait", seconds, running)
            case Connected(is_reused=True):
                running.span.add_event("connection reused")
            case Connected(seconds=seconds):
                self._note_wait("connect", seconds, running, least=0.0)
            case AttemptStarted(request_id=request_id, number=number):
                running.span.add_event(
                    "task", {"paraformer.request_id": request_id, "paraformer.task.number": number}
                )
            case EndpointSwitched(host=host):
                running.span.add_event("endpoint switched", {"server.address": host})
            case RetryScheduled():
                self._note_retry(event, running)
            case Ended():
                self._end(event, running)
            case _:
                pass  # raw messages

    def _note_wait(
        self, name: str, seconds: float, running: _Running, *, least: float = _NOTICEABLE
    ) -> None:
        """Record what has just ended, and took *seconds*."""
        self._metrics.waits[name].record(seconds, running.attributes)
        if seconds < least:
            return
        now = time.time_ns()
        context = self._trace.set_span_in_context(running.span)
        began = now - round(seconds * 1e9)
        self._tracer.start_span(name, context=context, start_time=began).end(now)

    def _note_retry(self, event: RetryScheduled, running: _Running) -> None:
        failure = {"error.type": type(event.failure).__name__}
        cost = {"paraformer.delay": event.delay}
        if event.replayed is not None:
            cost["paraformer.audio.replayed"] = event.replayed
        running.span.add_event("retry", {**failure, **cost})
        self._metrics.retries.add(1, {**running.attributes, **failure})

    def _end(self, event: Ended, running: _Running) -> None:
        del self._running[event.recognition]
        self._metrics.active.add(-1, running.attributes)
        span, error = running.span, event.error
        span.set_attributes(
            {
                "paraformer.request_ids": event.request_ids,
                "paraformer.results.final": event.finals,
                **_cost(event.usage, event.overhead),
            }
        )
        if event.has_failed and isinstance(error, ParaformerError):
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(self._trace.StatusCode.ERROR, error.message)
            running.attributes["error.type"] = type(error).__name__
        span.end()
        self._metrics.end(event, running.attributes)


class _Metrics:
    """The instruments."""

    def __init__(self, meter: "Meter") -> None:
        def seconds(name: str, text: str) -> "Histogram":
            return meter.create_histogram(
                name, "s", text, explicit_bucket_boundaries_advisory=_SECONDS
            )

        self.active = meter.create_up_down_counter(
            "paraformer.recognition.active", "{recognition}", "Recognitions that are running."
        )
        self.retries = meter.create_counter(
            "paraformer.retries",
            "{retry}",
            "Failed attempts that another one follows.",
        )
        self.waits = {
            "pool.wait": seconds("paraformer.pool.wait.duration", "Waits for a connection."),
            "quota.wait": seconds("paraformer.quota.wait.duration", "Waits for the quota."),
            "connect": seconds("paraformer.connect.duration", "Handshakes of connections."),
        }
        self._duration = seconds("gen_ai.client.operation.duration", "Durations of recognitions.")
        self._utterance = seconds(
            "paraformer.utterance.duration", "From the end of speech to the final result."
        )
        self._latencies = {
            field: seconds(name, f"Latency.{field}") for field, name in _LATENCIES.items()
        }
        self._factor = meter.create_histogram(
            "paraformer.real_time_factor",
            "1",
            "Duration of the recognition over that of the audio.",
            explicit_bucket_boundaries_advisory=_FACTORS,
        )
        self._finals = meter.create_counter(
            "paraformer.results.final", "{result}", "Final results."
        )
        self._billed = meter.create_counter("paraformer.audio.billed", "s", "Audio that is billed.")
        self._overhead = meter.create_counter(
            "paraformer.audio.overhead", "s", "Audio that was sent again, or injected."
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens that are billed."
        )

    def end(self, event: Ended, attributes: dict[str, Any]) -> None:
        """Record the end of a recognition."""
        self._duration.record(event.seconds, attributes)
        for field, histogram in self._latencies.items():
            if (value := getattr(event.latency, field)) is not None:
                histogram.record(value, attributes)
        for value in event.latency.utterances:
            self._utterance.record(value, attributes)
        if event.latency.real_time_factor is not None:
            self._factor.record(event.latency.real_time_factor, attributes)
        self._finals.add(event.finals, attributes)
        for kind in ("replayed", "injected"):
            seconds = getattr(event.overhead, kind)
            self._overhead.add(seconds, {**attributes, "paraformer.overhead.kind": kind})
        if event.usage is not None:
            self._billed.add(event.usage.duration, attributes)
            for kind in ("input", "output"):
                if tokens := getattr(event.usage, f"{kind}_tokens"):
                    self._tokens.record(tokens, {**attributes, "gen_ai.token.type": kind})


def _cost(usage: "Usage | None", overhead: "Overhead") -> dict[str, float]:
    """Return the attributes of a span for what is billed, without those that are zero."""
    cost = {
        "paraformer.audio.replayed": overhead.replayed,
        "paraformer.audio.injected": overhead.injected,
    }
    if usage is not None:
        cost |= {
            "paraformer.audio.billed": usage.duration,
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
        }
    return {name: value for name, value in cost.items() if value}
