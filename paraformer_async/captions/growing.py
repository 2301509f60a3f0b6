"""A file that grows in steps, each of which is made as a whole or not at all."""

import errno
import mmap
import os
from pathlib import Path

from paraformer_async.captions.whole import write_whole

__all__ = ["StepwiseFile"]

# Linux copies a write into the cache of a file page by page, and a kill ends it between two pages
# (generic_perform_write in mm/filemap.c).
_PAGE = mmap.PAGESIZE
_MOST_COPIED = 1 << 20  # bytes; to copy ever more for each page would take quadratic time


class StepwiseFile:
    """
    A text file that has all of each step or nothing of it, even if the program is killed meanwhile.

    What stays within one page of the file is appended by one write, which nothing can cut. What
    reaches into the next page is not: a copy of the file with it takes the place of the file. A
    file of more than 1 MiB is not copied for that: a kill in the middle of a write that reaches
    into the next page can then cut the last step.

    Args:
        path: The file; replaced by *text*.
        text: How it begins.

    Raises:
        OSError: It cannot be written. Each method raises it, too, and leaves the file as it is.
    """

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        write_whole(path, text)
        self._file = path.open("ab", buffering=0)

    def append(self, text: str) -> None:
        """Add *text* to the end."""
        data = text.encode()
        size = os.fstat(self._file.fileno()).st_size
        is_within_a_page = size // _PAGE == (size + len(data) - 1) // _PAGE
        if is_within_a_page or size > _MOST_COPIED:
            self._write(data, size)
        else:
            self._replace(self._path.read_bytes() + data)

    def replace(self, text: str) -> None:
        """Write *text* in the place of all that is there."""
        self._replace(text.encode())

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._file.close()

    def _write(self, data: bytes, size: int) -> None:
        """Write at the end, which is at *size*; what a full disk leaves of it is removed."""
        written = 0
        try:
            written = self._file.write(data)
        finally:
            if written < len(data):
                self._file.truncate(size)
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def _replace(self, data: bytes) -> None:
        self._file.close()  # Windows does not replace a file that is open
        try:
            write_whole(self._path, data)
        finally:
            self._file = self._path.open("ab", buffering=0)
