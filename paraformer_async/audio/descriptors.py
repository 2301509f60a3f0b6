"""
Read open pipes, sockets and terminals without ever waiting inside the file object.

A thread that waits in `read` holds the lock of the file: closing the file then blocks, and an
interpreter that exits is aborted ("_enter_buffered_busy: could not acquire lock ... at shutdown").
So this module waits for the descriptor, and reads only if there is something to read.
"""

import io
import os
import select
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["Blocks", "is_on_disk", "is_waitable"]

_BLOCK = 65536


def is_waitable(file: object) -> bool:
    """Return whether *file* is a pipe, socket or terminal with a descriptor to wait for."""
    raw = getattr(file, "raw", None) if type(file) is io.BufferedReader else file
    if sys.platform == "win32" or type(raw) not in (io.FileIO, socket.SocketIO):
        return False
    if type(raw) is socket.SocketIO and type(getattr(raw, "_sock", None)) is not socket.socket:
        return False  # TLS holds back what it has read from the descriptor
    return not _is_regular(raw)


def is_on_disk(file: object) -> bool:
    """Return whether *file* can be read again: bytes in memory, or a regular file on disk."""
    if type(file) is io.BytesIO:
        return True
    raw = getattr(file, "raw", None) if type(file) is io.BufferedReader else file
    return type(raw) is io.FileIO and _is_regular(raw)


def _is_regular(raw: Any) -> bool:
    try:
        return stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
    except (OSError, ValueError):  # closed: reading it raises the error
        return True


class Blocks:
    """
    The blocks of bytes that arrive in an open pipe, socket or terminal, until its end.

    `interrupt` ends a `next` that waits. Non-blocking descriptors are waited for like others.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._read = getattr(file, "read1", file.read)
        self._lock = threading.Lock()
        self._wake: tuple[int, int] | None = None  # the ends of a pipe, while there is one
        self._is_interrupted = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield what the file has read ahead already, then what arrives."""
        if data := _buffered(self._file):
            yield data
        poll = self._open()
        while poll.poll() and not self._is_interrupted:
            data = self._read(_BLOCK)
            if data is not None:  # None: another reader was faster
                if not data:
                    return
                yield data

    def _open(self) -> "select.poll":
        poll = select.poll()
        with self._lock:
            self._wake = os.pipe()
            poll.register(self._wake[0], select.POLLIN)
        poll.register(self._file.fileno(), select.POLLIN)
        return poll

    def interrupt(self) -> None:
        """End the iteration, now and later; callable from any thread."""
        self._is_interrupted = True
        with self._lock:
            if self._wake:
                os.write(self._wake[1], b"x")

    def close(self) -> None:
        """Release the descriptors of this iterator; the file stays open."""
        with self._lock:
            for descriptor in self._wake or ():
                os.close(descriptor)
            self._wake = None


def _buffered(file: Any) -> bytes:
    """
    Return what *file* has read ahead already, without reading more.

    There is no call for that: all read from the raw file if nothing is buffered. So the raw file is
    made to look as if nothing had arrived, for the duration of the call.
    """
    if type(file) is not io.BufferedReader:
        return b""
    raw: Any = file.raw
    raw.readinto = _nothing_arrived
    try:
        return file.read1(_BLOCK) or b""
    finally:
        del raw.readinto


def _nothing_arrived(buffer: object) -> None:
    del buffer
