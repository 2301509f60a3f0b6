"""
Traces and metrics by OpenTelemetry (extra `otel`), printed instead of exported.

    pip install opentelemetry-sdk
    python examples/metrics_opentelemetry.py

A program of yours would set global providers, with exporters of its choice, and needs only
`observe=Telemetry()`.
"""

import asyncio
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from paraformer_async import AsyncRecognizer
from paraformer_async.integrations.otel import Telemetry
from paraformer_async.server import LocalServer

SPEECH = Path(__file__).parent / "audio" / "goforward.wav"


async def main() -> None:
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    meters = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())])
    async with (
        LocalServer() as server,
        AsyncRecognizer(
            endpoint=server.url, api_key="any", observe=Telemetry(tracers, meters)
        ) as recognizer,
    ):
        with tracers.get_tracer(__name__).start_as_current_span("a request"):
            transcript = await recognizer.transcribe(SPEECH)
        print(transcript.text)
    meters.shutdown()  # exports what there is
    tracers.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
