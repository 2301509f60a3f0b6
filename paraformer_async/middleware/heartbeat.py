"""
Heartbeat: keeps a stream alive while its source is quiet.

The service ends a task after 23 s without a message, and after 60 s without speech unless
`heartbeat` is set. That parameter alone is not enough: the client has to send silence. While audio
flows, this middleware only notes the time.
"""

from collections.abc import Iterable
from math import inf

from msgspec.structs import replace

from paraformer_async._core.framing import FRAME_MS, bytes_per_second, silence
from paraformer_async._core.messages import Audio, Command, FinishTask, RunTask
from paraformer_async._core.middleware import Middleware
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_seconds
from paraformer_async.options.service import (
    DEFAULT_SENTENCE_SILENCE,
    MESSAGE_TIMEOUT,
    SEMANTIC_SENTENCE_SILENCE,
)

__all__ = ["Heartbeat"]

# Chunks that follow each other within this time, in seconds, are one delivery of the source.
_AT_ONCE = 0.005


class Heartbeat(Middleware):
    """
    Sends silence while the source is quiet, at the stream's own sample rate.

    Once the source has been quiet for as long as the pause that ends a sentence, all the silence
    that the service needs to end it is sent at once, so that the last words are returned without
    delay. After that, 100 ms of silence are sent every *interval*. The silence is billed like any
    audio. It does not move the times of later results.

    A source that delivers a second at a time is not quiet in between: after up to 2 s of audio at
    once, silence is sent only after the duration of that audio.

    Args:
        interval: Seconds of quiet after which silence is sent; less than the service's 23 s.

    Raises:
        InvalidOptionError: *interval* is not a number above 0 and below 23.
    """

    hurries = False
    uses_context = False

    # Silence that is sent beyond what ends a sentence, in ms.
    _MARGIN = 200
    # Longer deliveries, in seconds, do not show how often the source delivers.
    _LONGEST_DELIVERY = 2.0
    # How late the next delivery may be, as a multiple of the duration of the last.
    _LATE = 1.2

    def __init__(self, interval: float = 5.0) -> None:
        require_seconds("interval", interval)
        if interval >= MESSAGE_TIMEOUT:
            raise InvalidOptionError(
                "interval",
                f"{interval:g} s is too long: the service ends a task after {MESSAGE_TIMEOUT:g} s",
                hint="the default of 5 s leaves room for a slow network",
            )
        self._interval = interval
        self._next: float | None = None  # silence, when no pause is owed
        self._is_over = True
        self._frame = Audio(b"", injected=True)
        self._bytes_per_second = 1
        self._pause = DEFAULT_SENTENCE_SILENCE / 1000
        self._owes_pause = False
        self._audio_at = -inf
        self._delivery = 0  # bytes

    def outgoing(self, command: Command, now: float) -> Command:
        """Set `heartbeat` in run-task, and postpone the deadline while audio flows."""
        if type(command) is Audio:
            size = len(command.data)
            self._delivery = size + (self._delivery if now - self._audio_at <= _AT_ONCE else 0)
            self._audio_at = now
            self._owes_pause = True
            return command
        if isinstance(command, RunTask):
            return self._begin(command, now)
        if isinstance(command, FinishTask):
            self._is_over = True
        return command

    def resumed(self, now: float) -> None:
        """Postpone the deadline: the source was not quiet."""
        self._audio_at = now

    def deadline(self) -> float | None:
        """A pause after the last audio, then each interval; none after the audio's end."""
        if self._is_over:
            return None
        if not self._owes_pause:
            return self._next
        wait, delivered = self._pause, self._delivery / self._bytes_per_second * self._LATE
        if wait < delivered <= self._LONGEST_DELIVERY:
            wait = delivered
        return self._audio_at + (min(self._interval, wait))

    def expired(self, now: float) -> Iterable[Command]:
        """Send the next piece of silence."""
        self._next = now + self._interval
        if not self._owes_pause:
            return (self._frame,)
        self._owes_pause = False
        return (self._frame,) * ((round(self._pause * 1000) + self._MARGIN) // FRAME_MS)

    def _begin(self, task: RunTask, now: float) -> RunTask:
        parameters = task.parameters
        # A WAV file begins with its header: before it, silence would be taken for one.
        self._next = None if parameters.get("format") == "wav" else now + self._interval
        self._is_over = False
        pause = parameters.get("max_sentence_silence") or DEFAULT_SENTENCE_SILENCE
        if parameters.get("semantic_punctuation_enabled"):
            pause = SEMANTIC_SENTENCE_SILENCE
        rate = parameters["sample_rate"]
        self._pause = pause / 1000
        self._bytes_per_second = bytes_per_second(rate)
        self._frame = Audio(silence(rate, FRAME_MS), injected=True)
        return replace(task, parameters={**parameters, "heartbeat": True})
