"""Sends what comes late."""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from paraformer_async._core.wire import Event
from paraformer_async.testing._link import Gone

__all__ = ["Delay"]


class Delay:
    """
    Holds events back, and sends them in their order.

    Args:
        send: Sends an event.
    """

    def __init__(self, send: Callable[[Event], Awaitable[None]]) -> None:
        self._send = send
        self._held: deque[tuple[float, Event]] = deque()
        self._changed = anyio.Event()

    def put(self, event: Event, seconds: float) -> None:
        """Hold *event* back for some seconds."""
        self._held.append((anyio.current_time() + seconds, event))
        self._changed.set()

    async def run(self) -> None:
        """Send, until canceled or the client has left."""
        try:
            while True:
                await self._send(await self._next())
        except Gone:
            return

    async def _next(self) -> Event:
        while not self._held:
            self._changed = anyio.Event()
            await self._changed.wait()
        due, event = self._held.popleft()
        await anyio.sleep_until(due)
        return event
