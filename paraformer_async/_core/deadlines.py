"""What a recognition is waiting for, and until when."""

from math import inf

from paraformer_async.options.policies import Timeouts

__all__ = ["Deadlines"]


class Deadlines:
    """
    The current waits, by the names of `Timeouts`.

    Args:
        timeouts: How long each wait may take, in seconds.

    Attributes:
        until: When each wait expires.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.until: dict[str, float] = {}
        self._latest: dict[str, float] = {}

    def begin(self, wait: str, now: float) -> None:
        """Start *wait* at *now*; restart it if it has begun."""
        self.until[wait] = min(now + self.limit(wait), self._latest.get(wait, inf))

    def bound(self, wait: str, latest: float) -> None:
        """Let *wait* expire at *latest*, however often it is renewed; the first bound holds."""
        self._latest.setdefault(wait, latest)

    def renew(self, wait: str, now: float) -> None:
        """Restart *wait* at *now* if it has begun: the peer has made progress."""
        if wait in self.until:
            self.begin(wait, now)

    def end(self, wait: str) -> None:
        """End *wait*."""
        self.until.pop(wait, None)

    def clear(self) -> None:
        """End all waits."""
        self.until.clear()
        self._latest.clear()

    def __contains__(self, wait: str) -> bool:
        return wait in self.until

    def soonest(self) -> float:
        """Return when the first wait expires; infinity if there is none."""
        return min(self.until.values()) if self.until else inf

    def overdue(self, now: float) -> str | None:
        """Return a wait that has expired, or `None`."""
        return next((wait for wait, until in self.until.items() if until <= now), None)

    def limit(self, wait: str) -> float:
        """Return how long *wait* may take, in seconds."""
        limit: float = getattr(self._timeouts, wait)
        return limit
