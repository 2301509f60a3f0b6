"""The queue in which submissions wait for the quota of their account and model."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable

from paraformer_async._client.submissions import Submissions

__all__ = ["Queue"]


class Queue:
    """
    Admits at most *per_second* submissions within any second, in the order of arrival.

    A submission counts when it is admitted, and again when it is made, for 1.1 s each time; callers
    that are canceled while waiting do not count. One that is not made within that time, because its
    connection takes longer, has to be admitted again: others may have been meanwhile.

    Args:
        per_second: Submissions within any second.
        clock: Seconds, monotonic.
        submissions: Where they are counted.
        counted: As what they are counted.
    """

    def __init__(
        self,
        per_second: int,
        clock: Callable[[], float],
        submissions: Submissions,
        counted: Hashable = None,
    ) -> None:
        self._per_second = per_second
        self._clock = clock
        self._submissions = submissions
        self._counted = counted
        self._waiting: deque[asyncio.Future[float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """How many submissions are waiting."""
        return len(self._waiting)

    async def take(self) -> float:
        """
        Wait until a task may be submitted, and return when that was: since then, it counts.

        Cancellation is safe: the submission does not count.
        """
        now = self._clock()
        if not self._waiting and self._take(now):
            return now
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._schedule(now)
        try:
            return await waiter
        except BaseException:
            self._leave(waiter)
            raise

    def is_counted(self, admitted: float) -> bool:
        """Return whether the submission that was admitted at that time counts, if not made yet."""
        return self._clock() < admitted + self._submissions.window

    def made(self, admitted: float) -> None:
        """Count the submission that was admitted at that time from now on: it is made now."""
        self._submissions.move(self._counted, admitted, self._clock())

    def give_back(self, admitted: float) -> None:
        """Do not count the submission that was admitted at that time: it will not be made."""
        self._submissions.give_back(self._counted, admitted)
        self._let_pass()

    def _leave(self, waiter: "asyncio.Future[float]") -> None:
        """Leave the queue; if admitted in the same step, pass the place on to the next."""
        if waiter.done() and not waiter.cancelled():
            self.give_back(waiter.result())
        elif waiter in self._waiting:  # else `_let_pass` has removed it
            self._waiting.remove(waiter)

    def _take(self, now: float) -> bool:
        return self._submissions.take(self._counted, self._per_second, now)

    def _schedule(self, now: float) -> None:
        if self._timer is None and self._waiting:
            soonest = self._submissions.next(self._counted, self._per_second, now)
            delay = max(0.0, soonest - now)
            self._timer = asyncio.get_running_loop().call_later(delay, self._let_pass)

    def _let_pass(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
            elif self._take(now):
                self._waiting.popleft().set_result(now)
            else:
                break
        self._schedule(now)
