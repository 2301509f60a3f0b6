"""
A WebSocket of aiohttp as a `Transport`. Imports aiohttp, so the dialer loads it on first use.

Errors of aiohttp and of the operating system end here; above, there are only those of `errors`.

aiohttp shakes hands, makes and parses frames, closes, and answers pings. But on its way in, a
message costs more than it is worth: memory of 256 KB for each look at the socket, a timer armed
anew, a queue, and a turn of the loop until the task that waits in `receive` has it. So a `Receiver`
takes what comes into one buffer, and while there is a listener, a `Queue` hands text over in the
step in which it came. All else (pings, the close handshake, errors, the end) goes the usual way.
That takes private parts of aiohttp. Where its reader is not the known one, text goes the usual way,
too; the other parts are as old as its WebSockets, and its next major version is not allowed.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, cast

import anyio
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.client_ws import WebSocketDataQueue  # type: ignore[attr-defined]  # see above
from aiohttp.http import WebSocketReader

from paraformer_async._net.signal import Signal
from paraformer_async._net.transport import Frame, Listener
from paraformer_async.errors import ConnectionLostError

__all__ = ["BUFFER", "LARGEST_MESSAGE", "Socket", "WebSocket"]

# How much is received at a time, in bytes.
BUFFER = 64 * 1024
# Larger than any result; a peer that sends more is not the service.
LARGEST_MESSAGE = 4 * 1024 * 1024
# How much may wait in a queue before the peer has to, in bytes.
_QUEUED = 64 * 1024
_ABNORMAL_CLOSURE = 1006
_NOT_UTF8 = 1007
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY

# Takes data; gives whether it broke the rules first, if it knows.
Take = Callable[[bytes], tuple[bool, bytes] | None]


class Receiver(asyncio.BufferedProtocol):
    """
    Stands between a connection and aiohttp's protocol: for what comes in, and for what must wait.

    Args:
        protocol: That of aiohttp.
        take: Takes what was received.
        buffer: For what is received. It is emptied before anything else is received.

    Attributes:
        is_heard: Whether something came. Who looks takes it back.
        is_full: Whether so much is unsent that who writes has to wait.
        room: Tells who waits that this has changed, or that the connection has ended.
    """

    def __init__(self, protocol: Any, take: Take, buffer: bytearray) -> None:
        self._protocol = protocol
        self._take = take
        self._view = memoryview(buffer)
        self.is_heard = False
        self.is_full = False
        self.room = Signal()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give room for what comes; TLS writes to slices of it."""
        del sizehint
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        self.is_heard = True
        taken = self._take(bytes(self._view[:nbytes]))
        if taken is not None and taken[0]:
            self._take = _ignore
            self._protocol.set_parser(None, None)  # the error stays, whatever else comes

    def pause_writing(self) -> None:
        """Much is unsent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Little is unsent."""
        self.is_full = False
        self.room.notify()

    def eof_received(self) -> None:
        """The peer sends no more."""
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._protocol.connection_lost(exc)
        self.resume_writing()


def _ignore(data: bytes) -> None:
    del data


class Queue(WebSocketDataQueue):
    """
    The messages of a connection that were received and not taken.

    Attributes:
        listener: Is given text as it comes, as long as nothing is to be taken before it.
    """

    listener: Listener | None = None

    def feed_data(self, data: Any, size: int) -> None:
        """Take a message from the parser."""
        if (
            self.listener is None
            or data.type is not _TEXT
            or self._buffer
            or self._protocol._reading_paused  # noqa: SLF001 - a message that waited is being taken
        ):
            super().feed_data(data, size)
        elif self.listener(data.data):
            self.listener = None
            super().feed_data(data, size)


class Held:
    """Stands for the transport of a writer while several frames are to leave as one."""

    def __init__(self, transport: Any) -> None:
        self.frames: list[bytes] = []
        self.write = self.frames.append
        self.is_closing = transport.is_closing


