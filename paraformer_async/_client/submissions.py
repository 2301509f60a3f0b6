"""
The tasks that this process has submitted lately, by account and model, as the service counts.

The service counts all tasks of an account, whichever recognizer, loop or thread submits them.
So this is the one state that is not of a recognizer. It is forgotten after a second.
"""

from collections import deque
from collections.abc import Hashable
from threading import Lock

__all__ = ["OF_PROCESS", "WINDOW", "Submissions"]

_SECOND = 1.0
# What arrives is less even than what was sent: so many seconds more pass, so that the service, too,
# counts no more than the quota within any second.
_JITTER = 0.1
WINDOW = _SECOND + _JITTER
"""Seconds for which a submission counts."""


class Submissions:
    """
    Times of submissions within the last second, by account and model. Any thread may use it.

    Args:
        window: Seconds for which a submission counts.

    Attributes:
        window: The same.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self.window: float = window
        self._lock = Lock()
        self._times: dict[Hashable, deque[float]] = {}

    def __len__(self) -> int:
        """Return for how many accounts and models there are times."""
        return len(self._times)

    def next(self, key: Hashable, per_second: int, now: float) -> float:
        """Return when another submission is possible; *now* if it is now."""
        with self._lock:
            times = self._recent(key, now)
            return times[-per_second] + self.window if len(times) >= per_second else now

    def take(self, key: Hashable, per_second: int, now: float) -> bool:
        """Enter a submission unless *per_second* are within the last second; return whether."""
        with self._lock:
            times = self._recent(key, now)
            is_possible = len(times) < per_second
            if is_possible:
                times.append(now)
            return is_possible

    def move(self, key: Hashable, time: float, now: float) -> None:
        """Enter the submission of *time* as made *now*."""
        with self._lock:
            times = self._recent(key, now)
            if time in times:
                times.remove(time)
            times.append(now)

    def give_back(self, key: Hashable, time: float) -> None:
        """Remove the submission of *time*, which was not made."""
        with self._lock:
            times = self._times.get(key, ())
            if isinstance(times, deque) and time in times:
                times.remove(time)

    def _recent(self, key: Hashable, now: float) -> deque[float]:
        times = self._times.get(key)
        if times is None:
            self._forget(now)
            times = self._times[key] = deque()
        while times and times[0] + self.window <= now:
            times.popleft()
        return times

    def _forget(self, now: float) -> None:
        """Forget whoever has submitted nothing within the last second."""
        self._times = {
            key: times
            for key, times in self._times.items()
            if times and times[-1] + self.window > now
        }


OF_PROCESS = Submissions()
