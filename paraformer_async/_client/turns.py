"""Tasks that wait for room: served one at a time, in the order in which they came."""

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """
    A queue before something that is full at times.

    Args:
        is_open: Whether who waits may go on.

    Attributes:
        waiting: Who waits; the first may have been let through, and not have gone yet.
    """

    def __init__(self, is_open: Callable[[], bool]) -> None:
        self._is_open = is_open
        self.waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """
        Wait for one's turn. Afterwards call `pass_on`, in the step in which the turn was used.

        Cancellation is safe: the turn goes to the next.
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
        self.waiting.popleft()

    def pass_on(self) -> None:
        """Let the next one go on, if there is room."""
        if self.waiting and not self.waiting[0].done() and self._is_open():
            self.waiting[0].set_result(None)
