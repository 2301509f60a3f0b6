"""Limits how many tasks are submitted per second, as the service counts them."""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

import anyio

from paraformer_async._client.submissions import OF_PROCESS, Submissions
from paraformer_async.errors import DeadlineError
from paraformer_async.options.models import tasks_per_second
from paraformer_async.options.policies import PoolLimits

__all__ = ["Queue", "Quota"]


class Quota:
    """
    The quota of a recognizer: of each account and model, shared with all others of the process.

    Recognizers of one event loop wait in one queue, in the order of arrival; those of several loops
    share the quota, but no order.

    Args:
        limits: How many submissions a second (by default as many as the model allows), and how long
            one may wait.
        clock: Seconds, monotonic.
        submissions: Where they are counted.

    Attributes:
        taken: Submissions of this recognizer so far.
        waiting: Those that are waiting.
    """

    def __init__(
        self,
        limits: PoolLimits,
        clock: Callable[[], float],
        submissions: Submissions = OF_PROCESS,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._submissions = submissions
        self.taken: int = 0
        self.waiting: int = 0

    async def take(self, account: Hashable, model: str) -> float:
        """
        Wait until a task may be submitted, and return how many seconds that took.

        Cancellation is safe: the submission does not count.

        Args:
            account: Stands for the key and the address.
            model: The model of the task.

        Raises:
            DeadlineError: The quota was exhausted for `PoolLimits.wait`.
        """
        queue = self._queue(account, model)
        self.waiting += 1
        try:
            waited = await queue.take()
        finally:
            self.waiting -= 1
        self.taken += 1
        return waited

    def _queue(self, account: Hashable, model: str) -> "Queue":
        """Return the queue of all who wait for the same in this event loop."""
        wait = self._limits.wait
        per_second = self._limits.tasks_per_second or tasks_per_second(model)
        counted = (account, model)
        loop = asyncio.get_running_loop()
        shared = (loop, self._submissions, counted, per_second, wait)
        queue = _QUEUES.get(shared)
        if queue is None:
            queue = Queue(per_second, wait, self._clock, self._submissions, counted)
            _QUEUES[shared] = queue
        return queue


class Queue:
    """
    Admits at most *per_second* submissions within any second, in the order of arrival.

    A submission counts when it is admitted; callers that are canceled while waiting do not count.

    Args:
        per_second: Submissions within any second.
        wait: Longest wait of a submission in seconds.
        clock: Seconds, monotonic.
        submissions: Where they are counted.
        counted: As what they are counted.
    """

    def __init__(
        self,
        per_second: int,
        wait: float,
        clock: Callable[[], float],
        submissions: Submissions,
        counted: Hashable = None,
    ) -> None:
        self._per_second = per_second
        self._wait = wait
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
        Wait until a task may be submitted, and return how many seconds that took.

        Cancellation is safe: the submission does not count.

        Raises:
            DeadlineError: The quota was exhausted for *wait* seconds.
        """
        now = self._clock()
        if not self._waiting and self._take(now):
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
            self._submissions.give_back(self._counted, waiter.result())
            self._let_pass()
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


# A queue lives as long as somebody waits in it; what it has admitted is counted elsewhere.
_QUEUES: WeakValueDictionary[Hashable, Queue] = WeakValueDictionary()
