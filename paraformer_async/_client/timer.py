"""What is waited for, and the timer that looks after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Protocol

import anyio

from paraformer_async.options.policies import Timeouts

__all__ = ["Waits", "Watch", "Watched"]


class Waits:
    """What the session is waiting for, by the names of `Timeouts`, and until when."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._until: dict[str, float] = {}

    def begin(self, phase: str, now: float) -> None:
        """Wait for *phase* from *now* on; again, when it has begun already."""
        self._until[phase] = now + self.limit(phase)

    def end(self, phase: str) -> None:
        """Do not wait for *phase* any more."""
        self._until.pop(phase, None)

    def __contains__(self, phase: str) -> bool:
        return phase in self._until

    def deadline(self) -> float:
        """When the first wait runs out; infinity when there is none."""
        return min(self._until.values()) if self._until else inf

    def overdue(self, now: float) -> str | None:
        """Give a wait that has run out."""
        return next((phase for phase, until in self._until.items() if until <= now), None)

    def limit(self, phase: str) -> float:
        """How long *phase* may take, in seconds."""
        limit: float = getattr(self._timeouts, phase)
        return limit


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


class Watch:
    """
    The one timer of all recognitions of a recognizer.

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
