"""A queue of tasks that wait for room, served one at a time, in the order of arrival."""

import asyncio
from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """
    A queue in front of something that can be full.

    Args:
        is_open: Returns whether the first waiting task may continue.

    Attributes:
        waiting: The waiting tasks, oldest first. The first may have been woken, but not run yet.
    """

    def __init__(self, is_open: Callable[[], bool]) -> None:
        self._is_open = is_open
        self.waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """
        Wait for the caller's turn. The caller then calls `pass_on`, without awaiting in between.

        Cancellation is safe: the turn passes to the next task.
        """
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        self.pass_on()
        try:
            await turn
        except BaseException:
            self.waiting.remove(turn)
            self.pass_on()
            raise
        self.waiting.pop(0)

    def pass_on(self) -> None:
        """Wake the next task if there is room."""
        if self.waiting and not self.waiting[0].done() and self._is_open():
            self.waiting[0].set_result(None)
