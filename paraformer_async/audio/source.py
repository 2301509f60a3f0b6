"""Turn every supported kind of audio source into one async iterator."""

import inspect
import io
import socket
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from functools import partial
from os import PathLike
from threading import Lock
from time import sleep
from typing import IO, Any, Protocol, cast

import anyio

from paraformer_async.audio.blocking import read_in_thread
from paraformer_async.audio.descriptors import Blocks, is_on_disk, is_waitable
from paraformer_async.audio.samples import immutable, is_buffer, taker
from paraformer_async.errors import InvalidOptionError

__all__ = ["Chunk", "Chunks", "Rewindable", "Source", "chunks", "immutable", "taker"]


class Buffer(Protocol):
    """What `memoryview` takes: bytes, arrays of int16 or floats, buffers of C libraries."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """Return a view of the memory (PEP 688)."""
        ...


class Array(Protocol):
    """An array of numpy: type checkers know it as a `Buffer` only from Python 3.12 on."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What its memory is."""
        ...


class AsyncReader(Protocol):
    """An open file or stream that is read with `await`."""

    def read(self, size: int = ..., /) -> Awaitable[bytes]:
        """Return up to *size* bytes, none at the end."""
        ...


Chunk = Buffer | Array
"""A piece of audio: PCM (s16le mono), or a part of an encoded stream."""
Source = AsyncIterable[Chunk] | Iterable[Chunk] | IO[bytes] | AsyncReader | Chunk
"""Everything that `chunks` accepts as an audio source."""

# Bytes per read: a pipe returns what is available, a file on disk returns all of it.
_BLOCK = 65536
_CLOSE_TIMEOUT = 2.0  # seconds
_NOTHING_YET = 0.01  # seconds between reads of a file that has nothing to read


class Rewindable(Protocol):
    """A source that can be read more than once."""

    def read_from(self, position: int) -> AsyncGenerator[Chunk, None]:
        """Return an iterator over the audio from *position* on, in bytes of s16le mono PCM."""
        ...


class Chunks:
    """
    The chunks of an audio source, as the source yields them.

    Iterates over the source itself and adds no overhead.

    Attributes:
        rewound: Returns the chunks from a position in bytes on, to be read once more; `None` for a
            source that can be read only once.
        is_remarked: Whether the source itself has `remarks` on what is left out of it.
    """

    def __init__(
        self,
        iterator: AsyncIterator[Any],
        rewound: "Callable[[int], Chunks] | None" = None,
        *,
        is_remarked: bool = False,
    ) -> None:
        self._iterator = iterator
        self.rewound = rewound
        self.is_remarked = is_remarked

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._iterator

    async def aclose(self) -> None:
        """
        Close the source if it is a generator, within 2 s; leave anything else open.

        Shielded from cancellation.
        """
        is_exhausted = getattr(self._iterator, "ag_frame", self) is None
        if isinstance(self._iterator, AsyncGenerator) and not is_exhausted:
            with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True):
                await self._iterator.aclose()


def chunks(
    source: Source, take: Callable[[object], bytes] = immutable, *, joins: bool = False
) -> Chunks:
    """
    Return an async iterable over the audio of *source*; pass each chunk to *take*.

    Accepts a buffer (bytes, an array of samples), a binary file, a list or tuple, an async reader
    or iterable, or any other iterable. Files and plain iterables are read in a dedicated thread, so
    they may block. Closing the chunks closes a generator; any other source stays open.

    Args:
        source: The audio.
        take: Returns a chunk as bytes, or raises; see `taker`.
        joins: Whether chunks that a thread has read meanwhile may be joined to one, as those of
            PCM. Those of compressed audio may be packets.

    Raises:
        InvalidOptionError: *source* is none of these. Raised immediately, not on the first chunk.
    """
    _refuse_what_only_looks_like_a_source(source)
    if is_buffer(source):
        return _in_memory((take(source),))
    if isinstance(source, list | tuple):
        return _in_memory([take(chunk) for chunk in source])
    if hasattr(source, "read_from"):  # to check against the protocol is slow
        return _rewindable(cast("Rewindable", source))
    if is_on_disk(source):
        return _on_disk(Lock(), source, source.tell())  # type: ignore[union-attr]
    return Chunks(_once(source, take, joins=joins))


