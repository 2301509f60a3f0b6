"""
A WebSocket of picows as a `Transport`, with its documented API.

picows calls a listener in the step in which a frame arrives, and writes without waiting. What it
leaves to its user is done here: joining fragments, answering a close frame, keeping messages that
arrive while `receive` does not run, and raising an error for a frame that cannot be sent.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import anyio
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport

from paraformer_async._net.aiohttp_documented import SEND_BUFFER
from paraformer_async._net.contract import Handshake, OutgoingFrame, Receiver
from paraformer_async._net.oversize import too_large
from paraformer_async._net.resets import reset_check
from paraformer_async.errors import ConnectionLostError, ServiceError

__all__ = ["PicowsTransport"]

_QUEUED = 128 * 1024  # bytes that may wait for `receive` before the peer has to
_OVERHEAD = 64  # bytes that a message takes, also an empty one
_NO_STATUS = 1005
_ABNORMAL_CLOSURE = 1006
# Close codes that are sent when a frame breaks the protocol, and what is reported for each: 1007 of
# the peer means that our text was wrong; a reason that it has cut within a character is its fault.
_BROKEN = {
    WSCloseCode.PROTOCOL_ERROR: 1002,
    WSCloseCode.INVALID_TEXT: 1002,
    WSCloseCode.MESSAGE_TOO_BIG: 1009,
}
_ABORT = 1.0  # seconds; an aborted connection ends in the next step of the loop
_TEXT, _BINARY, _CONTINUATION = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION
_PING, _PONG, _CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE


class PicowsTransport(WSListener):
    """
    `Transport` and listener of a picows connection; created once its handshake is complete.

    Args:
        handshake: What it was opened with.

    Attributes:
        is_full: Whether so much is unsent that writing should wait.
    """

    __slots__ = (
        "_close_timeout",
        "_closed",
        "_ending",
        "_fragments",
        "_is_over",
        "_is_too_large",
        "_kind",
        "_largest",
        "_queue",
        "_queued",
        "_receiver",
        "_waiter",
        "_was_reset",
        "_ws",
        "is_full",
    )

    def __init__(self, handshake: Handshake) -> None:
        self._close_timeout = handshake.close
        self._largest = handshake.largest_message
        self._ws: WSTransport
        self._receiver: Receiver | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._queue: deque[str | bytes] = deque()
        self._queued = 0
        self._fragments = bytearray()
        self._kind: WSMsgType | None = None  # of the message that is being joined
        self._ending: tuple[int, str] | None = None
        self._is_over = False  # nothing more is received
        self._is_too_large = False  # a message that ended it
        self._closed: anyio.Event | None = None
        self.is_full = False

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed, as far as is known without reading."""
        return not self._is_over and self._is_writable

    @property
    def _is_writable(self) -> bool:
        ws = self._ws
        is_closed = ws.is_disconnected or ws.is_close_frame_sent
        return not is_closed and not ws.underlying_transport.is_closing()

    def unsent(self) -> int:
        """Return the bytes that the operating system has not taken."""
        return self._ws.underlying_transport.get_write_buffer_size()

    def write(self, frames: Sequence[OutgoingFrame]) -> None:
        """Send frames, see `Transport`."""
        if not self._is_writable or self._was_reset():  # picows would ignore them
            raise self._lost()
        send, is_closing = self._ws.send, self._ws.underlying_transport.is_closing
        for frame in frames:
            if is_closing():  # since an earlier frame: what follows would only be logged
                raise self._lost()
            send(_TEXT if isinstance(frame, str) else _BINARY, frame)

    async def receive(self, receiver: Receiver) -> None:
        """Pass messages to *receiver*, see `Transport`."""
        while self._queue:
            message = self._queue.popleft()
            self._queued -= len(message) + _OVERHEAD
            if not self._queue and not self._is_over:
                self._ws.underlying_transport.resume_reading()
            if receiver.frame_received(message, is_binary=isinstance(message, bytes)):
                return
        if self._is_over:
            raise self._ended()
        self._receiver = receiver
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._receiver = self._waiter = None

    async def aclose(self) -> None:
        """
        Send a close frame and wait for the response, at most for the time that closing may take.

        Then the connection is cut: a peer that reads nothing would keep it open for what is unsent.
        """
        if self._closed is not None:
            await self._closed.wait()
            return
        self._closed = anyio.Event()
        try:
            with anyio.move_on_after(self._close_timeout, shield=True), suppress(Exception):
                self._ws.send_close(WSCloseCode.OK)
                self._end()
                await self._ws.wait_disconnected()
        finally:
            self._closed.set()
            self._ws.disconnect(graceful=False)
            with anyio.move_on_after(_ABORT, shield=True), suppress(Exception):
                await self._ws.wait_disconnected()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin."""
        self._ws = transport
        transport.underlying_transport.set_write_buffer_limits(high=SEND_BUFFER)
        self._was_reset = reset_check(transport.underlying_transport.get_extra_info("socket"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Receive a frame. Raise if it breaks the protocol: picows closes with the error's code."""
        kind = frame.msg_type
        if transport.is_close_frame_sent:  # by `aclose`, or by picows when a frame was broken
            if kind == _CLOSE:
                transport.disconnect()
            return
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise self._broken(WSCloseCode.PROTOCOL_ERROR, "a frame with reserved bits")
        if kind == _TEXT and frame.fin and self._kind is None:
            try:
                self._pass_on(frame.get_payload_as_utf8_text())
            except UnicodeDecodeError:
                raise self._not_utf8() from None
        elif kind in (_TEXT, _BINARY, _CONTINUATION):
            self._join(kind, frame)
        elif kind == _PING:
            if not self.is_full:  # for a peer that reads nothing, pongs would accumulate
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == _CLOSE:
            self._ending = (
                _code(frame.get_close_code()) or _NO_STATUS,
                frame.get_close_reason() or "",
            )
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            self._end()

    def is_user_specific_pong(self, frame: WSFrame) -> bool:
        """Count anything as the answer to a ping; only a pong is of no other use."""
        self._ws.notify_user_specific_pong_received()
        return frame.msg_type == _PONG

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """End."""
        shaken: Any = transport.close_handshake  # `None` when there was none
        if self._ending is None and shaken and shaken.sent and shaken.sent.code in _BROKEN:
            self._ending = (_BROKEN[shaken.sent.code], shaken.sent.reason or "")
            self._is_too_large = shaken.sent.code == WSCloseCode.MESSAGE_TOO_BIG
        self._end()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Note that many bytes are unsent."""
        self.is_full = True

    def resume_writing(self) -> None:
        """Note that few bytes are unsent: the peer reads, though a ping may wait behind them."""
        self.is_full = False
        self._ws.notify_user_specific_pong_received()
        if self._receiver is not None:
            self._receiver.writable()

    def _read_on(self) -> None:
        """Notice a reset: once a socket has an error, uvloop has it read a last time only."""
        transport = self._ws.underlying_transport
        if transport.is_reading():
            transport.pause_reading()
            transport.resume_reading()

    def _join(self, kind: WSMsgType, frame: WSFrame) -> None:
        if (kind == _CONTINUATION) is (self._kind is None):
            raise self._broken(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
        self._kind = self._kind or kind
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) > self._largest:
            raise self._broken(WSCloseCode.MESSAGE_TOO_BIG, "a message that is too large")
        if not frame.fin:
            return
        kind, payload = self._kind, bytes(self._fragments)
        self._kind = None
        self._fragments.clear()
        try:
            self._pass_on(payload.decode() if kind == _TEXT else payload)
        except UnicodeDecodeError:
            raise self._not_utf8() from None

    def _pass_on(self, message: str | bytes) -> None:
        if self._was_reset():
            asyncio.get_running_loop().call_soon(self._read_on)
        if self._receiver is None:
            self._queue.append(message)
            self._queued += len(message) + _OVERHEAD
            if self._queued > _QUEUED:
                self._ws.underlying_transport.pause_reading()
        elif self._receiver.frame_received(message, is_binary=isinstance(message, bytes)):
            self._receiver = None
            self._wake(None)

    def _end(self) -> None:
        self._is_over = True
        if self._receiver is not None:
            self._wake(self._ended())

    def _wake(self, error: Exception | None) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if error is None:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(error)

    def _broken(self, code: WSCloseCode, reason: str) -> WSProtocolError:
        self._ending = (_BROKEN[code], reason)
        self._is_too_large = code == WSCloseCode.MESSAGE_TOO_BIG
        self._end()
        return WSProtocolError(code, reason)

    def _not_utf8(self) -> WSProtocolError:
        return self._broken(WSCloseCode.INVALID_TEXT, "text that is not UTF-8")

    def _ended(self) -> ServiceError:
        return too_large(self._largest) if self._is_too_large else self._lost()

    def _lost(self) -> ConnectionLostError:
        return ConnectionLostError(*(self._ending or (_ABNORMAL_CLOSURE, "")))


def _code(code: WSCloseCode) -> int:
    return int(cast("Any", code))  # an IntEnum, but annotated as an Enum
