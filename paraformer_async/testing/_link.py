"""The socket of a connection, and its faults below the protocol."""

import asyncio
import socket as sockets
from collections.abc import Coroutine
from math import inf
from typing import Any

import anyio
import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from paraformer_async._core.clocks import Clocks
from paraformer_async._core.service import ConnectionEnded

__all__ = ["Link"]

# Time for the closing handshake when the server closes, in seconds.
_LAST_CLOSE = 0.5
_SMALL_BUFFER = 4096
_OPEN = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG)


class Link:
    """
    A WebSocket with its TCP connection.

    Args:
        socket: The WebSocket, without automatic responses to close frames and pings.
        transport: The connection below it.
        clocks: The time limits; those of `send` and `close` are used.

    Attributes:
        has_unknown_fields: Whether unknown fields are added to every event.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, clocks: Clocks
    ) -> None:
        self.has_unknown_fields = False
        self._socket = socket
        self._transport = transport
        self._clocks = clocks
        self._is_silenced = False

    async def receive(self, deadline: float = inf) -> Any:
        """Return the next message, and answer pings; `None` if there is none until *deadline*."""
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
        """Send an event; raise `ConnectionEnded` if the client has left or reads nothing."""
        await self.write_raw(_with_unknown_fields(frame) if self.has_unknown_fields else frame)

    async def write_raw(self, frame: str) -> None:
        """Send a text frame as it is; raise `ConnectionEnded`, too."""
        await self._taken(self._socket.send_str(frame))

    async def _taken(self, sending: Coroutine[Any, Any, None]) -> None:
        """Wait until the frame is written."""
        try:
            with anyio.fail_after(self._clocks.send):
                await sending
        except OSError as error:  # a timeout is one, too
            raise ConnectionEnded from error

    async def close(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Send a close frame, and wait for the client's for the `close` time."""
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
        while (await self._socket.receive()).type in _OPEN:
            pass

    async def stall(self) -> None:
        """Neither read nor write any more, with a receive buffer that is soon full."""
        self._is_silenced = True
        if not self._transport.is_closing():
            self._transport.pause_reading()
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, _SMALL_BUFFER)
        await anyio.sleep_forever()

    async def leave(self) -> None:
        """Close in bounded time, whatever the client does."""
        with anyio.CancelScope(shield=True):
            if not self._is_silenced and not self._transport.is_closing():
                with anyio.move_on_after(_LAST_CLOSE):
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