def _refuse_what_only_looks_like_a_source(source: object) -> None:
    if isinstance(source, str | PathLike):
        raise InvalidOptionError(
            "audio", f"{source!r} is a path, not audio", hint="use transcribe(path) for files"
        )
    hint = ""
    if isinstance(source, io.TextIOBase):
        hint = 'open the file with mode "rb"; standard input is sys.stdin.buffer'
    elif isinstance(source, socket.socket):
        hint = 'pass its makefile("rb")'
    elif inspect.isroutine(source):
        hint = "call it, and pass what it returns"
    elif inspect.iscoroutine(source):
        hint = "await it, and pass what it returns"
    if hint:
        name = type(source).__name__
        raise InvalidOptionError("audio", f"a {name} does not yield bytes", hint=hint)


def _once(source: Any, take: Callable[[object], bytes], *, joins: bool) -> AsyncIterator[Any]:
    """Return an iterator over a source that can be read only once."""
    read: Any = getattr(source, "read1", None) or getattr(source, "read", None)
    if _is_async(read) and (hasattr(source, "readline") or not isinstance(source, AsyncIterable)):
        return _from_reader(read)  # iterating would wait for line breaks
    if isinstance(source, AsyncIterable):
        return aiter(source)
    if is_waitable(source):
        return read_in_thread(Blocks(source), take)
    if callable(read):
        return read_in_thread(_from_file(read), take)
    if isinstance(source, Iterable):
        return read_in_thread(iter(source), take, join=b"".join if joins else None)
    raise InvalidOptionError(
        "audio", f"an object of type {type(source).__name__} does not yield bytes"
    )


def _is_async(read: object) -> bool:
    call = getattr(read, "__call__", None)  # noqa: B004 - of objects that can be called
    return inspect.iscoroutinefunction(read) or inspect.iscoroutinefunction(call)


def _in_memory(pieces: Sequence[bytes], position: int = 0) -> Chunks:
    return Chunks(_from_sequence(pieces, position), partial(_in_memory, pieces))


def _rewindable(source: Rewindable, position: int = 0) -> Chunks:
    again = partial(_rewindable, source)
    is_remarked = hasattr(source, "remarks")
    return Chunks(source.read_from(position), again, is_remarked=is_remarked)


def _on_disk(lock: Lock, file: Any, start: int, position: int = 0) -> Chunks:
    """Return the chunks of a file; it can be read from several positions at once."""
    at = start + position

    def read(size: int) -> Any:
        nonlocal at
        with lock:
            file.seek(at)
            block = file.read(size)
        at += len(block)
        return block

    return Chunks(read_in_thread(_from_file(read), immutable), partial(_on_disk, lock, file, start))


async def _from_reader(read: Callable[[int], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
    while not _is_end(chunk := await read(_BLOCK)):
        yield chunk


async def _from_sequence(pieces: Sequence[bytes], position: int) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        if position <= 0:
            yield piece
        elif position < len(piece):
            yield piece[position:]
        position -= len(piece)


def _is_end(block: Any) -> bool:
    return hasattr(block, "__len__") and len(block) == 0


def _from_file(read: Callable[[int], Any]) -> Iterator[Any]:
    """Yield blocks of a file until its end; in a thread."""
    while not _is_end(block := read(_BLOCK)):
        if block is None:  # a non-blocking file has nothing to read yet
            sleep(_NOTHING_YET)
        if inspect.iscoroutine(block):
            block.close()
            raise InvalidOptionError(
                "audio",
                "its read() is not an async function, but must be awaited",
                hint="pass an async generator that awaits it",
            )
        yield b"" if block is None else block
