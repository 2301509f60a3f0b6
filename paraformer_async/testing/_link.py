"""The socket of a connection, and what can be done to it below the protocol."""

import asyncio
import socket as sockets
from collections.abc import Coroutine
from math import inf
from typing import Any

import anyio
import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from paraformer_async._core.clocks import Clocks

__all__ = ["Gone", "Link"]

# What a connection may take to part when the server leaves, in seconds.
_FAREWELL = 0.5
_SMALL_BUFFER = 4096
_UNDER_WAY = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)


class Gone(Exception):
    """The connection is over; there is nothing to be told any more."""


class Link:
    """
    A WebSocket with its TCP connection.

    Args:
        socket: The WebSocket, which answers no close frame and no ping by itself.
        transport: The connection below it.
        clocks: How long a client may take no frame (`send`), and to close (`close`).

    Attributes:
        is_strange: Whether to put unknown fields into every event.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, clocks: Clocks
    ) -> None:
        self.is_strange = False
        self._socket = socket
        self._transport = transport
        self._clocks = clocks
        self._is_silenced = False

    async def receive(self, deadline: float = inf) -> Any:
        """Give the next message, and answer pings; `None` when none came until *deadline*."""
        if deadline <= anyio.current_time():
            return None
        with anyio.CancelScope(deadline=deadline):
            while True:
                message = await self._socket.receive()
                if message.type is WSMsgType.PING:
                    await self._taken(self._socket.pong(message.data))
                elif message.type is not WSMsgType.PONG:
                    return message
        return None

    async def write(self, frame: str) -> None:
        """Send an event. Raises `Gone` when the client has left or takes nothing."""
        await self.write_raw(_with_unknown_fields(frame) if self.is_strange else frame)

    async def write_raw(self, frame: str) -> None:
        """Send a text frame as it is. Raises `Gone`, too."""
        await self._taken(self._socket.send_str(frame))

    async def _taken(self, sending: Coroutine[Any, Any, None]) -> None:
        """Wait until the client has taken what is sent."""
        try:
            with anyio.fail_after(self._clocks.send):
                await sending
        except OSError as error:  # a timeout is one, too
            raise Gone from error

    async def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Close with a close frame, and wait a little for the client's."""
        with anyio.move_on_after(self._clocks.close):
            await self._socket.close(code=code, message=reason.encode())

    def abort(self) -> None:
        """Cut the connection, without a close frame."""
        self._transport.abort()

    async def half_close(self) -> None:
        """End this direction of the TCP connection, and read until the client leaves."""
        self._is_silenced = True
        if not self._transport.is_closing():
            self._transport.write_eof()
        while (await self._socket.receive()).type in _UNDER_WAY:
            pass

    async def stall(self) -> None:
        """Read and write no more, with a buffer that is soon full."""
        self._is_silenced = True
        if not self._transport.is_closing():
            self._transport.pause_reading()
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, _SMALL_BUFFER)
        await anyio.sleep_forever()

    async def leave(self) -> None:
        """Part, in bounded time, and whatever the client does."""
        with anyio.CancelScope(shield=True):
            if not self._is_silenced and not self._transport.is_closing():
                with anyio.move_on_after(_FAREWELL):
                    await self.close(WSCloseCode.GOING_AWAY)
            self.abort()


def _with_unknown_fields(frame: str) -> str:
    event = msgspec.json.decode(frame)
    event["unknown"] = {"field": 1}
    event["header"]["unknown"] = "field"
    event["payload"]["unknown"] = ["field"]
    sentence = (event["payload"].get("output") or {}).get("sentence")
    if sentence:
        sentence["unknown"] = None
    return msgspec.json.encode(event).decode()
