"""The way in: results that wait to be read. Never blocks the receiver, never loses a final one."""

from paraformer_async._session.signal import Signal
from paraformer_async.results import RecognitionResult

__all__ = ["Inbox"]


class Inbox:
    """
    A queue of results between the receiver and the user.

    All final results are kept. Of partial ones only the newest waits: an unread partial result is
    replaced by what comes after it.
    """

    def __init__(self) -> None:
        self._results: list[RecognitionResult] = []
        self._is_ended = False
        self._arrival = Signal()

    def put(self, result: RecognitionResult) -> None:
        """Add a result."""
        if self._results and not self._results[-1].is_final:
            self._results.pop()
        self._results.append(result)
        self._arrival.notify()

    def end(self) -> None:
        """No more results come; what waits can still be read."""
        self._is_ended = True
        self._arrival.notify()

    async def get(self) -> RecognitionResult | None:
        """
        Give the next result, waiting for it; `None` after the last one.

        Cancellation is safe: the next call gives what this one would have given.
        """
        while not self._results:
            if self._is_ended:
                return None
            await self._arrival.wait()
        return self._results.pop(0)
