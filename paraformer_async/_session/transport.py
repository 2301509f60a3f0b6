"""
The connection: a WebSocket of aiohttp behind three methods.

Errors of aiohttp and of the operating system end here; above, there are only those of `errors`.
aiohttp is imported on first use, so that importing the package stays light.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import anyio

from paraformer_async.errors import ConnectionLostError

__all__ = ["Transport", "WebSocket"]

_ABNORMAL_CLOSURE = 1006


class Transport(Protocol):
    """What the session needs of a connection. One writer and one reader at a time."""

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether all that was sent has left, so that `send_now` makes no queue."""
        ...

    def send_now(self, frame: str | bytes | memoryview) -> None:
        """
        Write a frame without waiting.

        Raises:
            ConnectionLostError: The connection has ended.
        """
        ...

    async def send(self, frame: str | bytes | memoryview) -> None:
        """
        Write a frame; waits while the peer takes nothing.

        Raises:
            ConnectionLostError: The connection has ended.
        """
        ...

    async def receive(self) -> str | bytes:
        """
        Read the next frame: text as `str`, binary as `bytes`.

        Raises:
            ConnectionLostError: The connection has ended, with the close code and reason.
        """
        ...

    async def aclose(self) -> None:
        """Close the connection in bounded time. May be called twice, and while others use it."""
        ...


class AbortableSocket(Protocol):
    """What of aiohttp's `ClientWebSocketResponse` is used here, with the transport under it."""

    transport: Any

    @property
    def closed(self) -> bool: ...
    @property
    def close_code(self) -> int | None: ...
    def exception(self) -> BaseException | None: ...
    def send_str(self, data: str) -> Coroutine[Any, Any, None]: ...
    def send_bytes(self, data: bytes | memoryview) -> Coroutine[Any, Any, None]: ...
    async def receive(self) -> Any: ...
    async def close(self) -> bool: ...


class WebSocket:
    """`Transport` over a WebSocket of aiohttp."""

    def __init__(self, socket: "AbortableSocket", close_timeout: float) -> None:
        from aiohttp import WSMsgType

        self._socket = socket
        self._unsent: Callable[[], int] = socket.transport.get_write_buffer_size
        self._close_timeout = close_timeout
        self._data_types = (WSMsgType.TEXT, WSMsgType.BINARY)

    @property
    def is_open(self) -> bool:
        """Whether it is still of use, see `Transport`."""
        return not self._socket.closed and not self._socket.transport.is_closing()

    @property
    def is_ready(self) -> bool:
        """Whether nothing waits to be written, see `Transport`."""
        return self._unsent() == 0

    def send_now(self, frame: str | bytes | memoryview) -> None:
        """Write a frame without waiting, see `Transport`."""
        socket = self._socket
        writing = socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame)
        try:
            writing.send(None)
        except StopIteration:
            return
        except OSError as error:
            raise self._lost() from error
        writing.close()  # the frame is written; what is left out is the wait until it has left

    async def send(self, frame: str | bytes | memoryview) -> None:
        """Write a frame, see `Transport`."""
        try:
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)
        except OSError as error:
            raise self._lost() from error

    async def receive(self) -> str | bytes:
        """Read a frame, see `Transport`."""
        message = await self._socket.receive()
        if message.type in self._data_types:
            data: str | bytes = message.data
            return data
        reason = message.extra if isinstance(message.extra, str) else ""
        raise self._lost(reason) from self._socket.exception()

    async def aclose(self) -> None:
        """
        Say goodbye, and wait for the answer no longer than `Timeouts.close`.

        Then the connection is cut: a peer that reads nothing would keep it open for what is unsent.
        """
        transport = self._socket.transport
        try:
            with anyio.move_on_after(self._close_timeout, shield=True):
                await self._socket.close()
        finally:
            transport.abort()

    def _lost(self, reason: str = "") -> ConnectionLostError:
        return ConnectionLostError(self._socket.close_code or _ABNORMAL_CLOSURE, reason)
