"""`RayQuota`: one count of submitted tasks for all processes of a Ray cluster."""

import asyncio
import time
from collections import deque
from functools import partial
from weakref import WeakValueDictionary

from paraformer_async.integrations.ray.cluster import SharedCounter
from paraformer_async.integrations.ray.counter import CounterKey
from paraformer_async.integrations.ray.leases import LEASE
from paraformer_async.options.checks import require_text
from paraformer_async.quota import QuotaKey

__all__ = ["RayGrant", "RayQuota"]

# A request asks for at most this part of a second's tasks: a process that dies takes no more along.
_PART = 4
_AGAIN = 0.25  # seconds until a counter that was lost is asked again


class RayQuota:
    """
    The quota of an account, counted by one actor for all processes of a Ray cluster.

        AsyncRecognizer(quota=RayQuota())

    The actor is started by the first process that needs it, and goes on when the job ends: other
    jobs of the cluster count there, too. If it dies, Ray starts it again, and nothing is submitted
    for 11 s: until what it had granted can no longer be used. Tasks that were granted to a process
    that has died count for as long.

    The service never counts more than the quota, however slow the cluster. Requests of a process
    are combined, so that waiting for the actor costs no throughput. Those that wait in one event
    loop are granted in the order of arrival; among processes, each is granted about as many.

    It can be sent to other processes (pickled): they share the count.

    Args:
        name: Stands for the account: recognizers with other keys need another name, or they share
            the quota.

    Raises:
        InvalidOptionError: *name* is no text.
        MissingExtraError: On first use: Ray is not installed.
        UsageError: On first use: Ray is not running in this process.
    """

    def __init__(self, name: str = "quota") -> None:
        require_text("name", name)
        self._name = name
        self._counter = SharedCounter(name)
        # A line lives as long as somebody waits in it, or for it.
        self._lines: WeakValueDictionary[object, _WorkerLine] = WeakValueDictionary()

    def __repr__(self) -> str:
        return f"RayQuota({self._name!r})"

    def __reduce__(self) -> tuple[type["RayQuota"], tuple[str]]:
        """Share the count with the process that receives it."""
        return RayQuota, (self._name,)

    async def take(self, key: QuotaKey) -> "RayGrant":
        """Wait until another task may be submitted; see `Quota.take`."""
        counted = (key.endpoint, key.model, key.per_second)
        shared = (asyncio.get_running_loop(), counted)
        line = self._lines.get(shared)
        if line is None:
            line = self._lines[shared] = _WorkerLine(self._counter, counted)
        return await line.take()


class RayGrant:
    """
    Permission to submit one task; see `QuotaGrant`.

    Args:
        counter: Where to report what becomes of it.
        number: Its id.
        expires_at: When it must no longer be used.
    """

    def __init__(self, counter: SharedCounter, number: int, expires_at: float) -> None:
        self._counter = counter
        self._number = number
        self._expires_at = expires_at

    @property
    def is_valid(self) -> bool:
        """Whether it may still be used."""
        return time.monotonic() < self._expires_at

    def use(self) -> None:
        """Count the task from now on."""
        self._counter.used(self._number)

    def give_back(self) -> None:
        """Count nothing."""
        self._counter.give_back([self._number])


class _WorkerLine:
    """Those of one event loop that wait for the same; one request at a time asks for them all."""

    def __init__(self, counter: SharedCounter, key: CounterKey) -> None:
        self._counter = counter
        self._key = key
        self._loop = asyncio.get_running_loop()
        self._most = max(1, key[-1] // _PART)
        self._waiting: deque[asyncio.Future[RayGrant]] = deque()
        self._is_asking = False

    async def take(self) -> RayGrant:
        waiter: asyncio.Future[RayGrant] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            self._ask()
            return await waiter
        except BaseException:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._pass_on(waiter.result())
            raise

    def _ask(self) -> None:
        if self._waiting and not self._is_asking:
            wanted = min(len(self._waiting), self._most)
            # Before anything is granted, so that the counter counts the lease for longer.
            expires_at = time.monotonic() + LEASE
            self._counter.ask(self._key, wanted, partial(self._answered_in_thread, expires_at))
            self._is_asking = True

    def _answered_in_thread(self, expires_at: float, answer: list[int] | Exception) -> None:
        try:
            self._loop.call_soon_threadsafe(self._answered, expires_at, answer)
        except RuntimeError:  # the loop is closed: nobody waits any longer
            if not isinstance(answer, Exception):
                self._counter.give_back(answer)

    def _answered(self, expires_at: float, answer: list[int] | Exception) -> None:
        self._is_asking = False
        if not isinstance(answer, Exception):
            for number in answer:
                self._pass_on(RayGrant(self._counter, number, expires_at))
            self._ask_again()
        elif self._counter.is_lost(answer):
            self._loop.call_later(_AGAIN, self._ask_again)
        else:
            self._fail(answer)

    def _ask_again(self) -> None:
        try:
            self._ask()
        except Exception as error:  # noqa: BLE001 - raised by those who wait
            self._fail(error)

    def _pass_on(self, grant: RayGrant) -> None:
        """Give a grant to the first one that waits, or back."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(grant)
                return
        grant.give_back()

    def _fail(self, error: Exception) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)
