"""The latencies of all recognitions of a recognizer."""

import pytest

from paraformer_async import Latency, Overhead, TaskFailedError, UsageError
from paraformer_async._client import summary as module
from paraformer_async._client.summary import Summary
from paraformer_async.observing import Ended, LatencySummary, Percentiles


def ended(latency: Latency, error: BaseException | None = None) -> Ended:
    """Return the end of a recognition."""
    return Ended("r", ("r",), 1.0, 0, None, Overhead(), error, latency)


def test_nothing_is_known_at_first() -> None:
    """Before a recognition has ended, nothing is known."""
    assert LatencySummary() == Summary().latency()


def test_percentiles() -> None:
    """The percentiles are values that were measured, of any order of arrival."""
    summary = Summary()
    for number in range(100, 0, -1):
        summary.add(ended(Latency(first_packet=number / 100)))

    assert Percentiles(100, 0.5, 0.9, 0.99, 1.0) == summary.latency().first_packet
    assert summary.latency().last_packet is None


def test_one_measurement() -> None:
    """A single measurement is every percentile."""
    summary = Summary()
    summary.add(ended(Latency(connect=0.25)))
    assert Percentiles(1, *[0.25] * 4) == summary.latency().connect


def test_each_utterance_counts() -> None:
    """A recognition has any number of utterances, and each is a measurement."""
    summary = Summary()
    summary.add(ended(Latency(utterance=0.3, utterances=(0.1, 0.2, 0.3))))
    summary.add(ended(Latency()))
    assert Percentiles(3, 0.2, 0.3, 0.3, 0.3) == summary.latency().utterance


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Percentiles are those of the latest measurements; older ones are only counted."""
    monkeypatch.setattr(module, "_LATEST", 10)
    summary = Summary()
    for number in range(1000):
        summary.add(ended(Latency(started=float(number))))
    assert Percentiles(1000, 994.0, 998.0, 999.0, 999.0) == summary.latency().started


def test_failures_are_counted() -> None:
    """What failed is counted; what was closed early, or ended by the user, has only ended."""
    summary = Summary()
    own = (UsageError("closed early"), ValueError("of the source"), KeyboardInterrupt())
    for failure in (None, TaskFailedError("code", "text"), *own):
        summary.add(ended(Latency(), failure))
    assert (5, 1) == (summary.ended, summary.failed)
