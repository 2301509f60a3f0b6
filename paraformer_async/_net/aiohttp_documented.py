"""
A WebSocket of aiohttp as a `Transport`, with documented calls only: works with any aiohttp 3.

aiohttp's calls for sending are coroutines. Most return without suspending, so `write` runs the
first step of one in place. What suspends (aiohttp waits for the peer after 64 KB, or a version of
it waits for something else) continues in callbacks of whatever it waits for, and later frames wait
behind it. No task is needed, so cancellation of a caller cannot end a write halfway.
"""

import asyncio
import socket as sockets
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

import anyio
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType

from paraformer_async._net.contract import OutgoingFrame, Receiver
from paraformer_async._net.oversize import too_large
from paraformer_async._net.resets import reset_check
from paraformer_async.errors import ConnectionLostError, ServiceError

__all__ = ["SEND_BUFFER", "DocumentedTransport", "cut_off", "keep_send_buffer_small"]

SEND_BUFFER = 64 * 1024
"""Limit of sent bytes that the operating system buffers: 2 s of audio at 16 kHz."""

# 1007 of the peer means that our text was wrong. aiohttp has it for the peer's text, too, even for
# a reason that was cut within a character.
_PROTOCOL_ERROR, _INVALID_TEXT, _TOO_LARGE = 1002, 1007, 1009
_NO_STATUS = 1005
_ABNORMAL_CLOSURE = 1006
_TEXT, _BINARY = WSMsgType.TEXT, WSMsgType.BINARY


