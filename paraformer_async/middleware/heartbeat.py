"""
Heartbeat: a stream whose source is quiet stays alive.

The service ends a task after 23 s without a message, and after 60 s without speech unless the task
asked for `heartbeat`. It sends nothing itself: the client must send the silence. While audio flows
this middleware does nothing but remember when.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from paraformer_async._core.framing import FRAME_MS, silence
from paraformer_async._core.middleware import Middleware
from paraformer_async._core.wire import Audio, Command, RunTask
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_seconds
from paraformer_async.options.service import (
    DEFAULT_SENTENCE_SILENCE,
    MESSAGE_TIMEOUT,
    SEMANTIC_SENTENCE_SILENCE,
)

__all__ = ["Heartbeat"]


class Heartbeat(Middleware):
    """
    Sends silence while the source is quiet, in the stream's own sample rate.

    The first silence of a pause is long enough for the service to end the sentence that was being
    spoken, so its last words are not held back; after that, 100 ms of silence follow every
    *interval*. The silence is billed like any audio. It does not move the times of later results.

    Args:
        interval: Seconds of quiet after which silence is sent. Less than the service's 23 s.

    Raises:
        InvalidOptionError: *interval* is not a number above 0 and below 23.
    """

    hurries = False
    uses_context = False

    # Silence beyond that which ends a sentence, in ms.
    _MARGIN = 200

    def __init__(self, interval: float = 5.0) -> None:
        require_seconds("interval", interval)
        if interval >= MESSAGE_TIMEOUT:
            raise InvalidOptionError(
                "interval",
                f"{interval:g} s is too long: the service ends a task after {MESSAGE_TIMEOUT:g} s",
                hint="the default of 5 s leaves room for a slow network",
            )
        self._interval = interval
        self._deadline: float | None = None
        self._frame = Audio(b"", injected=True)
        self._pause_frames = 1
        self._owed_frames = 1

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Ask for the service's `heartbeat`, and put the deadline off while audio flows."""
        if isinstance(command, Audio):
            self._deadline = now + self._interval
            self._owed_frames = self._pause_frames
        elif isinstance(command, RunTask):
            command = self._begin(command)
            # A WAV file begins with its header: before it, silence would be taken for one.
            has_header = command.parameters.get("format") == "wav"
            self._deadline = None if has_header else now + self._interval
        else:
            self._deadline = None
        return (command,)

    def deadline(self) -> float | None:
        """One interval after the last audio; none before the task and after the audio's end."""
        return self._deadline

    def expired(self, now: float) -> Iterable[Command]:
        """Send the next piece of silence."""
        self._deadline = now + self._interval
        frames, self._owed_frames = self._owed_frames, 1
        return (self._frame,) * frames

    def _begin(self, task: RunTask) -> RunTask:
        pause = task.parameters.get("max_sentence_silence") or DEFAULT_SENTENCE_SILENCE
        if task.parameters.get("semantic_punctuation_enabled"):
            pause = SEMANTIC_SENTENCE_SILENCE
        self._frame = Audio(silence(task.parameters["sample_rate"], FRAME_MS), injected=True)
        self._pause_frames = (pause + self._MARGIN) // FRAME_MS
        return replace(task, parameters={**task.parameters, "heartbeat": True})
