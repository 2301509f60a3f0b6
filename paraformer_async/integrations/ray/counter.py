"""
The actor that counts the tasks of an account for all processes of a cluster.

It runs in a process of its own, as an async actor: calls take turns in one event loop. Nothing
that it knows is worth saving: after a restart, it waits until all that it may have granted before
can no longer be used.
"""

import asyncio
import time
from collections import deque

from paraformer_async._client.submissions import WINDOW
from paraformer_async.integrations.ray.leases import LEASE, Leases

__all__ = ["Counter", "CounterKey"]

CounterKey = tuple[str, str, int]
"""Address, model, and tasks per second."""

# Longest time that a request waits here, in seconds. Its sender counts the lease from when it was
# sent, which is before anything is granted, so that clocks and delays do not matter.
_LONGEST_WAIT = 4.0


class Counter:
    """
    Counts tasks, and grants as many as may be submitted, in the order of requests.

    Args:
        is_successor: Whether another counter may have granted tasks until now.
    """

    def __init__(self, is_successor: bool) -> None:
        self._leases = Leases(first=time.time_ns())
        self._opens_at = time.monotonic() + (LEASE + WINDOW if is_successor else 0.0)
        self._lines: dict[CounterKey, _CounterLine] = {}

    async def take(self, key: CounterKey, wanted: int) -> list[int]:
        """
        Wait until tasks may be submitted, and return the ids of the grants.

        Returns:
            One to *wanted* ids; none if nothing could be granted within 4 s.
        """
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _CounterLine(key, self._leases, self._opens_at)
        return await line.take(wanted)

    async def used(self, ids: list[int]) -> None:
        """Note that tasks were submitted with these grants."""
        self._leases.used(ids, time.monotonic())

    async def give_back(self, ids: list[int]) -> None:
        """Grant others in place of these, which will not be used."""
        self._leases.give_back(ids)
        for line in self._lines.values():
            line.let_pass()


class _CounterLine:
    """The requests for the same, in order of arrival."""

    def __init__(self, key: CounterKey, leases: Leases, opens_at: float) -> None:
        endpoint, model, self._per_second = key
        self._counted = (endpoint, model)
        self._leases = leases
        self._opens_at = opens_at
        self._waiting: deque[tuple[asyncio.Future[list[int]], int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, wanted: int) -> list[int]:
        request: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, wanted))
        self.let_pass()
        await asyncio.wait([request], timeout=_LONGEST_WAIT)
        if request.done():
            return request.result()
        self._waiting.remove((request, wanted))
        return []

    def let_pass(self) -> None:
        """Grant what is possible, the first one first; as much to each as to the others."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        while self._waiting and now >= self._opens_at:
            request, wanted = self._waiting[0]
            free = self._leases.free(self._counted, self._per_second, now)
            if not free:
                break
            share = min(wanted, -(-free // len(self._waiting)))
            request.set_result(self._leases.grant(self._counted, share, now))
            self._waiting.popleft()
        if self._waiting:
            soonest = self._leases.next(self._counted, self._per_second, now)
            delay = max(soonest, self._opens_at) - now
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, delay), self.let_pass)
