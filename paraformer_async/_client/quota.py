"""Limits how many tasks are submitted per second, over all recognitions of a recognizer."""

import asyncio
from collections import deque
from collections.abc import Callable

import anyio

from paraformer_async.errors import DeadlineError

__all__ = ["Quota"]

_WINDOW = 1.0


class Quota:
    """
    Admits at most *per_second* submissions within any second, in the order of arrival.

    A submission counts when it is admitted; callers that are canceled while waiting do not count.

    Args:
        per_second: Submissions within any second.
        wait: Longest wait of a submission in seconds.
        clock: Seconds, monotonic.

    Attributes:
        taken: Submissions so far.
    """

    def __init__(self, per_second: int, wait: float, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wait = wait
        self._times: deque[float] = deque(maxlen=per_second)
        self._waiting: deque[asyncio.Future[float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.taken: int = 0

    @property
    def waiting(self) -> int:
        """How many submissions are waiting."""
        return len(self._waiting)

    async def take(self) -> float:
        """
        Wait until a task may be submitted, and return how many seconds that took.

        Cancellation is safe: the submission does not count.

        Raises:
            DeadlineError: The quota was exhausted for *wait* seconds.
        """
        now = self._clock()
        if not self._waiting and self._next(now) <= now:
            self._take(now)
            return 0.0
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._schedule(now)
        try:
            with anyio.move_on_after(self._wait):
                await waiter
        except BaseException:
            self._leave(waiter)
            raise
        if waiter.cancelled():
            self._leave(waiter)
            raise DeadlineError("quota", self._wait)
        return self._clock() - now

    def _leave(self, waiter: "asyncio.Future[float]") -> None:
        """Leave the queue; if admitted in the same step, pass the place on to the next."""
        if waiter.done() and not waiter.cancelled():
            self._times.remove(waiter.result())
            self.taken -= 1
            self._let_pass()
        elif waiter in self._waiting:  # else `_let_pass` has removed it
            self._waiting.remove(waiter)

    def _next(self, now: float) -> float:
        """Return when the next submission can be admitted."""
        is_full = len(self._times) == self._times.maxlen
        return self._times[0] + _WINDOW if is_full else now

    def _take(self, now: float) -> None:
        self._times.append(now)
        self.taken += 1

    def _schedule(self, now: float) -> None:
        if self._timer is None and self._waiting:
            delay = max(0.0, self._next(now) - now)
            self._timer = asyncio.get_running_loop().call_later(delay, self._let_pass)

    def _let_pass(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        while self._waiting and self._next(now) <= now:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._take(now)
                waiter.set_result(now)
        self._schedule(now)
