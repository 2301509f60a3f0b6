"""
Copy what can be read only once (a pipe, an upload, a generator) to a file that can seek.

A decoder of whole files has to seek, and after a lost connection a file is read again. Memory is
bounded: what is longer than a mebibyte goes to a file on disk, without a name, so it is gone once
it is closed.

Two readers of one pipe would each get a part of its audio, which looks complete: the second one is
refused while the first reads.
"""

import io
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import IO

from anyio import CapacityLimiter, to_thread

from paraformer_async.audio.hints import shown
from paraformer_async.audio.source import Chunks
from paraformer_async.errors import AudioError

__all__ = ["being_read", "spool"]

_IN_MEMORY = 1 << 20  # bytes
_BATCH = 1 << 18  # bytes that are written at once
# Bytes, the most that a WAV file declares: 37 hours of PCM at 16 kHz.
_LARGEST = 1 << 32
_being_read: set[tuple[int, int]] = set()  # in all event loops
_lock = threading.Lock()


async def spool(
    audio: Chunks, take: Callable[[object], bytes], path: Path, limiter: CapacityLimiter
) -> IO[bytes]:
    """
    Copy all of *audio*, and return the copy.

    Cancellation takes effect at once, or within 0.1 s if a thread reads; the copy is deleted then.

    Args:
        audio: What to copy; closed at its end.
        take: Returns a chunk as bytes, or raises.
        path: Its path, for messages.
        limiter: Of the threads that write.

    Raises:
        OSError: The source cannot be read, or the folder for temporary files is full.
        AudioError: There are more than 4 GiB: probably there is no end.
    """
    with ExitStack() as until_copied:
        copy = _Copy(path)
        until_copied.callback(copy.close)
        batch: list[bytes] = []
        size = 0
        async with aclosing(audio):
            async for chunk in audio:
                batch.append(data := chunk if type(chunk) is bytes else take(chunk))
                size += len(data)
                if size >= _BATCH:
                    await to_thread.run_sync(copy.write, batch, limiter=limiter)
                    batch, size = [], 0
        await to_thread.run_sync(copy.write, batch, limiter=limiter)
        until_copied.pop_all()
        return copy.file


class _Copy:
    """
    A copy in memory, which moves to the disk when it grows.

    Attributes:
        file: The copy.
    """

    def __init__(self, path: Path) -> None:
        self.file: IO[bytes] = io.BytesIO()
        self._path = path
        self._size = 0
        self._is_on_disk = False

    def write(self, blocks: list[bytes]) -> None:
        """Append *blocks*, so that all of them can be read."""
        self._size += sum(map(len, blocks))
        if self._size > _LARGEST:
            raise AudioError(
                f"{shown(self._path)} contains more than {_LARGEST >> 30} GiB",
                hint="recognize audio that has no end with stream()",
            )
        if self._size > _IN_MEMORY and not self._is_on_disk:
            self._move()
        self.file.writelines(blocks)
        self.file.flush()

    def _move(self) -> None:
        memory, self.file = self.file, tempfile.TemporaryFile()  # noqa: SIM115 - `close` does it
        self._is_on_disk = True
        memory.seek(0)
        self.file.write(memory.read())
        memory.close()

    def close(self) -> None:
        """Delete the copy."""
        self.file.close()


@contextmanager
def being_read(source: object, path: Path) -> Iterator[None]:
    """
    Keep all others from reading *source*, which can be read only once.

    Raises:
        AudioError: It is being read already.
    """
    identity = _identity_of(source)
    with _lock:
        if identity in _being_read:
            raise AudioError(
                f"{shown(path)} is already being read",
                hint="it can be read only once; write it to a file to use it twice",
            )
        _being_read.add(identity)
    try:
        yield
    finally:
        with _lock:
            _being_read.discard(identity)


def _identity_of(source: object) -> tuple[int, int]:
    """Return what is the same for all files that read from the same pipe."""
    try:
        status = os.fstat(source.fileno())  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # it has no descriptor
        return id(source), 0
    is_shared = status.st_ino and not stat.S_ISREG(status.st_mode)  # 0 on Windows
    return (status.st_dev, status.st_ino) if is_shared else (id(source), 0)
