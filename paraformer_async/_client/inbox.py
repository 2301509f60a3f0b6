"""
Unread results. Never blocks the receiver, and never loses a final result.

Every result wakes a task; an `anyio.Event`, of which each wait needs a new one, costs several times
as much as a future of the loop.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from paraformer_async.errors import RemoteProtocolError
from paraformer_async.results import RecognitionResult

__all__ = ["Inbox", "Signal"]

_LIMIT = 20_000


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
        waiters = self._waiters
        while waiters and waiters[-1].done():  # canceled ones would pile up
            waiters.pop()
        waiter: asyncio.Future[None] = self._loop.create_future()
        waiters.append(waiter)
        return waiter

    def notify(self) -> None:
        """Wake all tasks that are waiting."""
        waiters = self._waiters
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        waiters.clear()


class Inbox:
    """
    A queue of results between the receiver and the user.

    All final results are kept, and those with a final translation. An unread partial result is
    replaced by the next result of its sentence, which then begins the sentence.

    When there are 20,000 unread results (a night of speech, some 65 MB), no further audio is to be
    accepted until half of them have been read. A service that sends as many again without audio is
    at fault.

    Args:
        on_full: Called with `True` when there are too many unread results, and with `False` when
            enough of them have been read.

    Attributes:
        results: Unread results, oldest first.
        is_ended: Whether no further results follow; unread ones can still be read.
        changed: Notified of each result, and of the end.
    """

    def __init__(self, on_full: Callable[[bool], object]) -> None:
        self.results: deque[RecognitionResult] = deque()
        self.is_ended: bool = False
        self.changed: Signal = Signal()
        self._on_full = on_full
        self._is_full = False

    def put(self, result: RecognitionResult) -> None:
        """Add a result. Raises `RemoteProtocolError` if they come without end."""
        results = self.results
        if results and _gives_way(results[-1], result):
            replaced = results.pop()
            if replaced.begins and not result.begins:
                result = replace(result, begins=True)
        results.append(result)
        if len(results) >= _LIMIT:
            self._fill()
        self.changed.notify()

    def take(self) -> RecognitionResult:
        """Remove and return the oldest result; there must be one."""
        result = self.results.popleft()
        if self._is_full and len(self.results) <= _LIMIT // 2:
            self._is_full = False
            self._on_full(False)
        return result

    def end(self) -> None:
        """Mark the end of the results; unread ones can still be read."""
        self.is_ended = True
        self.changed.notify()
        self._on_full = _ignore

    def _fill(self) -> None:
        if not self._is_full:
            self._is_full = True
            self._on_full(True)
        elif len(self.results) >= 2 * _LIMIT:
            raise RemoteProtocolError(f"{len(self.results)} results came, for hardly any audio")


def _ignore(are_too_many: bool) -> None:
    """Accept audio, or not: none comes."""


def _gives_way(unread: RecognitionResult, result: RecognitionResult) -> bool:
    """Whether *result* replaces an *unread* one: a partial result of its own sentence."""
    if unread.is_final or result.replaces or any(one.is_final for one in unread.translations):
        return False
    number, newer = unread.sentence.sentence_id, result.sentence.sentence_id
    is_other = number != newer and number is not None and newer is not None
    return not is_other or unread.request_id != result.request_id
