"""Heartbeat: a quiet stream lives, against a model of the service's clocks driven by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.framing import bytes_per_second
from paraformer_async.errors import InvalidOptionError
from paraformer_async.middleware import (
    Audio,
    Command,
    ContinueTask,
    FinishTask,
    Heartbeat,
    RunTask,
    Stack,
)

RATE = 16_000
TEN_MINUTES = 600.0
FRAME = Audio(bytes(3200))
PAUSE = 0.8  # the service's default of the pause that ends a sentence, in seconds


def run_task(**parameters: Any) -> RunTask:
    """Return the beginning of a task."""
    return RunTask("m", {"format": "pcm", "sample_rate": RATE} | parameters)


@dataclass
class Service:
    """The service's two clocks: 23 s for any message, 60 s for speech unless `heartbeat` is on."""

    rate: int = RATE
    last_message: float = 0.0
    last_speech: float = 0.0
    keeps_alive: bool = False
    failure: str = ""
    # Silence that arrived at one time, in ms: (when, how much).
    silences: list[tuple[float, float]] = field(default_factory=list)

    def advance(self, now: float) -> None:
        """Let the clocks run out that do."""
        if now - self.last_message >= 23:
            self.failure = self.failure or "request timeout after 23 seconds."
        if not self.keeps_alive and now - self.last_speech >= 60:
            self.failure = self.failure or "Response timeout!"

    def take(self, commands: Sequence[Command], now: float) -> None:
        """Take what is sent at one time."""
        self.advance(now)
        silent = 0
        for command in commands:
            self.last_message = now
            if isinstance(command, RunTask):
                self.keeps_alive = command.parameters.get("heartbeat", False)
                self.last_speech = now
            elif isinstance(command, Audio) and command.injected:
                assert not any(command.data)
                silent += len(command.data)
            elif isinstance(command, Audio):
                self.last_speech = now
        if silent:
            self.silences.append((now, silent * 1000 / bytes_per_second(self.rate)))


def be_quiet(stack: Stack, service: Service, begin: float, end: float) -> None:
    """Let the source be quiet, and call the stack at each of its deadlines."""
    while (deadline := stack.deadline()) is not None and deadline < end:
        assert deadline > begin
        service.take(stack.expired(deadline), deadline)
        begin = deadline
    service.advance(end)


@pytest.mark.parametrize("interval", [0.1, 1.0, 5.0, 10.0, 20.0, 22.9, 22.999])
def test_ten_minutes_of_silence(interval: float) -> None:
    """With any interval below 23 s, neither clock of the service runs out in ten quiet minutes."""
    stack, service = Stack([Heartbeat(interval)]), Service()
    service.take(list(stack.outgoing(run_task(), 0.0)), 0.0)
    service.take(list(stack.outgoing(FRAME, 0.0)), 0.0)
    be_quiet(stack, service, 0.0, TEN_MINUTES)
    assert "" == service.failure
    first = min(interval, PAUSE)
    assert first == pytest.approx(service.silences[0][0])
    assert len(service.silences) == pytest.approx((TEN_MINUTES - first) / interval, abs=1.1)


def test_the_model_of_the_service_is_strict() -> None:
    """Without a heartbeat, the model of the service does fail the task."""
    stack, service = Stack([]), Service()
    service.take(list(stack.outgoing(run_task(), 0.0)), 0.0)
    be_quiet(stack, service, 0.0, TEN_MINUTES)
    assert "request timeout after 23 seconds." == service.failure


