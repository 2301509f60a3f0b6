"""What a recognition waits for, and until when."""

from math import inf

from paraformer_async.options.policies import Timeouts

__all__ = ["Deadlines"]


class Deadlines:
    """
    The waits that are going on, by the names of `Timeouts`.

    Args:
        timeouts: How long each may take, in seconds.

    Attributes:
        until: When each wait runs out.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.until: dict[str, float] = {}
        self._latest: dict[str, float] = {}

    def begin(self, wait: str, now: float) -> None:
        """Wait for *wait* from *now* on; again, when it has begun already."""
        self.until[wait] = min(now + self.limit(wait), self._latest.get(wait, inf))

    def bound(self, wait: str, latest: float) -> None:
        """Let *wait* be over at *latest*, however often it is renewed; the first bound holds."""
        self._latest.setdefault(wait, latest)

    def renew(self, wait: str, now: float) -> None:
        """Wait for *wait* from *now* on if it has begun: the peer makes progress."""
        if wait in self.until:
            self.begin(wait, now)

    def end(self, wait: str) -> None:
        """Stop waiting for *wait*."""
        self.until.pop(wait, None)

    def clear(self) -> None:
        """Stop waiting for anything."""
        self.until.clear()
        self._latest.clear()

    def __contains__(self, wait: str) -> bool:
        return wait in self.until

    def soonest(self) -> float:
        """Return when the first wait runs out; infinity when there is none."""
        return min(self.until.values()) if self.until else inf

    def overdue(self, now: float) -> str | None:
        """Return a wait that has run out."""
        return next((wait for wait, until in self.until.items() if until <= now), None)

    def limit(self, wait: str) -> float:
        """Return how long *wait* may take, in seconds."""
        limit: float = getattr(self._timeouts, wait)
        return limit
