"""The places of a pool: how many recognitions may run at once, and who is next."""

import asyncio
from collections import deque

__all__ = ["Places"]


class Places:
    """
    A number of places, of which each caller takes one or several at once, in the order of arrival.

    Those that need several take all of them together: if they took one after the other, two of them
    could each hold what the other one waits for.

    Args:
        count: Number of places.

    Attributes:
        free: How many are free.
    """

    def __init__(self, count: int) -> None:
        self.free: int = count
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def waited_for(self) -> int:
        """How many places are waited for."""
        return sum(count for count, granted in self._queue if not granted.done())

    def take_free(self, count: int) -> bool:
        """Take *count* places if they are free and nobody waits; return whether they were."""
        if self._queue or count > self.free:
            return False
        self.free -= count
        return True

    async def take(self, count: int) -> None:
        """Wait until *count* places are free, and take them. Cancellation is safe: none is."""
        if self.take_free(count):
            return
        waiting = count, asyncio.get_running_loop().create_future()
        self._queue.append(waiting)
        try:
            await waiting[1]
        except BaseException:
            if waiting in self._queue:
                self._queue.remove(waiting)
            elif not waiting[1].cancelled():  # granted in the same step
                self.free += count
            self._grant()
            raise

    def give_back(self, count: int = 1) -> None:
        """Give back places that were taken."""
        self.free += count
        self._grant()

    def _grant(self) -> None:
        """Let those continue whose turn it is, and for whom there are enough places."""
        while self._queue and self._queue[0][0] <= self.free:
            count, granted = self._queue.popleft()
            if not granted.done():
                self.free -= count
                granted.set_result(None)
