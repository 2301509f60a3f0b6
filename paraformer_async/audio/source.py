"""One shape for every source of audio that a user may give."""

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
Source = AsyncIterable[Chunk] | Iterable[Chunk] | IO[bytes] | Chunk

# What is asked of a file at a time: a pipe gives what it has, a file on disk gives all of it.
_BLOCK = 65536
_CLOSING = 2.0
# What the elements of a memoryview may be: bytes and 16-bit samples, but not floats.
_INTEGERS = ("B", "b", "c", "h", "H", "<h", "<H")


class Chunks:
    """
    The audio of a source, as it comes: an async iterable of whatever the source gives.

    Iterating is iterating over the source itself, so that it costs no more than that.
    """

    def __init__(self, iterator: AsyncIterator[Any]) -> None:
        self._iterator = iterator

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._iterator

    async def aclose(self) -> None:
        """Close the source if it is a generator, in bounded time; all else stays open."""
        has_ended = getattr(self._iterator, "ag_frame", self) is None
        if isinstance(self._iterator, AsyncGenerator) and not has_ended:
            with anyio.move_on_after(_CLOSING, shield=True):
                await self._iterator.aclose()


def chunks(source: Source) -> Chunks:
    """
    Give the audio of *source* as it comes. Each chunk is to be made `immutable`.

    Takes bytes, a binary file, a list or tuple, an async reader or iterable, or any other iterable.
    Files and the last are read in a thread of their own, so they may block. Generators are closed
    with the chunks, everything else stays open.

    Raises:
        InvalidOptionError: *source* is none of these. Raised at once, not on the first chunk.
    """
    given: object = source
    if isinstance(given, str | PathLike):
        raise InvalidOptionError(
            "audio", f"{source!r} is a path, not audio", hint="transcribe(path) recognizes files"
        )
    if isinstance(source, bytes | bytearray | memoryview):
        return Chunks(_from_sequence((immutable(source),)))
    if isinstance(source, list | tuple):
        return Chunks(_from_sequence(source))
    read = getattr(source, "read1", None) or getattr(source, "read", None)
    if hasattr(source, "readline") and inspect.iscoroutinefunction(read):
        return Chunks(_from_reader(read))  # iterating it would wait for the ends of lines
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
    """Give *chunk* as bytes that nobody can change; a copy only if it is needed."""
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray) or (
        isinstance(chunk, memoryview) and chunk.format in _INTEGERS
    ):
        return bytes(chunk)
    raise InvalidOptionError(
        "audio",
        f"must be bytes, not {type(chunk).__name__}",
        hint="PCM is 16-bit little-endian mono; an int16 array gives it by .tobytes()",
    )
