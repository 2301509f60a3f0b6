"""
The way in: results that wait to be read. Never blocks the receiver, never loses a final one.

Every result wakes a task; `anyio.Event`, which is made anew for each wait, costs several times what
a future of the loop does.
"""

import asyncio

from paraformer_async.results import RecognitionResult

__all__ = ["Inbox", "Signal"]


class Signal:
    """
    Wakes all tasks that wait at that moment.

    It remembers nothing: a task looks whether it has to wait, and waits without a pause between.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def wait(self) -> "asyncio.Future[None]":
        """Give what is to be awaited until `notify` is called. Cancellation is safe."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        while self._waiters and self._waiters[-1].done():  # who was canceled, again and again
            self._waiters.pop()
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def notify(self) -> None:
        """Wake all tasks that wait now."""
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()


class Inbox:
    """
    A queue of results between the receiver and the user.

    All final results are kept. Of partial ones only the newest waits: an unread partial result is
    replaced by what comes after it.

    Attributes:
        results: Unread results, oldest first.
        is_ended: Whether no more results come; unread ones can still be read.
        changed: Notified when a result comes, and at the end.
    """

    def __init__(self) -> None:
        self.results: list[RecognitionResult] = []
        self.is_ended: bool = False
        self.changed: Signal = Signal()

    def put(self, result: RecognitionResult) -> None:
        """Add a result."""
        if self.results and not self.results[-1].is_final:
            self.results.pop()
        self.results.append(result)
        self.changed.notify()

    def end(self) -> None:
        """No more results come; unread ones can still be read."""
        self.is_ended = True
        self.changed.notify()
