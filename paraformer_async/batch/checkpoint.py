"""
The checkpoint of a batch: a file of JSON lines that only grows, so that a killed run can continue.

A line is written at once when its file is done, and synchronized to disk once a second. A line that
was cut off by a kill in mid-write is removed when the file is opened again, and one that is damaged
is passed over: their files are transcribed again.
"""

import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import msgspec
from anyio import AsyncContextManagerMixin, CancelScope, CapacityLimiter, to_thread

from paraformer_async.batch.locking import try_lock
from paraformer_async.batch.paths import AnyPath
from paraformer_async.batch.records import (
    BEGINNING,
    VERSION,
    Header,
    Identity,
    Record,
    decoded,
    encoded,
    identity_of,
)
from paraformer_async.errors import InvalidOptionError, UsageError
from paraformer_async.transcript import Transcript

__all__ = ["Checkpoint"]

_log = logging.getLogger("paraformer_async")
_T = TypeVar("_T")
_SYNC_SECONDS = 1.0


class Checkpoint(AsyncContextManagerMixin):
    """
    The transcripts of files that are done, while it is entered.

    Its work is done in threads, one call at a time. It keeps some 100 bytes in memory for each file
    that earlier runs have done.

    Args:
        path: The file; created if there is none.
        options: What the transcripts depend on, besides the audio.

    Entering raises `InvalidOptionError` if *path* is another kind of file or was made with other
    options, `UsageError` if another batch uses it, and `OSError` if it cannot be opened.
    """

    def __init__(self, path: AnyPath, options: Mapping[str, Any]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise InvalidOptionError("checkpoint", f"{path!r} is not the path of a file")
        self._path = Path(path)
        # As they are when they are read again: tuples become lists.
        self._options: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(options))
        self._limiter = CapacityLimiter(1)
        self._offsets: dict[int, int] = {}  # where the line of an identity begins, by its hash
        self._synced_at = 0.0
        self._opened = ExitStack()
        self._written: IO[bytes]
        self._read: IO[bytes]

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        try:
            await self._in_thread(self._open)
            yield self
        finally:
            with CancelScope(shield=True):
                await self._in_thread(self._opened.close)

    async def look_up(self, path: AnyPath) -> tuple[Identity | None, Transcript | None]:
        """Return by what a file is known, and its transcript if it was done before."""
        return await self._in_thread(partial(self._find, path))

    async def add(self, identity: Identity, seconds: float, transcript: Transcript) -> None:
        """
        Add a file. Cancellation is safe: its line is complete, or not there.

        Raises:
            OSError: The line could not be written; the checkpoint is as it was before.
        """
        record = Record(identity.path, identity.size, identity.mtime_ns, seconds, transcript)
        await self._in_thread(partial(self._write, record))

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await to_thread.run_sync(call, limiter=self._limiter)

    # In threads.

    def _open(self) -> None:
        if self._path.exists() and not (self._path.is_file() or self._path.is_dir()):
            raise InvalidOptionError("checkpoint", f"{self._path} is not a regular file")
        self._written = self._opened.enter_context(self._path.open("ab", buffering=0))
        if not try_lock(self._written):
            raise UsageError(
                f"the checkpoint {self._path} is in use by another batch",
                hint="wait until it has ended, or use another file",
            )
        self._opened.callback(self._synchronize_at_last)
        self._read = self._opened.enter_context(self._path.open("rb"))
        if self._has_header():
            self._read_index()
        else:
            self._written.truncate(0)
            self._write(Header(options=self._options))

    def _has_header(self) -> bool:
        """Return whether there is a first line that was written to its end."""
        first = self._read.read(len(BEGINNING))
        if not BEGINNING.startswith(first):
            raise InvalidOptionError("checkpoint", f"{self._path} is no checkpoint, but other data")
        first += self._read.readline()
        if not first.endswith(b"\n"):
            return False
        header = decoded(first, Header)
        if header is None or header.version != VERSION:
            raise InvalidOptionError("checkpoint", f"{self._path} is of another version")
        self._require_same(header.options)
        return True

    def _require_same(self, options: Mapping[str, Any]) -> None:
        names = self._options.keys() | options.keys()
        other = sorted(name for name in names if self._options.get(name) != options.get(name))
        if other:
            raise InvalidOptionError(
                "checkpoint",
                f"{self._path} has transcripts that were made with another {', '.join(other)}",
                hint="use the same options again, or another checkpoint",
            )

    def _read_index(self) -> None:
        """Find what was done before, and remove what was not written to its end."""
        damaged, offset = 0, self._read.tell()
        for line in self._read:
            if not line.endswith(b"\n"):
                self._written.truncate(offset)
                break
            identity = decoded(line, Identity)
            if identity is None:
                damaged += 1
            else:
                self._offsets[hash(identity)] = offset
            offset += len(line)
        if damaged:
            _log.warning("%s: %d lines are damaged, and passed over", self._path, damaged)

    def _find(self, path: AnyPath) -> tuple[Identity | None, Transcript | None]:
        identity = identity_of(path)
        offset = self._offsets.get(hash(identity))
        if identity is None or offset is None:
            return identity, None
        self._read.seek(offset)
        record = decoded(self._read.readline(), Record)
        is_same = record is not None and record.identity == identity
        return identity, record.transcript if record is not None and is_same else None

    def _write(self, line: msgspec.Struct) -> None:
        end = os.fstat(self._written.fileno()).st_size
        rest = memoryview(encoded(line))
        try:
            while rest:
                rest = rest[self._written.write(rest) :]
            self._synchronize()
        except OSError:
            with suppress(OSError):
                self._written.truncate(end)
            raise

    def _synchronize(self) -> None:
        now = time.monotonic()
        if now - self._synced_at >= _SYNC_SECONDS:
            os.fsync(self._written.fileno())
            self._synced_at = now

    def _synchronize_at_last(self) -> None:
        with suppress(OSError):  # it has been written, and the run is not to fail now
            os.fsync(self._written.fileno())
