"""
TCP connections whose WebSocket handshake is still to come: bounded in number and in time.

aiohttp waits for a request without a limit: a client that connects and sends nothing, or half a
header, would hold its connection forever.
"""

import asyncio
from collections.abc import Callable
from typing import cast

__all__ = ["Handshakes"]

_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Handshakes:
    """
    Watches connections until their handshake.

    Args:
        limit: Connections without a handshake at once; further ones are refused with HTTP 503.
        seconds: Time for a handshake; then the connection is cut off.
    """

    def __init__(self, *, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._pending: dict[asyncio.Transport, float] = {}  # oldest first: when its time is up
        self._timer: asyncio.TimerHandle | None = None

    def watched(self, make: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """Return a protocol factory for `loop.create_server` that watches what *make* makes."""
        return lambda: _Arrival(self, make)

    def discard(self, transport: asyncio.Transport | None) -> None:
        """Stop watching a connection: its handshake is done."""
        if transport is not None:
            self._pending.pop(transport, None)

    def close(self) -> None:
        """Stop watching."""
        self._pending.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def admit(self, transport: asyncio.Transport) -> bool:
        """Start watching a connection; return whether there is room for it."""
        if len(self._pending) >= self._limit:
            self._pending = {
                one: when for one, when in self._pending.items() if not one.is_closing()
            }
        if len(self._pending) >= self._limit:
            return False
        loop = asyncio.get_running_loop()
        self._pending[transport] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._expire)
        return True

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        while self._pending:
            transport, when = next(iter(self._pending.items()))
            if when > loop.time():
                self._timer = loop.call_at(when, self._expire)
                return
            del self._pending[transport]
            transport.abort()


class _Arrival(asyncio.Protocol):
    """Admits a new connection, and hands it over to its real protocol."""

    def __init__(self, handshakes: Handshakes, make: Callable[[], asyncio.Protocol]) -> None:
        self._handshakes = handshakes
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the connection, or refuse it."""
        # By its methods, since uvloop's transports are not instances of asyncio's classes.
        stream = cast("asyncio.Transport", transport)
        if not self._handshakes.admit(stream):
            stream.write(_REFUSAL)
            stream.close()
            return
        protocol = self._make()
        stream.set_protocol(protocol)
        protocol.connection_made(stream)
