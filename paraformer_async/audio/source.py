"""Turn every supported kind of audio source into one async iterator."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
)
from functools import partial
from os import PathLike
from typing import IO, Any

import anyio

from paraformer_async.audio.blocking import read_in_thread
from paraformer_async.errors import InvalidOptionError

__all__ = ["Chunk", "Chunks", "Source", "chunks", "immutable"]

Chunk = bytes | bytearray | memoryview
"""A piece of audio: PCM (s16le mono), or a part of an encoded stream."""
Source = AsyncIterable[Chunk] | Iterable[Chunk] | IO[bytes] | Chunk
"""Everything that `chunks` accepts as an audio source."""

# Bytes per read: a pipe returns what is available, a file on disk returns all of it.
_BLOCK = 65536
_CLOSE_TIMEOUT = 2.0  # seconds
# Accepted memoryview element types: bytes and 16-bit samples, but not floats.
_SAMPLE_FORMATS = ("B", "b", "c", "h", "H", "<h", "<H")


class Chunks:
    """
    The chunks of an audio source, as the source yields them.

    Iterates over the source itself and adds no overhead.
    """

    def __init__(self, iterator: AsyncIterator[Any]) -> None:
        self._iterator = iterator

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
        return Chunks(_from_sequence((immutable(source),)))
    if isinstance(source, list | tuple):
        return Chunks(_from_sequence(source))
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


async def _from_reader(
    read: Callable[[int], Awaitable[Chunk]],
) -> AsyncGenerator[Chunk, None]:
    while chunk := await read(_BLOCK):
        yield chunk


async def _from_sequence(source: Iterable[Chunk]) -> AsyncGenerator[Chunk, None]:
    for chunk in source:
        yield chunk


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
