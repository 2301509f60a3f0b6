"""
Metrics for Prometheus, by an observer.

    pip install prometheus-client
    python examples/metrics_prometheus.py [PORT]

Without a port, it prints what Prometheus would read; with one, it goes on to serve it.
"""

import asyncio
import sys
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)

from paraformer_async import AsyncRecognizer
from paraformer_async.observing import Began, Connected, Ended, Observation, RetryScheduled
from paraformer_async.server import LocalServer

SPEECH = Path(__file__).parent / "audio" / "goforward.wav"
SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0, 10.0)


class Metrics:
    """An observer of any number of recognizers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def seconds(name: str, text: str) -> Histogram:
            return Histogram(f"asr_{name}_seconds", text, buckets=SECONDS, registry=registry)

        self.running = Gauge("asr_running", "Recognitions", registry=registry)
        self.ended = Counter("asr_ended", "Ended recognitions", ["error"], registry=registry)
        self.retries = Counter("asr_retries", "Retried attempts", ["reason"], registry=registry)
        self.billed = Counter("asr_billed_seconds", "Billed audio", registry=registry)
        self.extra = Counter("asr_extra_seconds", "Audio beyond the user's", registry=registry)
        self.connect = seconds("connect", "Handshakes of new connections")
        self.first = seconds("first_result", "From the first audio to the first result")
        self.utterance = seconds("utterance", "From the end of speech to the final result")

    def __call__(self, event: Observation) -> None:
        match event:
            case Began():
                self.running.inc()
            case Connected(seconds=seconds, is_reused=False):
                self.connect.observe(seconds)
            case RetryScheduled(failure=failure):
                self.retries.labels(type(failure).__name__).inc()
            case Ended():
                self._end(event)

    def _end(self, event: Ended) -> None:
        self.running.dec()
        self.ended.labels(type(event.error).__name__ if event.error else "").inc()
        self.billed.inc(event.usage.duration if event.usage else 0)
        self.extra.inc(event.overhead.replayed + event.overhead.injected)
        if event.latency.first_packet is not None:
            self.first.observe(event.latency.first_packet)
        for seconds in event.latency.utterances:
            self.utterance.observe(seconds)


async def main(registry: CollectorRegistry) -> None:
    async with (
        LocalServer() as server,
        AsyncRecognizer(
            endpoint=server.url, api_key="any", observe=Metrics(registry)
        ) as recognizer,
    ):
        transcript = await recognizer.transcribe(SPEECH)
        print(transcript.text)


if __name__ == "__main__":
    all_metrics = CollectorRegistry()
    asyncio.run(main(all_metrics))
    if len(sys.argv) > 1:
        _, thread = start_http_server(int(sys.argv[1]), "127.0.0.1", all_metrics)
        thread.join()
    print(generate_latest(all_metrics).decode())