class DocumentedTransport:
    """
    `Transport` based on a WebSocket of aiohttp.

    Args:
        socket: A WebSocket that nothing else uses.
        close_timeout: Seconds that closing may take.
        largest_message: Bytes of the largest message that it accepts.

    Attributes:
        is_full: Whether a write is suspended.
    """

    __slots__ = (
        "_close_timeout",
        "_closed",
        "_ending",
        "_error",
        "_is_over",
        "_largest_message",
        "_queue",
        "_raw_socket",
        "_receiver",
        "_socket",
        "_suspended",
        "_was_reset",
        "is_full",
    )

    def __init__(
        self, socket: ClientWebSocketResponse, close_timeout: float, largest_message: int
    ) -> None:
        self._socket = socket
        self._raw_socket = socket.get_extra_info("socket")
        self._was_reset = reset_check(self._raw_socket)
        self._close_timeout = close_timeout
        self._largest_message = largest_message
        self._closed: anyio.Event | None = None
        self._receiver: Receiver | None = None
        self._suspended: Coroutine[Any, Any, None] | None = None
        self._queue: list[OutgoingFrame] = []  # behind the suspended write, its frame first
        self._error: BaseException | None = None  # why a suspended write failed
        self._is_over = False  # nothing more can be written
        self._ending: tuple[int, str] | None = None  # close code and reason
        self.is_full = False
        keep_send_buffer_small(self._raw_socket)

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        is_there = self._socket.get_extra_info("peername") is not None
        return is_there and not self._is_over and not self._socket.closed

    def unsent(self) -> int:
        """Return the bytes behind a suspended write; what aiohttp has buffered is not known."""
        return sum(map(len, self._queue))

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """Send frames, see `Transport`."""
        if self._is_over or self._was_reset():
            raise self._lost()
        if self._suspended is not None:
            self._queue.extend(frames)
            return
        for position, frame in enumerate(frames):
            sending = self._sending(frame)
            try:
                blocker = sending.send(None)
            except StopIteration:
                continue
            except Exception as error:  # whatever it is, the frame was not sent
                raise self._lost() from error
            self._queue.extend(frames[position:])
            self._suspend(sending, blocker)
            return

    async def receive(self, receiver: Receiver) -> None:
        """Pass messages to *receiver*, see `Transport`."""
        self._receiver = receiver
        next_message = self._socket.receive
        try:
            while True:
                message = await next_message()
                if message.type is not _TEXT and message.type is not _BINARY:
                    self._control(message)
                elif receiver.frame_received(message.data, is_binary=message.type is _BINARY):
                    return
        finally:
            self._receiver = None

    async def aclose(self) -> None:
        """
        Send a close frame and wait for the response, at most for the time that closing may take.

        Then the connection is cut: a peer that reads nothing would keep it open for what is unsent.
        """
        if self._closed is not None:
            await self._closed.wait()
            return
        self._closed = anyio.Event()
        self._is_over = True
        try:
            with anyio.move_on_after(self._close_timeout, shield=True):
                await self._socket.close()
        finally:
            self._abort()
            if self._suspended is not None:
                self._suspended.close()
                self._suspended = None
            self._queue.clear()
            self._closed.set()

    def _control(self, message: WSMessage) -> None:
        """Answer a ping; raise if *message* is the end. Others change nothing."""
        if message.type is WSMsgType.PING:
            # With a peer that reads nothing, pongs would accumulate.
            if not (self.is_full or self._was_reset()):
                self._pong(message.data)
        elif message.type is not WSMsgType.PONG:
            raise self._ended_by(message)

    def _pong(self, payload: bytes) -> None:
        sending = self._socket.pong(payload)
        try:
            blocker = sending.send(None)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, what has arrived is still read
            self._fail(error)
            return
        self._queue.append(b"")  # stands for the pong
        self._suspend(sending, blocker)

    def _sending(self, frame: OutgoingFrame) -> Coroutine[Any, Any, None]:
        if isinstance(frame, str):
            return self._socket.send_str(frame)
        return self._socket.send_bytes(frame)  # type: ignore[arg-type]  # its annotation is too narrow

    def _suspend(
        self, sending: Coroutine[Any, Any, None], blocker: "asyncio.Future[Any] | None"
    ) -> None:
        """Continue *sending* once *blocker* is done; `None` is a bare yield, as of `sleep(0)`."""
        self._suspended = sending
        self.is_full = True
        if blocker is None:
            asyncio.get_running_loop().call_soon(self._resume)
        else:
            blocker.add_done_callback(self._resume)

    def _resume(self, blocker: "asyncio.Future[Any] | None" = None) -> None:
        sending = self._suspended
        if sending is None:  # closed meanwhile
            if blocker is not None and not blocker.cancelled():
                blocker.exception()  # retrieved, so that the loop does not report it
            return
        try:
            blocker = sending.send(None)
        except StopIteration:
            self._suspended = None
            self._queue.pop(0)
            self._write_queue()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is
            self._fail(error)
        else:
            self._suspend(sending, blocker)

    def _write_queue(self) -> None:
        waiting = tuple(self._queue)
        self._queue.clear()
        try:
            self.write(waiting)
        except ConnectionLostError as error:
            self._fail(error.__cause__ or error)
        if self._suspended is None:
            self.is_full = False
            if self._receiver is not None:
                self._receiver.writable()

    def _fail(self, error: BaseException) -> None:
        """End the connection, so that `receive` raises."""
        self._error = error
        self._is_over = True
        self._suspended = None
        self._queue.clear()
        self._abort()

    def _abort(self) -> None:
        cut_off(self._raw_socket)

    def _ended_by(self, message: WSMessage) -> ServiceError:
        reason = message.extra if isinstance(message.extra, str) else ""
        if message.type is WSMsgType.CLOSE:
            self._ending = (message.data or _NO_STATUS, reason)
        elif message.type is WSMsgType.ERROR and self._socket.close_code == _INVALID_TEXT:
            self._ending = (_PROTOCOL_ERROR, "text that is not UTF-8")
        lost: ServiceError = self._lost()
        if message.type is WSMsgType.ERROR and self._socket.close_code == _TOO_LARGE:
            lost = too_large(self._largest_message)
        broken = message.data if isinstance(message.data, Exception) else None
        lost.__cause__ = broken or self._error or self._socket.exception()
        return lost

    def _lost(self) -> ConnectionLostError:
        self._is_over = True
        if self._ending is None:
            self._ending = (self._socket.close_code or _ABNORMAL_CLOSURE, "")
        return ConnectionLostError(*self._ending)


def keep_send_buffer_small(raw_socket: Any) -> None:
    """Limit what the operating system buffers, so that the number of bytes in flight is known."""
    with suppress(OSError, AttributeError):
        raw_socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, SEND_BUFFER)


def cut_off(raw_socket: Any) -> None:
    """End a connection below its protocol: the socket that asyncio exposes cannot be closed."""
    with suppress(OSError, AttributeError, ValueError):
        with sockets.socket(fileno=sockets.dup(raw_socket.fileno())) as same:
            same.shutdown(sockets.SHUT_RDWR)
