"""
Latency: how long the service takes, measured between messages.

First packet: from the first audio sent to the first result with text. Last packet: from
`finish-task` to the last result, or to `task-finished` if no result follows. The vendor's client
measures the same two.
"""

from paraformer_async import results
from paraformer_async._core.middleware import Middleware
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    TaskFinished,
)

__all__ = ["LatencyMeter"]


class LatencyMeter(Middleware):
    """
    Measures first- and last-packet latency of one recognition.

    Attributes:
        measured: First- and last-packet latency in seconds; `None` until known.
    """

    uses_context = False

    def __init__(self) -> None:
        self.measured: results.Latency = results.Latency()
        self._is_waiting = True  # for the first result, or the last
        self._first_audio: float | None = None
        self._finished: float | None = None

    def outgoing(self, command: Command, now: float) -> Command:
        """Note the time of the user's first audio and of the end of the audio."""
        if type(command) is Audio:
            if self._first_audio is None and not command.injected:
                self._first_audio = now
        elif isinstance(command, FinishTask):
            self._finished = now
            self._is_waiting = True
        return command

    def incoming(self, event: Event, now: float) -> Event:
        """Note the time of the first and the last result with text, or of `task-finished`."""
        if not self._is_waiting:
            return event
        if isinstance(event, ResultGenerated):
            sentence = event.sentence
            if sentence is not None and not sentence.heartbeat and sentence.text:
                self._note(now)
        elif isinstance(event, TaskFinished):
            self._note_end(now)
        return event

    def _note_end(self, now: float) -> None:
        if self._finished is not None and self.measured.last_packet is None:
            first = self.measured.first_packet
            self.measured = results.Latency(first, now - self._finished)

    def _note(self, now: float) -> None:
        first = self.measured.first_packet
        if first is None and self._first_audio is not None:
            first = now - self._first_audio
        last = None if self._finished is None else now - self._finished
        self.measured = results.Latency(first, last)
        self._is_waiting = first is None or last is not None
