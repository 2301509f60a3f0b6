"""
A file that is still being received, for a decoder that reads files only.

The decoder reads it in a thread of its own; the feeding side appends bytes and takes what was
decoded. Every wait is ended by the other side, by the end of the stream, or by `close`.
"""

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["GrowingFile"]

_TAIL = 64 << 10  # bytes kept before the position, for small seeks backward
_ID3V1 = 128


class GrowingFile:
    """
    Seekable in name, bounded in memory.

    Args:
        length: The length to claim, which is more than will ever arrive.
        hide: Whether a search for the end must find nothing, not even what has arrived.
        ahead: Bytes of decoded audio after which the decoder has to wait.
    """

    def __init__(self, *, length: int, hide: bool, ahead: int) -> None:
        self._length = length
        self._hide = hide
        self._ahead = ahead
        self._changed = threading.Condition()
        self._data = bytearray()
        self._base = 0  # position of the first byte that is still kept
        self._position = 0
        self._searching = False  # the decoder looks for the end, backward from the claimed one
        self._live = False  # opened: reads wait for bytes
        self._idle = self._finished = self._ended = self._closed = False
        self._decoded: list[bytes] = []
        self._decoded_size = 0
        self.full: bool = False
        """Whether the decoder was waiting for its samples to be taken when `exchange` took them."""
        self.starved: bool = False
        """Whether a read since `rewind` went beyond what had arrived."""
        self.unread: int = 0
        """Bytes that the decoder has not read, once it has finished."""

    # The feeding side.

    @property
    def backlog(self) -> int:
        """Bytes that were received and not read yet."""
        return self._base + len(self._data) - self._position

    def exchange(self, data: bytes | bytearray, *, ended: bool = False) -> list[bytes]:
        """Append *data*, wait until the decoder can do no more, and return what it has decoded."""
        with self._changed:
            if self._finished:
                self.unread += len(data)
            else:
                self._data += data
            self._ended |= ended
            self._idle = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._idle or self._finished or self._closed)
            self.full = self._decoded_size >= self._ahead
            taken, self._decoded, self._decoded_size = self._decoded, [], 0
            return taken

    def close(self) -> None:
        """Make the decoder stop at its next read or write."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # The decoder's side.

    @property
    def ended(self) -> bool:
        """Whether all bytes have been received."""
        return self._ended

    @property
    def closed(self) -> bool:
        """Whether the decoder has to stop."""
        return self._closed

    def wait_for_size(self, size: int) -> int:
        """Wait until *size* bytes have been received, or all; return how many have."""
        with self._changed:
            self._wait(lambda: self._ended or len(self._data) >= size)
            return len(self._data)

    def rewind(self) -> None:
        """Start over, with reads that do not wait. Only before `go_live`."""
        self._position = 0
        self._searching = self.starved = False

    def go_live(self) -> None:
        """From now on reads wait for bytes, and what was read is dropped."""
        self._live = True

    def write(self, decoded: bytes) -> None:
        """Hand over decoded audio; wait while too much of it has not been taken."""
        with self._changed:
            self._decoded.append(decoded)
            self._decoded_size += len(decoded)
            self._wait(lambda: self._decoded_size < self._ahead)

    def finish(self) -> None:
        """No more will be read or written."""
        with self._changed:
            self._finished = True
            self.unread = self.backlog
            self._data.clear()
            self._position = self._base
            self._changed.notify_all()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position, and return it; the end is the claimed one."""
        target = (0, self._position, self._length)[whence] + offset
        if target > self._position:  # the search goes backward only: this is the way back from it
            self._searching = False
        self._position = target
        return target

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer* with at least a byte; return how many, 0 at the end and far beyond it."""
        with self._changed:
            if self._searches_end():
                return self._probe(buffer)
            self._wait(lambda: not self._live or self._ended or self.backlog > 0)
            start = self._position - self._base
            piece = self._data[start : start + len(buffer)] if start >= 0 else b""
            if self._closed or not piece:
                self.starved = True
                return 0
            buffer[: len(piece)] = bytes(piece)
            self._position += len(piece)
            self._drop()
            return len(piece)

    def read(self, size: int) -> bytes:
        """Return what `readinto` reads, for versions of soundfile that call this."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def _searches_end(self) -> bool:
        if self._hide:
            return self._searching or self.backlog < 0
        return self._position >= self._length - _ID3V1

    def _probe(self, buffer: Any) -> int:
        self._searching = self._hide
        if self._hide or len(buffer) != _ID3V1:
            return 0
        buffer[:] = bytes(_ID3V1)  # mpg123 gives up if it cannot look for a tag at the end
        self._position += _ID3V1
        return _ID3V1

    def _drop(self) -> None:
        surplus = min(self._position - self._base, len(self._data)) - _TAIL
        if self._live and surplus > _TAIL:
            del self._data[:surplus]
            self._base += surplus

    def _wait(self, ready: Callable[[], bool]) -> None:
        while not (ready() or self._closed):
            self._idle = True
            self._changed.notify_all()
            self._changed.wait()
