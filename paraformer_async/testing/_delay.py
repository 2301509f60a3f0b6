"""Events that are sent late."""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from paraformer_async._core.messages import Event
from paraformer_async._core.service import ConnectionEnded

__all__ = ["Delay"]


class Delay:
    """
    Holds events back, and sends them in order.

    Args:
        send: Sends an event.
    """

    def __init__(self, send: Callable[[Event], Awaitable[None]]) -> None:
        self._send = send
        self._held: deque[tuple[float, Event]] = deque()
        self._changed = anyio.Event()

    def put(self, event: Event, seconds: float) -> None:
        """Hold *event* back for this many seconds."""
        self._held.append((anyio.current_time() + seconds, event))
        self._changed.set()

    async def run(self) -> None:
        """Send until canceled or the connection has ended."""
        try:
            while True:
                await self._send(await self._next())
        except ConnectionEnded:
            return

    async def _next(self) -> Event:
        while not self._held:
            self._changed = anyio.Event()
            await self._changed.wait()
        due, event = self._held.popleft()
        await anyio.sleep_until(due)
        return event
