"""
Unread results. Never blocks the receiver, and never loses a final result.

Every result wakes a task; an `anyio.Event`, of which each wait needs a new one, costs several times
as much as a future of the loop.
"""

import asyncio

from msgspec.structs import replace

from paraformer_async.results import RecognitionResult

__all__ = ["Inbox", "Signal"]


class Signal:
    """
    Wakes all tasks that are waiting.

    It has no state: a task that has found that it has to wait must await `wait` at once.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def wait(self) -> "asyncio.Future[None]":
        """Return a future that is done when `notify` is called. Cancellation is safe."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        while self._waiters and self._waiters[-1].done():  # canceled ones would pile up
            self._waiters.pop()
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def notify(self) -> None:
        """Wake all tasks that are waiting."""
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()


class Inbox:
    """
    A queue of results between the receiver and the user.

    All final results are kept, and those with a final translation. An unread partial result is
    replaced by the next result, which then begins the sentence.

    Attributes:
        results: Unread results, oldest first.
        is_ended: Whether no further results follow; unread ones can still be read.
        changed: Notified of each result, and of the end.
    """

    def __init__(self) -> None:
        self.results: list[RecognitionResult] = []
        self.is_ended: bool = False
        self.changed: Signal = Signal()

    def put(self, result: RecognitionResult) -> None:
        """Add a result."""
        if self.results and not _is_kept(self.results[-1]):
            replaced = self.results.pop()
            if replaced.begins and not result.begins:
                result = replace(result, begins=True)
        self.results.append(result)
        self.changed.notify()

    def end(self) -> None:
        """Mark the end of the results; unread ones can still be read."""
        self.is_ended = True
        self.changed.notify()


def _is_kept(result: RecognitionResult) -> bool:
    return result.is_final or any(one.is_final for one in result.translations)
