"""The one timer of all recognitions of a recognizer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Protocol

import anyio

__all__ = ["Timer", "Watched"]


class Watched(Protocol):
    """What has deadlines. Its methods raise nothing."""

    @property
    def period(self) -> float:
        """How often to look at least, in seconds; a deadline that is nearer needs a `nudge`."""
        ...

    def deadline(self) -> float:
        """When to ring next; infinity for not at all."""
        ...

    def ring(self, now: float) -> None:
        """The deadline has come; it must move now."""
        ...


class Timer:
    """
    Rings when a deadline has come.

    Deadlines move with every frame; a timer armed anew for each would cost more than the frame,
    and one for each recognition would still crowd the loop's heap. So one task sleeps until the
    earliest deadline it knew, and looks at all of them when it wakes.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watched: dict[Watched, None] = {}
        self._until = inf
        self._nudged = anyio.Event()

    @property
    def watched(self) -> int:
        """How many are watched."""
        return len(self._watched)

    @contextmanager
    def watching(self, one: Watched) -> Iterator[None]:
        """Watch *one* as long as the context lasts."""
        self._watched[one] = None
        self.nudge(self._clock() + one.period)
        try:
            yield
        finally:
            del self._watched[one]

    def nudge(self, deadline: float) -> None:
        """Tell that there is a *deadline* now, in case it is nearer than those known before."""
        if deadline < self._until:
            self._until = deadline
            self._nudged.set()

    async def run(self) -> None:
        """Watch, until canceled."""
        while True:
            self._nudged = anyio.Event()
            self._until = self._look(self._clock())
            with anyio.move_on_after(self._until - self._clock()):
                await self._nudged.wait()

    def _look(self, now: float) -> float:
        """Ring for all whose deadline has come; give when to look again."""
        soonest = inf
        for one in tuple(self._watched):
            deadline = one.deadline()
            if deadline <= now:
                one.ring(now)
                deadline = one.deadline()
            soonest = min(soonest, deadline, now + one.period)
        return soonest
