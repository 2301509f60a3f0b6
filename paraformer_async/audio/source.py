"""Turn every supported kind of audio source into one async iterator."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from functools import partial
from os import PathLike
from typing import IO, Any, Protocol, runtime_checkable

import anyio

from paraformer_async.audio.blocking import read_in_thread
from paraformer_async.errors import InvalidOptionError

__all__ = ["Chunk", "Chunks", "Rewindable", "Source", "chunks", "immutable"]

Chunk = bytes | bytearray | memoryview
"""A piece of audio: PCM (s16le mono), or a part of an encoded stream."""
Source = AsyncIterable[Chunk] | Iterable[Chunk] | IO[bytes] | Chunk
"""Everything that `chunks` accepts as an audio source."""

# Bytes per read: a pipe returns what is available, a file on disk returns all of it.
_BLOCK = 65536
_CLOSE_TIMEOUT = 2.0  # seconds
# Accepted memoryview element types: bytes and 16-bit samples, but not floats.
_SAMPLE_FORMATS = ("B", "b", "c", "h", "H", "<h", "<H")


@runtime_checkable
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
    """

    def __init__(
        self,
        iterator: AsyncIterator[Any],
        rewound: "Callable[[int], Chunks] | None" = None,
    ) -> None:
        self._iterator = iterator
        self.rewound = rewound

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


def chunks(source: Source) -> Chunks:
    """
    Return an async iterable over the audio of *source*; pass each chunk to `immutable`.

    Accepts bytes, a binary file, a list or tuple, an async reader or iterable, or any other
    iterable. Files and plain iterables are read in a dedicated thread, so they may block. Closing
    the chunks closes a generator; any other source stays open.

    Raises:
        InvalidOptionError: *source* is none of these. Raised immediately, not on the first chunk.
    """
    candidate: object = source
    if isinstance(candidate, str | PathLike):
        raise InvalidOptionError(
            "audio", f"{source!r} is a path, not audio", hint="use transcribe(path) for files"
        )
    if isinstance(source, bytes | bytearray | memoryview):
        return _in_memory((immutable(source),))
    if isinstance(source, list | tuple):
        return _in_memory(tuple(source))
    if isinstance(source, Rewindable):
        return _rewindable(source)
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if hasattr(source, "readline") and inspect.iscoroutinefunction(read):
        return Chunks(_from_reader(read))  # iterating would wait for line breaks
    if isinstance(source, AsyncIterable):
        return Chunks(aiter(source))
    if read:
        return Chunks(read_in_thread(iter(partial(read, _BLOCK), b""), immutable))
    if isinstance(source, Iterable):
        return Chunks(read_in_thread(iter(source), immutable))
    raise InvalidOptionError("audio", f"a {type(source).__name__} does not yield bytes")


def _in_memory(pieces: Sequence[Chunk], position: int = 0) -> Chunks:
    return Chunks(_from_sequence(pieces, position), partial(_in_memory, pieces))


def _rewindable(source: Rewindable, position: int = 0) -> Chunks:
    return Chunks(source.read_from(position), partial(_rewindable, source))


async def _from_reader(
    read: Callable[[int], Awaitable[Chunk]],
) -> AsyncGenerator[Chunk, None]:
    while chunk := await read(_BLOCK):
        yield chunk


async def _from_sequence(pieces: Sequence[Chunk], position: int) -> AsyncGenerator[Chunk, None]:
    for piece in pieces:
        if position <= 0:
            yield piece
        elif position < len(piece):
            yield bytes(piece[position:])
        position -= len(piece)


def immutable(chunk: object) -> bytes:
    """
    Return *chunk* as bytes, copying only a mutable buffer, which its owner may reuse.

    Raises:
        InvalidOptionError: *chunk* is not bytes-like, or a memoryview of another element type.
    """
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray) or (
        isinstance(chunk, memoryview) and chunk.format in _SAMPLE_FORMATS
    ):
        return bytes(chunk)
    raise InvalidOptionError(
        "audio",
        f"must be bytes, not {type(chunk).__name__}",
        hint="audio is 16-bit little-endian mono PCM; convert an int16 array with .tobytes()",
    )
