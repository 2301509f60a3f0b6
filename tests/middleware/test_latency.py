"""Latency: first and last packet, by a clock in the test's hand."""

import pytest

from paraformer_async import results
from paraformer_async.middleware import (
    Audio,
    Command,
    Event,
    FinishTask,
    LatencyMeter,
    ResultGenerated,
    RunTask,
    TaskFinished,
    TaskStarted,
)
from paraformer_async.results import Sentence

AUDIO = Audio(b"\x01\x00")
SILENCE = Audio(b"\x00\x00", injected=True)
TEXT = ResultGenerated(Sentence(text="x"))


def measured(*messages: tuple[float, Command | Event]) -> results.Latency:
    """Pass *messages* at their times, and return what was measured."""
    latency = LatencyMeter()
    for now, message in messages:
        passes = latency.outgoing if isinstance(message, Command) else latency.incoming
        assert message is passes(message, now)
    return latency.measured


def test_nothing_is_known_at_first() -> None:
    """Before there is a result both latencies are unknown."""
    assert results.Latency() == measured((0.0, RunTask("m")), (1.0, TaskStarted()), (2.0, AUDIO))


def test_first_packet() -> None:
    """First packet: from the first audio to the first result with text, whatever comes later."""
    messages = [(0.0, RunTask("m")), (1.0, AUDIO), (2.0, AUDIO), (2.5, TEXT), (9.0, TEXT)]
    assert results.Latency(1.5, None) == measured(*messages)


def test_last_packet() -> None:
    """Last packet: from the end of the audio to the last result, not to the end of the task."""
    messages = [(1.0, AUDIO), (1.5, TEXT), (2.0, FinishTask()), (2.25, TEXT), (3.0, TEXT)]
    assert results.Latency(0.5, 1.0) == measured(*messages, (9.0, TaskFinished()))


def test_no_result_after_the_end() -> None:
    """When all results came before the end of the audio, the end of the task is the last packet."""
    messages = [(1.0, AUDIO), (1.5, TEXT), (2.0, FinishTask())]
    assert results.Latency(0.5, 0.25) == measured(*messages, (2.25, TaskFinished()))


def test_all_results_after_the_end() -> None:
    """When the first result comes after the end of the audio, it is first and last."""
    messages = [(1.0, AUDIO), (2.0, FinishTask()), (2.5, TEXT)]
    assert results.Latency(1.5, 0.5) == measured(*messages)


def test_injected_silence_is_no_audio() -> None:
    """The clock starts with the user's audio, not with silence that was injected before it."""
    messages = [(1.0, SILENCE), (5.0, AUDIO), (5.5, TEXT)]
    assert results.Latency(0.5, None) == measured(*messages)


def test_text_without_audio() -> None:
    """Text that comes before any audio of the user's measures nothing."""
    assert results.Latency() == measured((1.0, SILENCE), (2.0, TEXT))


@pytest.mark.parametrize(
    "event",
    [
        TaskStarted(),
        ResultGenerated(),
        ResultGenerated(Sentence()),
        ResultGenerated(Sentence(text="x", heartbeat=True)),
    ],
    ids=["another event", "no sentence", "no text", "heartbeat"],
)
def test_what_is_no_result_with_text(event: Event) -> None:
    """Only results with text are measured."""
    messages = [(1.0, AUDIO), (2.0, event), (3.0, FinishTask()), (4.0, event)]
    assert results.Latency() == measured(*messages)
