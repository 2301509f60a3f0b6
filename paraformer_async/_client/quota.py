"""Limits how many tasks are submitted per second, as the service counts them."""

import asyncio
from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

from paraformer_async._client.admission import Queue
from paraformer_async._client.submissions import OF_PROCESS, Submissions
from paraformer_async.options.models import tasks_per_second
from paraformer_async.options.policies import PoolLimits

__all__ = ["Quota", "QuotaPlace"]


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
        made: Submissions of this recognizer so far.
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
        self.made: int = 0
        self.waiting: int = 0

    def queue(self, account: Hashable, model: str) -> Queue:
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


class QuotaPlace:
    """
    What one recognition has of the quota: nothing, or one submission that was admitted.

    Args:
        quota: The quota of its recognizer.
        account: Stands for the key and the address.
    """

    def __init__(self, quota: Quota, account: Hashable) -> None:
        self._quota = quota
        self._account = account
        self._admitted: tuple[Queue, float] | None = None

    @property
    def is_held(self) -> bool:
        """Whether a submission was admitted, and is neither made nor given back."""
        return self._admitted is not None

    async def take(self, model: str) -> None:
        """
        Wait until a task of *model* may be submitted.

        Cancellation is safe: the submission does not count.

        Raises:
            DeadlineError: The quota was exhausted for `PoolLimits.wait`.
        """
        quota = self._quota
        queue = quota.queue(self._account, model)
        quota.waiting += 1
        try:
            self._admitted = queue, await queue.take()
        finally:
            quota.waiting -= 1

    def use(self) -> None:
        """Note that the task is submitted now: that is when the service counts it."""
        if self._admitted is not None:
            queue, admitted = self._admitted
            queue.made(admitted)
            self._quota.made += 1
            self._admitted = None

    def give_back(self) -> None:
        """Let another submission be made in place of the one that was admitted, if one was."""
        if self._admitted is not None:
            queue, admitted = self._admitted
            queue.give_back(admitted)
            self._admitted = None


# A queue lives as long as somebody waits in it; what it has admitted is counted elsewhere.
_QUEUES: WeakValueDictionary[Hashable, Queue] = WeakValueDictionary()