@given(
    st.floats(0.01, 22.9),
    st.lists(st.tuples(st.floats(0.01, 300), st.integers(1, 3)), max_size=8),
)
def test_pauses_between_speech(interval: float, pauses: list[tuple[float, int]]) -> None:
    """However speech and pauses alternate, the service's clocks never run out."""
    stack, service = Stack([Heartbeat(interval)]), Service()
    now = 0.0
    service.take(list(stack.outgoing(run_task(), now)), now)
    for pause, frames in pauses:
        be_quiet(stack, service, now, min(now + pause, now + 50 * interval))
        now = min(now + pause, now + 50 * interval)
        for _ in range(frames):
            service.take(list(stack.outgoing(FRAME, now)), now)
    assert "" == service.failure


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000, 192_000])
def test_silence_is_in_the_streams_rate(rate: int) -> None:
    """A piece of silence is 100 ms in the rate of the stream, whole samples, marked as injected."""
    heartbeat = Heartbeat(1.0)
    heartbeat.outgoing(run_task(sample_rate=rate), 0.0)
    (silence,) = heartbeat.expired(1.0)
    assert Audio(bytes(rate // 10 * 2), injected=True) == silence


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100])
@pytest.mark.parametrize(
    ("parameters", "needed"),
    [
        pytest.param({}, 800, id="default"),
        pytest.param({"max_sentence_silence": 200}, 200, id="shortest"),
        pytest.param({"max_sentence_silence": 850}, 850, id="no multiple of a frame"),
        pytest.param({"max_sentence_silence": 999}, 999, id="odd"),
        pytest.param({"max_sentence_silence": 6000}, 6000, id="longest"),
        pytest.param({"max_sentence_silence": None}, 800, id="null"),
        pytest.param({"semantic_punctuation_enabled": False}, 800, id="VAD"),
        pytest.param({"semantic_punctuation_enabled": True}, 2000, id="semantic"),
    ],
)
def test_the_first_silence_ends_the_sentence(
    rate: int, parameters: dict[str, Any], needed: int
) -> None:
    """The first silence of each pause is longer than what ends a sentence; later ones 100 ms."""
    stack, service = Stack([Heartbeat(5.0)]), Service(rate)
    service.take(list(stack.outgoing(run_task(sample_rate=rate, **parameters), 0.0)), 0.0)
    for begin in (0.0, 20.0, 40.0):
        service.silences.clear()
        service.take(list(stack.outgoing(FRAME, begin)), begin)
        be_quiet(stack, service, begin, begin + 16.0)
        (when, first), *others = service.silences
        assert begin + min(needed / 1000, 5.0) == pytest.approx(when, abs=0.05)
        assert needed < first <= needed + 200
        assert len(others) >= 2
        assert {100} == {round(ms) for _, ms in others}


def test_before_any_audio_a_short_silence_is_enough() -> None:
    """Without speech there is no sentence to end, so only 100 ms are sent."""
    stack, service = Stack([Heartbeat(5.0)]), Service()
    service.take(list(stack.outgoing(run_task(), 0.0)), 0.0)
    be_quiet(stack, service, 0.0, 6.0)
    assert [(5.0, 100.0)] == service.silences


def test_audio_puts_the_deadline_off() -> None:
    """While audio flows, no silence is sent: the deadline is a pause after the last frame."""
    heartbeat = Heartbeat(5.0)
    assert heartbeat.deadline() is None
    heartbeat.outgoing(run_task(), 1.0)
    assert 6.0 == heartbeat.deadline()
    for now in (2.0, 3.0, 10.0):
        assert FRAME is heartbeat.outgoing(FRAME, now)
        assert now + PAUSE == heartbeat.deadline()


@pytest.mark.parametrize("ms", [10, 20, 30, 100, 250, 500])
def test_the_last_words_are_not_held_back(ms: int) -> None:
    """However often a source delivers, its last sentence is ended after 0.8 s."""
    heartbeat = Heartbeat(5.0)
    heartbeat.outgoing(run_task(), 0.0)
    now = 0.0
    for _ in range(20):
        heartbeat.outgoing(Audio(bytes(32 * ms)), now)
        assert now + PAUSE == pytest.approx(heartbeat.deadline())
        now += ms / 1000


