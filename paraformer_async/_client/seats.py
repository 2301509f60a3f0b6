"""The places in the pool of recognitions that run together."""

import asyncio

from paraformer_async._net.pool import Pool

__all__ = ["Seats"]


class Seats:
    """
    A place in the pool for each of several recognitions that only get on together, or for one.

    They are taken at once, with the first connection, and are kept until each has ended, through
    all reconnections: if a stream lost its place with its connection, it would have to wait for
    others, which may wait for it.

    Args:
        pool: The pool.
        count: How many recognitions there are.
    """

    def __init__(self, pool: Pool, count: int = 1) -> None:
        self._pool = pool
        self._count = count
        self._held = 0
        self._turn = asyncio.Lock()
        self._are_taken = False

    async def take(self) -> None:
        """
        Wait until all have a place.

        Raises:
            DeadlineError: There were not enough free places within `PoolLimits.wait`.
        """
        async with self._turn:
            if not self._are_taken:
                await self._pool.take_places(self._count)
                self._held = self._count
                self._are_taken = True

    def leave(self) -> None:
        """Give back the place of one recognition, which has ended, if there is any left."""
        if self._held:
            self._held -= 1
            self._pool.leave()

    def leave_all(self) -> None:
        """Give back all that are left."""
        while self._held:
            self.leave()
