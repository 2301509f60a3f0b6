"""
The one timer of a recognition.

Deadlines move with every frame; a timer that is armed anew for each would cost more than the frame.
So one task sleeps until the earliest deadline it knew, and looks again when it wakes.
"""

from collections.abc import Callable
from math import inf

import anyio

from paraformer_async.policies import Timeouts

__all__ = ["Waits", "Watch"]


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


class Watch:
    """
    Calls *ring* when the deadline has come.

    Args:
        deadline: Gives the next deadline on the clock; infinity for none. Asked at each wake-up.
        ring: Called with the time, at or after the deadline. It must move the deadline.
        clock: Seconds, monotonic.
        period: The longest sleep in seconds. A deadline that turns out nearer needs a `nudge`.
    """

    def __init__(
        self,
        *,
        deadline: Callable[[], float],
        ring: Callable[[float], None],
        clock: Callable[[], float],
        period: float,
    ) -> None:
        self._deadline = deadline
        self._ring = ring
        self._clock = clock
        self._period = period
        self._until = inf
        self._nudged = anyio.Event()

    def nudge(self, deadline: float) -> None:
        """Tell that there is a *deadline* now, in case it is nearer than those known before."""
        if deadline < self._until:
            self._nudged.set()

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            now = self._clock()
            if self._deadline() <= now:
                self._ring(now)
            self._nudged = anyio.Event()
            self._until = min(self._deadline(), now + self._period)
            with anyio.move_on_after(self._until - now):
                await self._nudged.wait()