class Socket(ClientWebSocketResponse):
    """
    A socket of aiohttp whose parts are within reach.

    Attributes:
        transport: What is under it: to look whether it is free, and to cut it off.
        writer: Makes frames, and writes them.
        receiver: Takes what is received, from `attend` on.
        queue: Where messages go then; `None` where that cannot be a `Queue`.
    """

    def __init__(
        self, reader: Any, writer: Any, protocol: Any, response: Any, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(reader, writer, protocol, response, *args, **kwargs)
        self.transport = response.connection.transport
        self.writer = writer
        self.receiver: Receiver
        self.queue: Queue | None = None
        self._handler = response.connection.protocol
        # What came right behind the handshake is parsed before `attend` could change the way.
        self._spoke_first = bool(getattr(self._handler, "_tail", True))

    def attend(self, buffer: bytearray) -> None:
        """Have what comes go through *buffer*, before anything does."""
        take: Take = self._handler.data_received
        if not self._spoke_first and hasattr(self, "_reader"):
            with suppress(AttributeError, TypeError):  # not the aiohttp that is known here
                take = self._parse_to(Queue(self._handler, _QUEUED, loop=self._loop))
        self.receiver = Receiver(self._handler, take, buffer)
        self.transport.set_protocol(self.receiver)

    def _parse_to(self, queue: Queue) -> Take:
        parser = WebSocketReader(queue, LARGEST_MESSAGE, compress=False, decode_text=False)
        self._handler.set_parser(parser, queue)
        self._reader, self._parser, self.queue = queue, parser, queue
        return parser.feed_data

    def _send_heartbeat(self) -> None:
        """Ping the peer, unless something came since the last look."""
        self._heartbeat_cb = None
        if self._was_heard():
            self._reset_heartbeat()
        else:
            super()._send_heartbeat()

    def _pong_not_received(self) -> None:
        """Give the peer up, unless something came since it was pinged."""
        if self._was_heard():
            self._reset_heartbeat()
        else:
            super()._pong_not_received()

    def _was_heard(self) -> bool:
        was_heard, self.receiver.is_heard = self.receiver.is_heard, False
        return was_heard


class WebSocket:
    """
    `Transport` over a `Socket`.

    Args:
        socket: A socket that nobody has used.
        buffer: For what it receives; all connections of a loop can share one.
        close_timeout: How long closing may take, in seconds.
    """

    def __init__(self, socket: Socket, buffer: bytearray, close_timeout: float) -> None:
        socket.attend(buffer)
        self._socket = socket
        self._receiver = socket.receiver
        self._send_frame: Callable[[bytes | memoryview, int], Coroutine[Any, Any, None]]
        self._send_frame = socket.writer.send_frame
        self._close_timeout = close_timeout
        self.unsent = socket.transport.get_write_buffer_size

    @property
    def is_open(self) -> bool:
        """Whether it is still of use, see `Transport`."""
        return not self._socket.closed and not self._socket.transport.is_closing()

    def listen(self, listener: Listener | None) -> None:
        """Hand text over as it comes, see `Transport`."""
        if self._socket.queue is not None:
            self._socket.queue.listener = listener

    def send_now(self, frame: Frame) -> None:
        """Write a frame without waiting, see `Transport`."""
        if isinstance(frame, str):
            writing = self._send_frame(frame.encode(), _TEXT)
        else:
            writing = self._send_frame(frame, _BINARY)
        try:
            writing.send(None)  # aiohttp never waits: it is not told that much is unsent
        except StopIteration:
            pass
        except OSError as error:
            raise self._lost() from error

    async def send(self, frames: Sequence[Frame]) -> None:
        """Write frames, all by one call of the system; see `Transport`."""
        while self._receiver.is_full:
            await self._receiver.room.wait()
        if len(frames) == 1:
            self.send_now(frames[0])
        else:
            self._send_as_one(frames)

    async def receive(self) -> str | bytes:
        """Read a frame, see `Transport`."""
        try:
            message = await self._socket.receive()
        except OSError as error:  # its own answer to a ping could not be written
            raise self._lost() from error
        if message.type is _TEXT:
            return self._decoded(message.data)
        if message.type is _BINARY:
            return cast("bytes", message.data)
        reason = message.extra if isinstance(message.extra, str) else ""
        broken = message.data if isinstance(message.data, Exception) else None
        raise self._lost(reason) from (broken or self._socket.exception())

    async def aclose(self) -> None:
        """
        Say goodbye, and wait for the answer no longer than `Timeouts.close`.

        Then the connection is cut: a peer that reads nothing would keep it open for what is unsent.
        """
        try:
            with anyio.move_on_after(self._close_timeout, shield=True):
                await self._socket.close()
        finally:
            self._socket.transport.abort()

    def _send_as_one(self, frames: Sequence[Frame]) -> None:
        writer, transport = self._socket.writer, self._socket.transport
        writer.transport = held = Held(transport)
        try:
            for frame in frames:
                self.send_now(frame)
        finally:
            writer.transport = transport
        transport.write(b"".join(held.frames))

    def _decoded(self, text: str | bytes) -> str:
        try:
            return text if isinstance(text, str) else text.decode()
        except UnicodeDecodeError as error:
            raise ConnectionLostError(_NOT_UTF8, "text that is not UTF-8") from error

    def _lost(self, reason: str = "") -> ConnectionLostError:
        return ConnectionLostError(self._socket.close_code or _ABNORMAL_CLOSURE, reason)
