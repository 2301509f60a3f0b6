"""
Latency: how long the service takes, measured where the messages pass.

First packet: from the first audio sent to the first result with text. Last packet: from
`finish-task` to the last result. The service's own client measures the same two.
"""

from collections.abc import Iterable

from paraformer_async import results
from paraformer_async._core.wire import Audio, Command, Event, FinishTask, ResultGenerated
from paraformer_async.middleware.base import Middleware

__all__ = ["Latency"]


class Latency(Middleware):
    """
    Measures first- and last-packet latency of one recognition.

    Attributes:
        measured: What is known so far, in seconds.
    """

    def __init__(self) -> None:
        self.measured = results.Latency()
        self._first_audio: float | None = None
        self._finished: float | None = None

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Note when the user's first audio and the end of the audio pass."""
        if isinstance(command, Audio):
            if self._first_audio is None and not command.injected:
                self._first_audio = now
        elif isinstance(command, FinishTask):
            self._finished = now
        return (command,)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Note when the first and the last result with text pass."""
        if isinstance(event, ResultGenerated) and _has_text(event.sentence):
            first, last = self.measured.first_packet, self.measured.last_packet
            if first is None and self._first_audio is not None:
                first = now - self._first_audio
            if self._finished is not None:
                last = now - self._finished
            if (first, last) != (self.measured.first_packet, self.measured.last_packet):
                self.measured = results.Latency(first, last)
        return (event,)


def _has_text(sentence: results.Sentence | None) -> bool:
    return sentence is not None and not sentence.heartbeat and sentence.text != ""
