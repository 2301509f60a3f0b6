"""One timer for all recognitions of a recognizer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Protocol

__all__ = ["Timer", "Watched"]

# How soon after `ring` it is called again at the earliest, in seconds: middleware whose deadline
# never moves must not keep the loop busy.
_LEAST = 0.001
# A deadline that has moved is checked at a multiple of this, in seconds, before it: that is when
# others are checked, too, so that the loop wakes less often. If it is still the same, it is exact.
_GRID = 1 / 16
# Longest sleep while nothing is watched, in seconds: not every loop accepts infinity.
_LONGEST = 3600.0
# The heap may have so many entries that are out of date, beyond one for each object.
_SPARE = 64


class Watched(Protocol):
    """An object with deadlines. Its methods do not raise."""

    @property
    def period(self) -> float:
        """Longest interval between checks, in seconds; an earlier deadline needs a `nudge`."""
        ...

    def deadline(self) -> float:
        """Return when to call `ring` next; infinity for never."""
        ...

    def ring(self, now: float) -> None:
        """Handle the deadline that has passed, and move it."""
        ...


class Timer:
    """
    Calls `ring` of each watched object whose deadline has passed.

    Deadlines move with every frame. Setting a timer of the loop for each would cost more than the
    frame. So one task sleeps until the earliest known deadline, and checks only then whether that
    one has moved. The others are not checked, so that a thousand streams do not stop the loop.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[Watched, float] = {}  # when each is checked next
        self._heap: list[tuple[float, int, Watched]] = []  # the same, and times out of date
        self._numbers = count()  # objects cannot be compared
        self._until = inf  # sleeping; an earlier time wakes
        self._sleep: asyncio.Future[None] | None = None

    @property
    def watched(self) -> int:
        """How many objects are watched."""
        return len(self._known)

    @contextmanager
    def watching(self, one: Watched) -> Iterator[None]:
        """Watch *one* within the context."""
        self._check_at(one, self._clock() + one.period)
        try:
            yield
        finally:
            del self._known[one]

    def nudge(self, one: Watched, deadline: float) -> None:
        """Check *one* in time for a *deadline*, in case it is earlier than the known one."""
        if deadline < self._known.get(one, -inf):
            self._check_at(one, deadline)

    async def run(self) -> None:
        """Run until canceled."""
        loop = asyncio.get_running_loop()
        while True:
            self._until = -inf  # what is nudged now is found below
            self._check_due(self._clock())
            self._until = self._heap[0][0] if self._heap else inf
            self._sleep = loop.create_future()
            seconds = min(self._until - self._clock(), _LONGEST)
            alarm = loop.call_later(max(0.0, seconds), self._wake)
            try:
                await self._sleep
            finally:
                alarm.cancel()

    def _check_at(self, one: Watched, when: float) -> None:
        self._known[one] = when
        if len(self._heap) > 2 * len(self._known) + _SPARE:
            self._heap = [entry for entry in self._heap if self._is_current(entry)]
            heapify(self._heap)
        heappush(self._heap, (when, next(self._numbers), one))
        if when < self._until:
            self._wake()

    def _is_current(self, entry: tuple[float, int, Watched]) -> bool:
        return self._known.get(entry[2]) == entry[0]

    def _wake(self) -> None:
        if self._sleep is not None and not self._sleep.done():
            self._sleep.set_result(None)

    def _check_due(self, now: float) -> None:
        """Check the objects whose time has come: call `ring`, unless the deadline has moved."""
        while self._heap and self._heap[0][0] <= now:
            entry = heappop(self._heap)
            if not self._is_current(entry):
                continue
            one = entry[2]
            deadline = one.deadline()
            if deadline <= now:
                one.ring(now)
                deadline = one.deadline()
            elif now + _GRID < deadline < inf:
                deadline -= deadline % _GRID
            if one in self._known:
                self._check_at(one, max(min(deadline, now + one.period), now + _LEAST))
