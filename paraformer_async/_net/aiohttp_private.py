"""
A WebSocket of aiohttp as a `Transport`, the fast way: with private parts, on tested versions only.

What aiohttp does for a message costs more than it: 256 KB of memory for each read, a queue, an
iteration of the loop. Here, all connections share a buffer, and receivers get messages at once.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from random import getrandbits
from struct import pack
from time import monotonic
from typing import Any, cast

from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType
from aiohttp._websocket.helpers import websocket_mask  # private
from aiohttp.client_ws import WebSocketDataQueue  # type: ignore[attr-defined]  # private
from aiohttp.http import WebSocketReader

from paraformer_async._net.aiohttp_documented import SEND_BUFFER, DocumentedTransport
from paraformer_async._net.contract import OutgoingFrame, Receiver

__all__ = ["BUFFER", "PrivateTransport", "Socket"]

BUFFER = 64 * 1024  # bytes that are received at a time, and that may wait in a queue
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_RETURN = WSMessage(_TEXT, None, None)  # wakes `receive`: the receiver has its last message


def _masked(frame: OutgoingFrame) -> bytes:
    """Return a message as one frame of a client (RFC 6455, section 5.2)."""
    kind, frame = (0x81, frame.encode()) if isinstance(frame, str) else (0x82, frame)
    mask, payload = pack("!I", getrandbits(32)), bytearray(frame)
    websocket_mask(mask, payload)
    if (size := len(payload)) < 126:
        return pack("!BB", kind, 0x80 | size) + mask + payload
    if size < 65536:
        return pack("!BBH", kind, 0xFE, size) + mask + payload
    return pack("!BBQ", kind, 0xFF, size) + mask + payload


class Socket(ClientWebSocketResponse):
    """A WebSocket of aiohttp that records whether its peer has already sent something."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Data that follows the handshake at once is parsed before the parser can be replaced.
        self.is_fresh = not cast("Any", self._response.connection).protocol._tail


class _Queue(WebSocketDataQueue):
    """Unread messages; unless `receiver` is `None`, it receives others as they arrive."""

    receiver: Receiver | None = None
    is_closed = is_done = False  # the peer has sent a close frame; the receiver has its last

    def feed_data(self, data: Any, size: int) -> None:
        receiver, kind = self.receiver, data.type
        if receiver is None or (kind is not _TEXT and kind is not _BINARY):
            self.receiver = None  # nothing may overtake this
            self.is_closed |= kind is WSMsgType.CLOSE
            super().feed_data(data, size)
        elif receiver.frame_received(data.data, is_binary=kind is _BINARY):
            self.receiver, self.is_done = None, True
            super().feed_data(_RETURN, 0)


class PrivateTransport(DocumentedTransport, asyncio.BufferedProtocol):
    """`Transport` over a fresh `Socket`, and the protocol between asyncio and that of aiohttp."""

    def __init__(self, socket: Socket, close: float, largest: int, buffer: memoryview) -> None:
        super().__init__(socket, close, largest)
        connection: Any = socket._response.connection
        self._transport, self._protocol = connection.transport, connection.protocol
        self._writer, self._buffer = cast("Any", socket._writer), buffer
        self._incoming = queue = _Queue(self._protocol, BUFFER, loop=socket._loop)
        parser: Any = WebSocketReader(queue, largest + 1, compress=False, decode_text=False)
        self._feed, socket._reader, socket._parser = parser.feed_data, queue, parser
        self._protocol.set_parser(parser, queue)
        self._noted, self._pause = 0.0, (socket._heartbeat or 0) / 8
        self._transport.set_write_buffer_limits(high=SEND_BUFFER)
        self._transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        return not (self._incoming.is_closed or self._transport.is_closing() or self._socket.closed)

    def unsent(self) -> int:
        """Return the bytes that the operating system has not taken."""
        return int(self._transport.get_write_buffer_size())

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """Send frames with one system call, see `Transport`."""
        if self._writer._closing or self._transport.is_closing() or self._was_reset():
            raise self._lost()
        self._transport.write(b"".join(map(_masked, frames)))

    async def receive(self, receiver: Receiver) -> None:
        """Pass messages to *receiver*, see `Transport`."""
        queue, self._receiver = self._incoming, receiver
        queue.is_done = False
        try:
            while True:
                if not queue._buffer:
                    queue.receiver = receiver
                message = await self._socket.receive()
                if message.type is not _TEXT and message.type is not _BINARY:
                    self._control(message)
                elif message is _RETURN:
                    if queue.is_done:  # else it is of an earlier call, which was canceled
                        return
                elif receiver.frame_received(message.data, is_binary=message.type is _BINARY):
                    return
        finally:
            self._receiver = queue.receiver = None

    def _abort(self) -> None:
        self._socket._cancel_heartbeat()
        with suppress(AttributeError):  # of asyncio, if what was closing has sent the rest
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer that all connections share: it is emptied in the same step."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what arrived."""
        if self._pause and (now := monotonic()) - self._noted > self._pause:
            self._noted = now
            self._socket._on_data_received()  # postpones the ping; too slow to do per message
        if self._feed(bytes(self._buffer[:nbytes]))[0]:
            self._feed = lambda _: (False, b"")  # keep the error, drop the rest
            self._protocol.set_parser(None, None)

    def pause_writing(self) -> None:
        """Note that many bytes are unsent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Note that few bytes are unsent: the peer reads, though a ping may wait behind them."""
        self.is_full = False
        self._socket._on_data_received()
        if self._receiver is not None:
            self._receiver.writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let aiohttp note the end."""
        self._protocol.connection_lost(exc)
