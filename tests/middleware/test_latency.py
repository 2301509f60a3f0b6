"""Latency: first and last packet, by a clock in the test's hand."""

import pytest

from paraformer_async import results
from paraformer_async.middleware import (
    Audio,
    Command,
    ContinueTask,
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


def packets(*messages: tuple[float, Command | Event]) -> tuple[float | None, float | None]:
    """Return the latency of the first and of the last packet."""
    latency = measured(*messages)
    return latency.first_packet, latency.last_packet


def test_nothing_is_known_at_first() -> None:
    """Before there is a result both latencies are unknown."""
    assert (None, None) == packets((0.0, RunTask("m")), (1.0, TaskStarted()), (2.0, AUDIO))


def test_first_packet() -> None:
    """First packet: from the first audio to the first result with text, whatever comes later."""
    messages = [(0.0, RunTask("m")), (1.0, AUDIO), (2.0, AUDIO), (2.5, TEXT), (9.0, TEXT)]
    assert (1.5, None) == packets(*messages)


def test_last_packet() -> None:
    """Last packet: from the end of the audio to the last result, not to the end of the task."""
    messages = [(1.0, AUDIO), (1.5, TEXT), (2.0, FinishTask()), (2.25, TEXT), (3.0, TEXT)]
    assert (0.5, 1.0) == packets(*messages, (9.0, TaskFinished()))


def test_no_result_after_the_end() -> None:
    """When all results came before the end of the audio, the end of the task is the last packet."""
    messages = [(1.0, AUDIO), (1.5, TEXT), (2.0, FinishTask())]
    assert (0.5, 0.25) == packets(*messages, (2.25, TaskFinished()))


def test_all_results_after_the_end() -> None:
    """When the first result comes after the end of the audio, it is first and last."""
    messages = [(1.0, AUDIO), (2.0, FinishTask()), (2.5, TEXT)]
    assert (1.5, 0.5) == packets(*messages)


PCM = RunTask("m", {"format": "pcm", "sample_rate": 1000})  # a millisecond is 2 bytes
SECOND = Audio(bytes(2000))


def final(end_time: int | None) -> ResultGenerated:
    """Make a final result."""
    return ResultGenerated(Sentence(0, end_time, "x", sentence_end=True))


def test_utterance() -> None:
    """Utterance: from the end of speech in audio that arrives in real time, to the final result."""
    spoken = [(0.0, PCM), (1.0, SECOND), (2.0, SECOND), (3.0, SECOND)]
    assert 2.25 == measured(*spoken, (3.25, final(1000))).utterance
    assert 1.75 == measured(*spoken, (3.25, final(1500))).utterance
    assert 1.25 == measured(*spoken, (3.25, final(2000))).utterance


def test_utterance_of_a_recording() -> None:
    """Audio that is sent at once has ended no earlier than the audio before it was sent."""
    recorded = [(0.0, PCM), (1.0, SECOND), (1.0, SECOND), (1.5, SECOND)]
    for end_time, seconds in ((500, 2.0), (1500, 2.0), (2500, 2.0), (3000, 1.5)):
        assert seconds == measured(*recorded, (3.0, final(end_time))).utterance


def test_utterance_after_a_pause_of_the_source() -> None:
    """A source that pauses moves the time of what follows, and of nothing before."""
    messages = [(0.0, PCM), (1.0, SECOND), (8.0, SECOND)]
    assert 0.5 == measured(*messages, (8.0, final(1500))).utterance
    assert 7.0 == measured(*messages, (8.0, final(1000))).utterance


def test_an_utterance_takes_no_negative_time() -> None:
    """Audio that is sent a little before it is due is even, and its result may come at once."""
    messages = [(0.0, PCM), (1.0, SECOND), (1.985, SECOND)]
    assert 0.0 == measured(*messages, (1.99, final(2000))).utterance


def test_each_utterance_replaces_the_one_before() -> None:
    """The latency of an utterance is that of the latest final result; earlier ones are kept."""
    messages: list[tuple[float, Command | Event]] = [(0.0, PCM)]
    messages += [(1.0, SECOND), (1.5, final(900)), (2.0, SECOND), (2.1, final(1900))]
    assert 0.2 == pytest.approx(measured(*messages).utterance)
    assert [0.5, 0.2] == pytest.approx([*measured(*messages).utterances])


def test_the_latest_utterances_are_kept() -> None:
    """However many utterances there are, the latencies of the latest 100 are kept."""
    latency = LatencyMeter()
    latency.outgoing(PCM, 0.0)
    for second in range(1, 151):
        latency.outgoing(SECOND, float(second))
        latency.incoming(final(second * 1000), second + second / 1000)
    assert [number / 1000 for number in range(51, 151)] == pytest.approx(
        [*latency.measured.utterances]
    )


def test_started() -> None:
    """Started: from run-task to the first task-started; that of later tasks is not shown."""
    assert 0.25 == measured((1.0, PCM), (1.25, TaskStarted())).started
    assert measured((1.0, PCM), (1.25, SECOND)).started is None
    assert measured((1.25, TaskStarted())).started is None


def test_another_context_is_not_the_beginning() -> None:
    """A new context for the running task is neither audio nor the beginning of a task."""
    messages = [(0.0, PCM), (0.5, ContinueTask({"context": "x"})), (1.0, TaskStarted())]
    latency = measured(*messages, (2.0, SECOND), (2.5, TEXT))
    assert (1.0, 0.5) == (latency.started, latency.first_packet)


def test_first_partial_and_first_final() -> None:
    """The first partial and the first final result are measured from the first audio."""
    spoken = [(0.0, PCM), (1.0, SECOND), (1.5, TEXT), (1.75, TEXT), (2.0, final(900))]
    latency = measured(*spoken, (2.5, final(950)), (2.75, TEXT))
    assert (0.5, 1.0) == (latency.first_partial, latency.first_final)
    latency = measured((0.0, PCM), (1.0, SECOND), (1.5, final(900)), (2.5, TEXT))
    assert (1.5, 0.5) == (latency.first_partial, latency.first_final)
    latency = measured((0.0, PCM), (1.0, SECOND), (1.5, final(None)))
    assert (None, 0.5) == (latency.first_partial, latency.first_final)


def test_real_time_factor() -> None:
    """From the first audio to the end of the task, over the duration of the audio."""
    end = ((3.5, FinishTask()), (4.0, TaskFinished()))
    live = [(0.0, PCM), (1.0, SECOND), (2.0, SECOND), (3.0, SECOND)]
    assert 1.0 == measured(*live, *end).real_time_factor
    file = [(0.0, PCM), *[(1.0, SECOND)] * 30]
    assert 0.1 == pytest.approx(measured(*file, *end).real_time_factor)
    assert measured(*live).real_time_factor is None
    compressed = RunTask("m", {"format": "mp3", "sample_rate": 1000})
    assert measured((0.0, compressed), (1.0, SECOND), *end).real_time_factor is None
    assert measured((0.0, PCM), *end).real_time_factor is None


def test_an_end_beyond_the_audio_is_at_its_end() -> None:
    """A service that pads or rounds places the end of speech after the audio: at its end, then."""
    messages = [(0.0, PCM), (1.0, SECOND), (2.0, SECOND), (2.5, final(2040))]
    assert 0.5 == measured(*messages).utterance


def test_silence_does_not_move_the_end_of_speech() -> None:
    """Injected silence is not the user's audio, in which speech ends."""
    silence = Audio(bytes(4000), injected=True)
    messages = [(0.0, PCM), (1.0, SECOND), (1.5, silence), (2.0, SECOND), (2.5, final(1500))]
    assert 1.0 == measured(*messages).utterance


@pytest.mark.parametrize(
    "messages",
    [
        [(0.0, PCM), (1.0, final(900))],
        [(0.0, PCM), (1.0, SECOND), (2.0, TEXT)],
        [(0.0, PCM), (1.0, SECOND), (2.0, final(None))],
        [
            (0.0, RunTask("m", {"format": "mp3", "sample_rate": 1000})),
            (1.0, SECOND),
            (2.0, final(9)),
        ],
    ],
    ids=["no audio", "no final result", "no end of speech", "compressed audio"],
)
def test_no_utterance(messages: list[tuple[float, Command | Event]]) -> None:
    """Where speech ends, or when that was sent, has to be known."""
    assert measured(*messages).utterance is None


def test_the_memory_of_what_was_sent_is_bounded() -> None:
    """However long nothing is final, only the latest audio has a known time, older audio none."""
    latency = LatencyMeter()
    latency.outgoing(PCM, 0.0)
    for number in range(20_000):
        latency.outgoing(Audio(bytes(2)), float(number))
    assert len(latency._stretches) < 20_000
    latency.incoming(final(9), 20_000.0)
    assert latency.measured.utterance is None
    latency.incoming(final(19_999), 20_000.0)
    assert 2.0 == pytest.approx(latency.measured.utterance)
    assert len(latency._stretches) < 10


def test_injected_silence_is_no_audio() -> None:
    """The clock starts with the user's audio, not with silence that was injected before it."""
    messages = [(1.0, SILENCE), (5.0, AUDIO), (5.5, TEXT)]
    assert (0.5, None) == packets(*messages)


def test_text_without_audio() -> None:
    """Text that comes before any audio of the user's measures nothing."""
    assert (None, None) == packets((1.0, SILENCE), (2.0, TEXT))


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
    assert (None, None) == packets(*messages)


def test_a_correction_is_no_utterance() -> None:
    """The latency of an utterance is that of its first final result, not of a later correction."""
    corrected = Sentence(0, 1000, "X", sentence_end=True)
    messages = [(0.0, PCM), (1.0, SECOND), (1.5, final(1000)), (9.0, SECOND)]
    messages.append((9.5, ResultGenerated(corrected, replaces=True)))
    assert 0.5 == measured(*messages).utterance
