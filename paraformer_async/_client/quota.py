"""How many tasks may be submitted: a limit that all recognitions of a recognizer share."""

from collections import deque
from collections.abc import Callable

import anyio

__all__ = ["SubmissionRate"]

_WINDOW = 1.0


class SubmissionRate:
    """
    Lets at most *per_second* submissions pass within any second, in the order of asking.

    The first that many pass at once; who comes later waits for a place.
    """

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slots: deque[float] = deque(maxlen=per_second)

    async def wait(self) -> None:
        """Wait until a task may be submitted. A place that is given up by cancellation is lost."""
        now = self._clock()
        is_full = len(self._slots) == self._slots.maxlen
        slot = max(now, self._slots[0] + _WINDOW) if is_full else now
        self._slots.append(slot)
        if slot > now:
            await anyio.sleep(slot - now)
