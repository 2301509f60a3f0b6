"""One timer for all recognitions of a recognizer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Protocol

from anyio import Event, move_on_after

__all__ = ["Timer", "Watched"]

# How soon after `ring` it is called again at the earliest, in seconds: middleware whose deadline
# never moves must not keep the loop busy.
_LEAST = 0.001


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
    frame, and one per recognition would still fill the loop's heap. So one task sleeps until the
    earliest known deadline, and checks all of them when it wakes.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._watched: dict[Watched, None] = {}
        self._until = inf
        self._nudged = Event()

    @property
    def watched(self) -> int:
        """How many objects are watched."""
        return len(self._watched)

    @contextmanager
    def watching(self, one: Watched) -> Iterator[None]:
        """Watch *one* within the context."""
        self._watched[one] = None
        self.nudge(self._clock() + one.period)
        try:
            yield
        finally:
            del self._watched[one]

    def nudge(self, deadline: float) -> None:
        """Wake in time for a *deadline*, in case it is earlier than all known ones."""
        if deadline < self._until:
            self._until = deadline
            self._nudged.set()

    async def run(self) -> None:
        """Run until canceled."""
        while True:
            self._nudged = Event()
            self._until = self._look(self._clock())
            with move_on_after(self._until - self._clock()):
                await self._nudged.wait()

    def _look(self, now: float) -> float:
        """Call `ring` where the deadline has passed; return when to check again."""
        soonest = inf
        for one in tuple(self._watched):
            deadline = one.deadline()
            if deadline <= now:
                one.ring(now)
                deadline = max(one.deadline(), now + _LEAST)
            soonest = min(soonest, deadline, now + one.period)
        return soonest
