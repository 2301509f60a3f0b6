"""
Slows attempts down while the service throttles the account.

The quota is what the service promises; it may accept less, for a while. Recognitions that each wait
and try again by themselves would try all the more, the more of them there are. So they share one
rate: each failure of a submission that was made at this rate halves it (multiplicative decrease),
and it grows steadily while nothing fails (additive increase), as TCP shares a link:
https://www.rfc-editor.org/rfc/rfc5681, section 3.1.
"""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from math import inf

import anyio

__all__ = ["Slowdown", "Turn"]

# The rate falls to a twentieth of the full one at most, and rises by all of it in a minute.
_LEAST, _RECOVERY = 1 / 20, 60.0
# Longest Retry-After to honor, in seconds; the recognition that received a longer one has ended.
_LONGEST_WAIT = 60.0
_numbers = count()


class Turn:
    """
    The place of one recognition among those that wait; it keeps it when it has to wait again.

    Args:
        patience: Longest time in seconds from its first wait until a task starts, however many
            waits that takes. Then one more attempt is made without waiting, so that the recognition
            ends with the reason of the service.
    """

    def __init__(self, patience: float) -> None:
        self.number: int = next(_numbers)
        self.seen = 0  # how often the rate had been lowered when this last passed
        self._patience = patience
        self._ends_at = inf

    def begin_wait(self, now: float) -> float:
        """Return how many seconds it may wait."""
        if self._ends_at == inf:
            self._ends_at = now + self._patience
        return max(0.0, self._ends_at - now)

    def is_over(self, now: float) -> bool:
        """Return whether it may wait no longer."""
        return self._ends_at <= now

    def task_started(self) -> None:
        """Note that its wait has succeeded: the next one may take as long."""
        self._ends_at = inf


class Slowdown:
    """
    Admits attempts of one account, in the order in which recognitions began, while it is throttled.

    Args:
        per_second: The full rate, at which nothing has to wait here.
        clock: Seconds, monotonic.

    Attributes:
        waiting: How many recognitions are waiting.
    """

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._full = float(per_second)
        self._clock = clock
        self._low = self._full  # the rate when it was last lowered
        self._rises_from = -inf
        self._lowered = 0
        self._free_at = -inf
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.waiting: int = 0

    def lower(self, turn: Turn, retry_after: float = 0.0) -> None:
        """
        Note that the service has throttled the attempt of *turn*.

        Args:
            turn: Of the recognition. If it had passed before the rate was last lowered, the failure
                says nothing about the present rate.
            retry_after: Seconds for which nothing is to be submitted, as the service asks.
        """
        now = self._clock()
        pause = retry_after if retry_after <= _LONGEST_WAIT else 0.0
        self._free_at = max(self._free_at, now + pause)
        if turn.seen == self._lowered:
            self._low = max(self._full * _LEAST, self._rate(now) / 2)
            self._lowered += 1
        self._rises_from = max(self._rises_from, now + pause)

    async def wait(self, turn: Turn) -> float:
        """
        Wait until an attempt may be made, and return how many seconds that took.

        Cancellation is safe: another recognition passes instead.
        """
        began = now = self._clock()
        if not self._queue and self._free_at <= began:
            self._pass(began)
        elif seconds := turn.begin_wait(began):
            await self._wait_in_queue(turn, seconds)
            now = self._clock()
        turn.seen = self._lowered
        return now - began

    def is_outdated(self, turn: Turn) -> bool:
        """Return whether the rate was lowered since *turn* passed, so that it has to wait again."""
        return turn.seen != self._lowered and not turn.is_over(self._clock())

    async def _wait_in_queue(self, turn: Turn, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (turn.number, next(_numbers), waiter))
        self.waiting += 1
        self._schedule()
        try:
            with anyio.move_on_after(seconds):
                await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # passed in the same step
                self._free_at = max(self._rises_from, self._clock())  # a pause holds for all
            raise
        finally:
            self.waiting -= 1
            waiter.cancel()
            self._let_pass()

    def _rate(self, now: float) -> float:
        """Return how many attempts a second may be made."""
        risen = max(0.0, now - self._rises_from) / _RECOVERY * self._full
        return min(self._full, self._low + risen)

    def _pass(self, now: float) -> None:
        rate = self._rate(now)
        if rate < self._full:
            self._free_at = now + 1 / rate

    def _let_pass(self) -> None:
        """Wake those whose turn it is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock()
        while self._queue and (self._queue[0][-1].done() or self._free_at <= now):
            waiter = heapq.heappop(self._queue)[-1]
            if not waiter.done():
                waiter.set_result(None)
                self._pass(now)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is None and self._queue:
            delay = max(0.0, self._free_at - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._let_pass)
