"""Limits how many tasks are submitted per second, as the service counts them."""

import asyncio
from collections.abc import Callable, Hashable
from weakref import WeakValueDictionary

import anyio

from paraformer_async._client.admission import Queue
from paraformer_async._client.submissions import OF_PROCESS, Submissions
from paraformer_async.errors import DeadlineError, InvalidOptionError, UsageError
from paraformer_async.options.checks import shown
from paraformer_async.options.models import tasks_per_second
from paraformer_async.options.policies import PoolLimits
from paraformer_async.quota import Quota, QuotaGrant, QuotaKey

__all__ = ["ProcessQuota", "QuotaOfRecognizer", "QuotaPlace", "require_quota"]

# Seconds before a grant that has expired on its way is replaced.
_RETAKEN = 0.05


class ProcessQuota:
    """
    The quota of each account and model, counted within this process; see `Quota`.

    Recognizers of one event loop wait in one queue, in the order of arrival; those of several loops
    share the quota, but no order.

    Args:
        clock: Seconds, monotonic.
        submissions: Where they are counted.
    """

    def __init__(self, clock: Callable[[], float], submissions: Submissions = OF_PROCESS) -> None:
        self._clock = clock
        self._submissions = submissions

    async def take(self, key: QuotaKey) -> "ProcessGrant":
        """Wait until another task may be submitted."""
        queue = self.queue(key)
        return ProcessGrant(queue, await queue.take())

    def queue(self, key: QuotaKey) -> Queue:
        """Return the queue of all who wait for the same in this event loop."""
        shared = (asyncio.get_running_loop(), self._submissions, key)
        queue = _QUEUES.get(shared)
        if queue is None:
            counted = (key.account, key.model)
            queue = Queue(key.per_second, self._clock, self._submissions, counted)
            _QUEUES[shared] = queue
        return queue


class ProcessGrant:
    """
    A submission that was admitted; see `QuotaGrant`.

    Args:
        queue: Where it was admitted.
        admitted: When.
    """

    def __init__(self, queue: Queue, admitted: float) -> None:
        self._queue = queue
        self._admitted = admitted

    @property
    def is_valid(self) -> bool:
        """Whether it still counts."""
        return self._queue.is_counted(self._admitted)

    def use(self) -> None:
        """Count it from now on."""
        self._queue.made(self._admitted)

    def give_back(self) -> None:
        """Count nothing."""
        self._queue.give_back(self._admitted)


class QuotaOfRecognizer:
    """
    What a recognizer has to do with a quota.

    Args:
        limits: How many submissions a second (by default as many as the model allows), and how long
            one may wait.
        quota: Grants them.

    Attributes:
        made: Submissions of this recognizer so far.
        waiting: Those that are waiting.
    """

    def __init__(self, limits: PoolLimits, quota: Quota) -> None:
        self._limits = limits
        self._quota = quota
        self.made: int = 0
        self.waiting: int = 0

    async def take(self, account: int, endpoint: str, model: str) -> QuotaGrant:
        """
        Wait until a task of *model* may be submitted.

        Cancellation is safe: the submission does not count.

        Raises:
            DeadlineError: The quota was exhausted for `PoolLimits.wait`.
            Exception: The quota of the user has failed.
        """
        per_second = self._limits.tasks_per_second or tasks_per_second(model)
        key = QuotaKey(account, endpoint, model, per_second)
        self.waiting += 1
        try:
            with anyio.move_on_after(self._limits.wait):
                return await self._take_valid(key)
        finally:
            self.waiting -= 1
        raise DeadlineError("quota", self._limits.wait)

    async def _take_valid(self, key: QuotaKey) -> QuotaGrant:
        """Wait for a grant that may be used; one that has expired on its way is replaced."""
        while True:
            grant: QuotaGrant | None = await self._quota.take(key)
            if grant is None:
                raise UsageError(
                    "take() of the quota returned None", hint="return a grant: see QuotaGrant"
                )
            if grant.is_valid:
                return grant
            grant.give_back()
            await asyncio.sleep(_RETAKEN)  # even if the quota never waits


class QuotaPlace:
    """
    What one recognition has of the quota: nothing, or one submission that was admitted.

    Args:
        quota: The quota of its recognizer.
        account: Stands for the key and the address.
        endpoint: The address, without secrets.
    """

    def __init__(self, quota: QuotaOfRecognizer, account: int, endpoint: str) -> None:
        self._quota = quota
        self._account = account
        self._endpoint = endpoint
        self._grant: QuotaGrant | None = None

    @property
    def is_held(self) -> bool:
        """Whether a submission was admitted, and is neither made nor given back."""
        return self._grant is not None

    @property
    def is_valid(self) -> bool:
        """Whether a submission was admitted, and may be made now."""
        return self._grant is not None and self._grant.is_valid

    async def take(self, model: str) -> None:
        """
        Wait until a task of *model* may be submitted; replace an admission that has expired.

        Cancellation is safe: the submission does not count.

        Raises:
            DeadlineError: The quota was exhausted for `PoolLimits.wait`.
            Exception: The quota of the user has failed.
        """
        self.give_back()
        self._grant = await self._quota.take(self._account, self._endpoint, model)

    def use(self) -> None:
        """Note that the task is submitted now: that is when the service counts it."""
        grant, self._grant = self._grant, None  # whatever it raises
        if grant is not None:
            grant.use()
            self._quota.made += 1

    def give_back(self) -> None:
        """Let another submission be made in place of the one that was admitted, if one was."""
        grant, self._grant = self._grant, None
        if grant is not None:
            grant.give_back()


def require_quota(quota: object) -> None:
    """Raise `InvalidOptionError` for a *quota* that cannot be used."""
    if isinstance(quota, type) or not callable(getattr(quota, "take", None)):
        raise InvalidOptionError(
            "quota",
            f"{shown(quota)} is no Quota",
            hint="pass an object with `async def take(key)`; see paraformer_async.quota",
        )


# A queue lives as long as somebody waits in it; what it has admitted is counted elsewhere.
_QUEUES: WeakValueDictionary[Hashable, Queue] = WeakValueDictionary()
