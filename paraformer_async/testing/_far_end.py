"""
The other end of a transport under test: a WebSocket server that reads and writes raw bytes.

It can do what no library does: break the protocol, stop in the middle, read nothing.
"""

import asyncio
import base64
import hashlib
import re
import socket as sockets
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import IntEnum
from typing import TYPE_CHECKING, cast

from anyio import CancelScope

from paraformer_async._accepting import finish_accepting

if TYPE_CHECKING:
    import ssl

__all__ = [
    "RESETS",
    "FarEnd",
    "Opcode",
    "close",
    "frame",
    "http",
    "listening",
    "switch_protocols",
    "text",
]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_RECEIVE_BUFFER = 4096
RESETS = struct.pack("ii", 1, 0)  # SO_LINGER of a socket that is reset when it is closed


class Opcode(IntEnum):
    """Opcodes of frames, https://www.rfc-editor.org/rfc/rfc6455#section-5.2 ."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


def frame(kind: int, payload: bytes = b"", *, is_last: bool = True) -> bytes:
    """Return a frame as a server writes it: without a mask."""
    first = (0x80 if is_last else 0) | kind
    if len(payload) < 126:
        return struct.pack("!BB", first, len(payload)) + payload
    if len(payload) < 0x10000:
        return struct.pack("!BBH", first, 126, len(payload)) + payload
    return struct.pack("!BBQ", first, 127, len(payload)) + payload


def text(content: str) -> bytes:
    """Return a frame of text."""
    return frame(Opcode.TEXT, content.encode())


def close(code: int, reason: str = "") -> bytes:
    """Return a close frame."""
    return frame(Opcode.CLOSE, struct.pack("!H", code) + reason.encode())


def http(status: str, *headers: str, body: bytes = b"") -> bytes:
    """Return an HTTP response."""
    length = f"Content-Length: {len(body)}"
    return "\r\n".join([f"HTTP/1.1 {status}", length, *headers, "", ""]).encode() + body


def switch_protocols(request: bytes, *headers: str) -> bytes:
    """Return the response to a handshake."""
    found = re.search(rb"(?i)sec-websocket-key: *(\S+)", request)
    digest = hashlib.sha1((found[1] if found else b"") + _GUID, usedforsecurity=False).digest()
    accept = f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}"
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, accept, *headers, "", ""]).encode()


class FarEnd:
    """One connection, seen from the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.transport = cast("asyncio.Transport", writer.transport)

    async def request(self) -> bytes:
        """Read the head of the handshake."""
        return await self._reader.readuntil(b"\r\n\r\n")

    async def send(self, *frames: bytes) -> None:
        """Write bytes in one piece, and wait until little of them is unsent."""
        self._writer.write(b"".join(frames))
        await self._writer.drain()

    async def receive(self) -> tuple[Opcode, bytes]:
        """Read a frame from the client."""
        first, second = await self._reader.readexactly(2)
        assert second & 0x80, "a client masks its frames"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        mask = await self._reader.readexactly(4) * (length // 4 + 1)
        payload = await self._reader.readexactly(length)
        bits = int.from_bytes(payload, "big") ^ int.from_bytes(mask[:length], "big")
        return Opcode(first & 0x0F), bits.to_bytes(length, "big")

    async def receive_all(self) -> list[tuple[Opcode, bytes]]:
        """Read frames until the connection ends."""
        frames = []
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                frames.append(await self.receive())
        return frames

    async def read(self) -> bytes:
        """Read bytes, none at the end."""
        return await self._reader.read(65536)

    async def ended(self) -> None:
        """Wait until the client has ended the connection."""
        with suppress(ConnectionError):
            while await self.read():
                pass

    def pause(self) -> None:
        """Stop reading."""
        self.transport.pause_reading()

    def resume(self) -> None:
        """Continue reading."""
        self.transport.resume_reading()

    def hang_up(self) -> None:
        """End the connection below the WebSocket."""
        self._writer.close()

    def end_writing(self) -> None:
        """Send no more, but continue reading; plain TCP only."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Reset the connection below the WebSocket, as a machine that does not know it would."""
        if not self.transport.is_closing():
            raw = self._writer.get_extra_info("socket")
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, RESETS)
            self.transport.abort()


@asynccontextmanager
async def listening(
    serve: Callable[[FarEnd], Awaitable[None]], tls: "ssl.SSLContext | None" = None
) -> AsyncGenerator[int, None]:
    """Yield the port of a server on loopback that calls *serve* for each connection."""
    ends: list[FarEnd] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends.append(FarEnd(reader, writer))
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(ends[-1])

    listener = sockets.create_server(("127.0.0.1", 0))
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, _RECEIVE_BUFFER)
    server = await asyncio.start_server(connected, sock=listener, ssl=tls)
    try:
        yield listener.getsockname()[1]
    finally:
        with CancelScope(shield=True):
            await finish_accepting()
        server.close()
        for end in ends:
            end.reset()
