"""What can be read like a file on disk without a copy: bytes in memory, and open files on disk."""

import io
import os
import stat
from pathlib import Path
from typing import IO, Any

from paraformer_async.audio.descriptors import is_on_disk

__all__ = ["another", "as_seekable", "descriptor_of", "small_file", "status_of"]

_SMALL = 1 << 20  # bytes


class FileView(io.RawIOBase):
    """
    An open file on disk, from its position on.

    Reading it neither moves the position of *file* nor is disturbed by who moves or closes it.

    Attributes:
        start: Where it begins in the file, in bytes.
    """

    def __init__(self, file: IO[bytes], start: int) -> None:
        super().__init__()
        self.start = start
        self._descriptor = os.dup(file.fileno())
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the whole file."""
        return self._descriptor

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position, which may be beyond the end."""
        end = os.fstat(self._descriptor).st_size - self.start if whence == 2 else 0
        self._position = max(0, (0, self._position, end)[whence] + offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fill *buffer*; return the number of bytes, which is 0 at the end."""
        data = os.pread(self._descriptor, len(buffer), self.start + self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close this view; the file stays open."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def as_seekable(file: Any) -> IO[bytes] | None:
    """Return what is left of *file* as a file of its own; `None` if that takes a copy."""
    if type(file) is io.BytesIO:
        data = file.getvalue()  # not a copy, until somebody writes to *file*
        return io.BytesIO(data[file.tell() :] if file.tell() else data)
    if is_on_disk(file) and hasattr(os, "pread"):  # not on Windows
        view: Any = FileView(file, file.tell())
        return view  # type: ignore[no-any-return]
    return None


def small_file(path: Path) -> IO[bytes] | None:
    """
    Return a small file on disk as bytes in memory; `None` for what is larger, or no file on disk.

    Decoders read a file in many small pieces, and Python hands over the interpreter at each: a
    thread that reads a short file would wait for the event loop more often than it reads. For the
    same reason, this takes as few calls of the system as possible, and leaves nothing open.

    Raises:
        OSError: As raised by `open`.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) or status.st_size > _SMALL:
        return None
    with path.open("rb", buffering=0) as file:
        data = file.read(status.st_size + 1)
    return io.BytesIO(data) if len(data) == status.st_size else None  # otherwise it has changed


def another(file: IO[bytes]) -> IO[bytes]:
    """Return the same content as a file with a position of its own; it stays when *file* closes."""
    if isinstance(file, io.BytesIO):
        return io.BytesIO(file.getvalue())
    if not hasattr(os, "pread"):  # on Windows
        return Path(file.name).open("rb", buffering=0)
    view: Any = FileView(file, getattr(file, "start", 0))
    return view  # type: ignore[no-any-return]


def descriptor_of(file: IO[bytes]) -> int | None:
    """
    Return a new descriptor of *file*, at its beginning; `None` if it is not a plain file of disk.

    The two share their position.
    """
    if type(file) is not io.FileIO or os.name != "posix":
        return None
    descriptor = os.dup(file.fileno())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def status_of(file: IO[bytes]) -> tuple[int, int]:
    """Return the size of *file* in bytes, and when it was changed; 0 for bytes in memory."""
    if isinstance(file, io.BytesIO):
        return len(file.getbuffer()), 0
    status = os.fstat(file.fileno())
    return max(0, status.st_size - getattr(file, "start", 0)), status.st_mtime_ns
