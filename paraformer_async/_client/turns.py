"""Tasks that wait for room: served one at a time, in the order in which they came."""

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """
    A queue before something that is full at times.

    Args:
        is_closed: Whether who comes must wait.
        is_open: Whether who waits may go on.
    """

    def __init__(self, is_closed: Callable[[], bool], is_open: Callable[[], bool]) -> None:
        self._is_closed = is_closed
        self._is_open = is_open
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._promised: asyncio.Future[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether others come first."""
        return self._promised is not None or bool(self._waiting)

    def must_wait(self) -> bool:
        """Whether who comes now has to wait: for others, or for room."""
        return self._promised is not None or bool(self._waiting) or self._is_closed()

    async def wait(self) -> None:
        """
        Wait for one's turn. Afterwards call `pass_on`, in the step in which it was used.

        Cancellation is safe: the turn goes to the next.
        """
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self.pass_on()
        try:
            await turn
        except BaseException:
            if turn is self._promised:
                self._promised = None
            else:
                self._waiting.remove(turn)
            self.pass_on()
            raise
        self._promised = None

    def pass_on(self) -> None:
        """Let the next one go on, if there is room."""
        if self._promised is None and self._waiting and self._is_open():
            if self._waiting[0].done():
                return  # canceled in this very moment: it leaves, and passes its turn on
            self._promised = self._waiting.popleft()
            self._promised.set_result(None)
