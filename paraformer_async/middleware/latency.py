"""
Latency: how long the service takes, measured between messages.

First packet: from the first audio sent to the first result with text. Last packet: from
`finish-task` to the last result, or to `task-finished` if no result follows. The vendor's client
measures the same two. Utterance: from the end of speech, as the service places it in the audio, to
the final result. All others are described in `results.Latency`; `connect` is no message, so it is
measured elsewhere.
"""

from collections import deque
from math import inf
from typing import Any, NamedTuple

from msgspec.structs import replace

from paraformer_async import results
from paraformer_async._core.framing import bytes_per_second
from paraformer_async._core.messages import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.middleware import Middleware

__all__ = ["LatencyMeter"]

# Audio arrives evenly as long as its time differs from real time by no more than this, in seconds.
_EVEN = 0.02
# Times are whole ms.
_ROUNDING = 0.0005
# Stretches of even audio that are known; the oldest are dropped if nothing is final.
_LONGEST = 4096
# Utterances whose latency is kept.
_UTTERANCES = 100


class Stretch(NamedTuple):
    """
    Audio that was sent evenly.

    Attributes:
        begin: Where it begins, in seconds of the user's audio.
        start: When the audio would have begun if all of it had been as even.
        earliest: When the audio before it was sent.
    """

    begin: float
    start: float
    earliest: float


class LatencyMeter(Middleware):
    """
    Measures the latency of one recognition, from its first message to its last.

    Attributes:
        measured: The latencies in seconds, without `connect`; `None` until known.
    """

    uses_context = False

    def __init__(self) -> None:
        self.measured: results.Latency = results.Latency()
        self._is_waiting = True  # for the first result, or the last
        self._has_partial = False
        self._has_final = False
        self._submitted: float | None = None
        self._first_audio: float | None = None
        self._finished: float | None = None
        self._seconds_per_byte = 0.0  # of PCM
        self._due = -inf  # when the latest audio was to be sent to be even, and was, more or less
        self._stretches: deque[Stretch] = deque(maxlen=_LONGEST)

    def outgoing(self, command: Command, now: float) -> Command:
        """Note when the user's audio is sent, and when it ends."""
        if type(command) is Audio:
            if not command.injected:
                seconds = len(command.data) * self._seconds_per_byte
                self._due = due = self._due + seconds
                if abs(now - due) >= _EVEN:
                    self._begin_stretch(seconds, now)
        elif isinstance(command, FinishTask):
            self._finished = now
            self._is_waiting = True
        elif isinstance(command, RunTask):
            self._submitted = now
            if command.parameters.get("format") == "pcm":
                self._seconds_per_byte = 1 / bytes_per_second(command.parameters["sample_rate"])
        return command

    def incoming(self, event: Event, now: float) -> Event:
        """Note the time of the first and the last result with text, and of each final one."""
        if isinstance(event, ResultGenerated):
            sentence = event.sentence
            if sentence is None or sentence.heartbeat:
                return event
            if sentence.text or event.translations:
                if self._is_waiting:
                    self._note(now)
                if sentence.is_final:
                    self._note_final(event, now)
                elif not self._has_partial:
                    self._has_partial = True
                    self._measure(first_partial=self._since_audio(now))
        elif isinstance(event, TaskFinished):
            self._note_end(now)
        elif isinstance(event, TaskStarted) and self._submitted is not None:
            self._measure(started=now - self._submitted)
        return event

    def _measure(self, **latencies: Any) -> None:
        self.measured = replace(self.measured, **latencies)

    def _since_audio(self, now: float) -> float | None:
        return None if self._first_audio is None else now - self._first_audio

    def _begin_stretch(self, seconds: float, now: float) -> None:
        """Note that the latest *seconds* of audio were sent now, not when they were due."""
        sent_at = self._due - seconds  # the audio before
        if self._first_audio is None:
            self._first_audio = sent_at = now
        if seconds:
            begin = sent_at - self._stretches[-1].start if self._stretches else 0.0
            self._stretches.append(Stretch(begin, now - begin - seconds, sent_at))
        self._due = now

    def _note_end(self, now: float) -> None:
        if self._finished is not None and self.measured.last_packet is None:
            self._measure(last_packet=now - self._finished)
        took, audio = self._since_audio(now), self._duration
        if took is not None and audio:
            self._measure(real_time_factor=took / audio)

    @property
    def _duration(self) -> float:
        """Seconds of PCM that were sent; 0 if that is not known."""
        return self._due - self._stretches[-1].start if self._stretches else 0.0

    def _note(self, now: float) -> None:
        first = self.measured.first_packet
        if first is None:
            first = self._since_audio(now)
        last = None if self._finished is None else now - self._finished
        self._measure(first_packet=first, last_packet=last)
        self._is_waiting = first is None or last is not None

    def _note_final(self, event: ResultGenerated, now: float) -> None:
        sentence = event.sentence
        if not self._has_final:
            self._has_final = True
            self._measure(first_final=self._since_audio(now))
        if sentence is not None and sentence.end_time is not None and not event.replaces:
            self._note_utterance(sentence.end_time, now)

    def _note_utterance(self, end_time: int, now: float) -> None:
        """Note the time since the audio reached *end_time*, as far as that is known."""
        stretches, end = self._stretches, end_time / 1000
        if not stretches or end <= stretches[0].begin > 0:
            return  # unknown, or dropped
        while len(stretches) > 1 and stretches[1].begin < end - _ROUNDING:
            stretches.popleft()
        spoken = max(stretches[0].start + end, stretches[0].earliest)
        latency = max(0.0, now - min(spoken, self._due))  # audio that is even may be early
        latest = self.measured.utterances[1 - _UTTERANCES :]
        self._measure(utterance=latency, utterances=(*latest, latency))
