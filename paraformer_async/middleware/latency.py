"""
Latency: how long the service takes, measured between messages.

First packet: from the first audio sent to the first result with text. Last packet: from
`finish-task` to the last result, or to `task-finished` if no result follows. The vendor's client
measures the same two. Utterance: from the end of speech, as the service places it in the audio, to
the final result.
"""

from collections import deque
from collections.abc import Iterable

from msgspec.structs import replace

from paraformer_async import results
from paraformer_async._core.framing import bytes_per_second
from paraformer_async._core.middleware import Middleware
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFinished,
)

__all__ = ["LatencyMeter"]

# Pieces of audio of which the time is known; the oldest are dropped if nothing is final.
_LONGEST = 4096


class LatencyMeter(Middleware):
    """
    Measures the latency of one recognition: of its first and last packet, and of each utterance.

    Attributes:
        measured: The latencies in seconds; `None` until known. That of an utterance is replaced by
            that of the next.
    """

    uses_context = False

    def __init__(self) -> None:
        self.measured: results.Latency = results.Latency()
        self._is_waiting = True  # for the first result, or the last
        self._first_audio: float | None = None
        self._finished: float | None = None
        self._bytes_per_ms: float | None = None  # of PCM
        self._size = 0  # bytes of the user's audio
        self._sent: deque[tuple[int, float]] = deque(maxlen=_LONGEST)  # size, and when it was that

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Note when the user's audio is sent, and when it ends."""
        if isinstance(command, Audio):
            if not command.injected:
                self._size += len(command.data)
                self._sent.append((self._size, now))
                if self._first_audio is None:
                    self._first_audio = now
        elif isinstance(command, FinishTask):
            self._finished = now
            self._is_waiting = True
        else:
            self._begin(command)
        return (command,)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Note the time of the first and the last result with text, and of each final one."""
        if isinstance(event, ResultGenerated):
            sentence = event.sentence
            if sentence is None or sentence.heartbeat:
                return (event,)
            if sentence.text or event.translations:
                if self._is_waiting:
                    self._note(now)
                if sentence.is_final and sentence.end_time is not None:
                    self._note_utterance(sentence.end_time, now)
        elif isinstance(event, TaskFinished) and self._is_waiting:
            self._note_end(now)
        return (event,)

    def _begin(self, task: RunTask) -> None:
        if task.parameters.get("format") == "pcm":
            self._bytes_per_ms = bytes_per_second(task.parameters["sample_rate"]) / 1000

    def _note_end(self, now: float) -> None:
        if self._finished is not None and self.measured.last_packet is None:
            self.measured = replace(self.measured, last_packet=now - self._finished)

    def _note(self, now: float) -> None:
        first = self.measured.first_packet
        if first is None and self._first_audio is not None:
            first = now - self._first_audio
        last = None if self._finished is None else now - self._finished
        self.measured = replace(self.measured, first_packet=first, last_packet=last)
        self._is_waiting = first is None or last is not None

    def _note_utterance(self, end_time: int, now: float) -> None:
        """Note the time since the audio up to *end_time* was sent."""
        if self._bytes_per_ms is None:
            return
        sent, end = self._sent, end_time * self._bytes_per_ms
        if len(sent) == _LONGEST and end < sent[0][0]:
            return  # it may have been sent earlier
        while len(sent) > 1 and sent[0][0] < end:
            sent.popleft()
        if sent:
            self.measured = replace(self.measured, utterance=now - sent[0][1])
