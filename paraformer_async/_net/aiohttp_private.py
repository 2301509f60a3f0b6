"""
A WebSocket of aiohttp as a `Transport`, the fast way: by private parts, on tested versions only.

What aiohttp does for a message on its way in costs more than the message: memory of 256 KB for each
look at the socket, a queue, and a turn of the loop. Here all connections receive into one buffer,
and messages reach the receiver in the step in which they arrive. All else (pings, the close
handshake, errors, the end) goes aiohttp's way. Nothing but `aiohttp_factory` imports this file:
without it, and on any other version, `DocumentedTransport` is used.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType
from aiohttp.client_ws import WebSocketDataQueue  # type: ignore[attr-defined]  # private
from aiohttp.http import WebSocketReader

from paraformer_async._net.aiohttp_documented import SEND_BUFFER, DocumentedTransport
from paraformer_async._net.contract import OutgoingFrame, Receiver

__all__ = ["BUFFER", "TESTED", "PrivateTransport", "Socket", "is_tested"]

TESTED = frozenset({"3.14.0", "3.14.1", "3.14.2", "3.14.3", "3.14.4", "3.14.5"})
"""Versions of aiohttp on which the tests of transports have passed; empty: the gate is shut."""

BUFFER = 64 * 1024
"""Bytes that are received at a time."""

_QUEUED = 64 * 1024  # bytes that may wait in a queue before the peer has to
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY
_RETURN = WSMessage(_TEXT, None, None)  # wakes `receive`: the receiver has its last message


def is_tested() -> bool:
    """Return whether the private parts of this aiohttp are known."""
    return aiohttp.__version__ in TESTED


class Socket(ClientWebSocketResponse):
    """A WebSocket of aiohttp that shows its parts, and whether it is as fresh as it must be."""

    def __init__(
        self, reader: Any, writer: Any, protocol: Any, response: Any, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(reader, writer, protocol, response, *args, **kwargs)
        connection = response.connection
        self.parts = connection.transport, connection.protocol, writer
        # What came right behind the handshake is parsed before anything can be put between.
        self.is_fresh = not connection.protocol._tail

    def parse_to(
        self, queue: "_Queue", largest_message: int
    ) -> Callable[[bytes], tuple[bool, bytes]]:
        """Let messages go to *queue*; return what takes the data for it."""
        parser = WebSocketReader(queue, largest_message, compress=False, decode_text=True)
        self.parts[1].set_parser(parser, queue)
        self._reader, self._parser = queue, parser
        return parser.feed_data


class _Queue(WebSocketDataQueue):
    """Messages that were not passed on; *receiver* gets others as they arrive, unless `None`."""

    receiver: Receiver | None = None
    is_closed = is_done = False  # the peer has sent a close frame; the receiver has its last

    def feed_data(self, data: Any, size: int) -> None:
        receiver, kind = self.receiver, data.type
        if receiver is None or (kind is not _TEXT and kind is not _BINARY):
            self.receiver = None  # nothing may overtake this
            self.is_closed = self.is_closed or kind is WSMsgType.CLOSE
            super().feed_data(data, size)
        elif receiver.frame_received(data.data):
            self.receiver, self.is_done = None, True
            super().feed_data(_RETURN, 0)


class PrivateTransport(DocumentedTransport, asyncio.BufferedProtocol):
    """`Transport` over a fresh `Socket`, and the protocol between asyncio and that of aiohttp."""

    __slots__ = (
        "_buffer",
        "_feed",
        "_incoming",
        "_note_data",
        "_protocol",
        "_transport",
        "_writer",
    )

    def __init__(
        self, socket: Socket, close: float, largest_message: int, buffer: memoryview
    ) -> None:
        super().__init__(socket, close)
        self._transport, self._protocol, self._writer = socket.parts
        self._buffer = buffer
        self._note_data = socket._on_data_received  # has the next ping put off
        self._incoming = _Queue(self._protocol, _QUEUED, loop=asyncio.get_running_loop())
        self._feed = socket.parse_to(self._incoming, largest_message)
        self._transport.set_write_buffer_limits(high=SEND_BUFFER)
        self._transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        is_closed = self._incoming.is_closed or self._transport.is_closing()
        return not is_closed and not self._socket.closed

    def unsent(self) -> int:
        """Return the bytes that the operating system has not taken."""
        return int(self._transport.get_write_buffer_size())

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """Send frames by one call of the system, see `Transport`."""
        writer, transport = self._writer, self._transport
        if writer._closing or transport.is_closing():
            raise self._lost()
        parts: list[bytes] = []
        writer.transport = _Parts(parts.append)
        for frame in frames:
            if isinstance(frame, str):
                writer._write_websocket_frame(frame.encode(), _TEXT, 0)
            else:
                writer._write_websocket_frame(frame, _BINARY, 0)
        writer.transport = transport
        transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

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
                    raise self._ended_by(message)
                if message is _RETURN:
                    if queue.is_done:  # else it is of an earlier call, which was canceled
                        return
                elif receiver.frame_received(message.data):
                    return
        except OSError as error:  # a pong could not be sent
            raise self._lost() from error
        finally:
            self._receiver = queue.receiver = None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the room that all connections share: it is emptied in the same step."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what arrived."""
        self._note_data()
        is_broken, _ = self._feed(bytes(self._buffer[:nbytes]))
        if is_broken:
            self._feed = lambda _: (False, b"")
            self._protocol.set_parser(None, None)  # the error stays, whatever else arrives

    def pause_writing(self) -> None:
        """Note that much is unsent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Note that little is unsent."""
        self.is_full = False
        if self._receiver is not None:
            self._receiver.writable()

    def eof_received(self) -> None:
        """Let aiohttp note that the peer sends no more."""
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let aiohttp note the end."""
        self._protocol.connection_lost(exc)

    def _abort(self) -> None:
        self._socket._cancel_heartbeat()
        self._transport.abort()


class _Parts:
    """Stands for the transport of a writer while frames are made that are to leave as one."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.write = write

    def is_closing(self) -> bool:
        return False