@pytest.mark.parametrize("seconds", [1.0, 1.5])
def test_a_source_that_delivers_seldom_is_not_quiet(seconds: float) -> None:
    """Audio that comes a second at a time, and its frames at once, gets no silence in between."""
    stack, service = Stack([Heartbeat(5.0)]), Service()
    service.take(list(stack.outgoing(run_task(), 0.0)), 0.0)
    for number in range(10):
        now = number * seconds
        for _ in range(round(seconds * 10)):
            service.take(list(stack.outgoing(FRAME, now)), now)
        be_quiet(stack, service, now, now + seconds)
    assert [] == service.silences


def test_a_recording_that_is_sent_at_once_is_closed_at_once() -> None:
    """What comes all at once and is longer than 2 s is no delivery of a live source."""
    heartbeat = Heartbeat(5.0)
    heartbeat.outgoing(run_task(), 0.0)
    for _ in range(30):
        heartbeat.outgoing(FRAME, 1.0)
    assert 1.0 + PAUSE == heartbeat.deadline()


def test_nothing_after_finish() -> None:
    """After the end of the audio no silence is sent, however long the service takes."""
    stack, service = Stack([Heartbeat(5.0)]), Service()
    for command in (run_task(), FRAME, FinishTask()):
        service.take(list(stack.outgoing(command, 0.0)), 0.0)
    assert stack.deadline() is None
    assert [] == stack.expired(TEN_MINUTES)
    assert [] == service.silences


def test_the_service_is_asked_for_its_heartbeat() -> None:
    """The task asks for the service's `heartbeat`, all else of it is as it was."""
    task = run_task(language_hints=["zh"])
    sent = Heartbeat().outgoing(task, 0.0)
    assert isinstance(sent, RunTask)
    assert {**task.parameters, "heartbeat": True} == sent.parameters
    assert task.model == sent.model


def test_the_users_parameters_are_not_changed() -> None:
    """The parameters that the user gave stay what they were."""
    parameters = {"format": "pcm", "sample_rate": RATE}
    Heartbeat().outgoing(RunTask("m", parameters), 0.0)
    assert {"format": "pcm", "sample_rate": RATE} == parameters


@pytest.mark.parametrize("interval", [0, -1.0, math.nan, math.inf, "5", None, True])
def test_an_interval_that_cannot_work(interval: Any) -> None:
    """An interval that is no number above 0 is refused as any option is."""
    with pytest.raises(
        InvalidOptionError, match=r"interval: .* is not a number of seconds above 0"
    ):
        Heartbeat(interval)


@pytest.mark.parametrize("interval", [23, 60.0])
def test_an_interval_that_is_too_long(interval: float) -> None:
    """An interval that would let the service end the task is refused."""
    with pytest.raises(InvalidOptionError, match="the service ends a task after 23 s"):
        Heartbeat(interval)


def test_no_silence_before_a_wav_header() -> None:
    """A WAV stream begins with its header: until audio has passed, there is no silence."""
    heartbeat = Heartbeat(1.0)
    heartbeat.outgoing(RunTask("m", {"format": "wav", "sample_rate": RATE}), 0.0)
    assert heartbeat.deadline() is None
    heartbeat.outgoing(Audio(b"RIFF"), 10.0)
    assert 10.8 == heartbeat.deadline()


def test_another_context_ends_nothing() -> None:
    """After continue-task, the audio goes on: a quiet source is still kept alive."""
    heartbeat = Heartbeat(5.0)
    heartbeat.outgoing(run_task(), 0.0)
    heartbeat.outgoing(FRAME, 1.0)
    command = ContinueTask()
    assert command is heartbeat.outgoing(command, 2.0)
    assert 1.0 + PAUSE == heartbeat.deadline()


def test_an_outage_is_no_quiet() -> None:
    """Audio that was sent again postpones the deadline like new audio."""
    heartbeat = Heartbeat(5.0)
    heartbeat.outgoing(run_task(), 0.0)
    heartbeat.outgoing(FRAME, 1.0)
    heartbeat.resumed(9.0)
    assert 9.0 + PAUSE == heartbeat.deadline()
