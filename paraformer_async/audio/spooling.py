"""
Copy pipes and standard input to a temporary file, from which they are read like any other file.

A decoder of whole files has to seek, and after a lost connection a file is read again. Memory is
bounded: the copy is on disk, without a name, so it is gone once it is closed. A thread of its own
waits for the pipe; it neither keeps a program from ending nor makes another file wait.

Two readers of one pipe would each get a part of its audio, which looks complete: the second one is
refused for as long as the thread of the first runs.
"""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO

from paraformer_async.audio.blocking import read_in_thread
from paraformer_async.audio.descriptors import Blocks, is_waitable
from paraformer_async.audio.hints import shown
from paraformer_async.errors import AudioError

__all__ = ["spool"]

_BLOCK = 65536
# Bytes, the most that a WAV file declares: 37 hours of PCM at 16 kHz.
_LARGEST = 1 << 32
_being_read: set[tuple[int, int]] = set()  # by the threads of all event loops
_lock = threading.Lock()


async def spool(file: IO[bytes], path: Path) -> IO[bytes]:
    """
    Copy all that is left in *file*, a pipe for example, and return the copy.

    Cancellation takes effect within 0.1 s, even while the pipe is silent; the copy is deleted then.

    Args:
        file: Where to read from; stays open.
        path: Its path, for messages.

    Raises:
        OSError: The pipe cannot be read, or the folder for temporary files is full.
        AudioError: It is being read already, or there are more than 4 GiB: probably there is no
            end.
    """
    copier = _Copier(file, path)
    try:
        async for _ in read_in_thread(copier, bytes):
            pass
        return copier.copies.pop()
    finally:
        for copy in copier.copies:
            copy.close()


class _Copier:
    """
    Copies a file, in the thread that iterates; yields nothing. See `Interruptible`.

    Attributes:
        copies: The copy, once it is complete, until it is taken.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._blocks: Blocks | None = Blocks(file) if is_waitable(file) else None
        self._read = partial(file.read, _BLOCK)
        self._path = path
        self.copies: list[IO[bytes]] = []
        self._is_interrupted = False
        self._identity = _identity_of(file)
        with _lock:
            if self._identity in _being_read:
                raise AudioError(
                    f"{shown(path)} is already being read",
                    hint="a pipe can be read only once; write it to a file to use it twice",
                )
            _being_read.add(self._identity)

    def __iter__(self) -> Iterator[bytes]:
        """Copy until the end, or until interrupted."""
        with ExitStack() as until_copied:
            copy = until_copied.enter_context(tempfile.TemporaryFile())
            for block in self._blocks or iter(self._read, b""):
                copy.write(block)
                if copy.tell() > _LARGEST:
                    raise AudioError(
                        f"{shown(self._path)} contains more than {_LARGEST >> 30} GiB",
                        hint="recognize audio that has no end with stream()",
                    )
            copy.flush()
            if not self._is_interrupted:
                self.copies.append(copy)
                until_copied.pop_all()
        yield from ()

    def interrupt(self) -> None:
        """End the iteration, now and later; callable from any thread."""
        self._is_interrupted = True
        if self._blocks is not None:
            self._blocks.interrupt()

    def close(self) -> None:
        """Release the file for other readers, and what is needed to wait for it."""
        if self._blocks is not None:
            self._blocks.close()
        with _lock:
            _being_read.discard(self._identity)


def _identity_of(file: IO[bytes]) -> tuple[int, int]:
    """Return what is the same for all files that read from the same pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:  # it has no descriptor
        return id(file), 0
    return (status.st_dev, status.st_ino) if status.st_ino else (id(file), 0)  # none on Windows
