"""What a recognition waits for, and until when."""

from math import inf

from paraformer_async.options.policies import Timeouts

__all__ = ["Deadlines"]


class Deadlines:
    """
    The waits that are going on, by the names of `Timeouts`.

    Args:
        timeouts: How long each may take, in seconds.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._until: dict[str, float] = {}

    def begin(self, wait: str, now: float) -> None:
        """Wait for *wait* from *now* on; again, when it has begun already."""
        self._until[wait] = now + self.limit(wait)

    def renew(self, wait: str, now: float) -> None:
        """Wait for *wait* from *now* on if it has begun: the peer makes progress."""
        if wait in self._until:
            self.begin(wait, now)

    def end(self, wait: str) -> None:
        """Stop waiting for *wait*."""
        self._until.pop(wait, None)

    def clear(self) -> None:
        """Stop waiting for anything."""
        self._until.clear()

    def __bool__(self) -> bool:
        return bool(self._until)

    def __contains__(self, wait: str) -> bool:
        return wait in self._until

    def soonest(self) -> float:
        """Return when the first wait runs out; infinity when there is none."""
        return min(self._until.values()) if self._until else inf

    def overdue(self, now: float) -> str | None:
        """Return a wait that has run out."""
        return next((wait for wait, until in self._until.items() if until <= now), None)

    def limit(self, wait: str) -> float:
        """Return how long *wait* may take, in seconds."""
        limit: float = getattr(self._timeouts, wait)
        return limit
