"""The way in: results that wait to be read. Never blocks the receiver, never loses a final one."""

from paraformer_async._net.signal import Signal
from paraformer_async.results import RecognitionResult

__all__ = ["Inbox"]


class Inbox:
    """
    A queue of results between the receiver and the user.

    All final results are kept. Of partial ones only the newest waits: an unread partial result is
    replaced by what comes after it.

    Attributes:
        results: What waits. Who reads takes the first.
        is_ended: Whether no more results come; what waits can still be read.
        arrival: Gives what is to be awaited until a result comes, or the end. Cancellation is safe.
    """

    def __init__(self) -> None:
        self.results: list[RecognitionResult] = []
        self.is_ended = False
        self._arrival = Signal()
        self.arrival = self._arrival.wait

    def put(self, result: RecognitionResult) -> None:
        """Add a result."""
        if self.results and not self.results[-1].is_final:
            self.results.pop()
        self.results.append(result)
        self._arrival.notify()

    def end(self) -> None:
        """No more results come; what waits can still be read."""
        self.is_ended = True
        self._arrival.notify()
