"""One shape for every source of audio that a user may give."""

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Iterator
from contextlib import suppress
from functools import partial
from os import PathLike
from typing import IO, Any

import anyio
from anyio import to_thread

from paraformer_async.errors import InvalidOptionError

__all__ = ["Chunk", "Source", "chunks", "immutable"]

Chunk = bytes | bytearray | memoryview
Source = AsyncIterable[Chunk] | Iterable[Chunk] | IO[bytes] | Chunk

_BLOCK = 8192
_CLOSING = 2.0


def chunks(source: Source) -> AsyncGenerator[bytes, None]:
    """
    Give the audio of *source* as it comes, as immutable chunks.

    Takes bytes, a binary file, a list or tuple, an async iterable, or any other iterable. The last
    is read in a worker thread, so it may block. Generators are closed when they are not read to
    their end, everything else stays open.

    Raises:
        InvalidOptionError: *source* is none of these. Raised at once, not on the first chunk.
    """
    given: object = source
    if isinstance(given, str | PathLike):
        raise InvalidOptionError(
            "audio", f"{source!r} is a path, not audio", hint="transcribe(path) recognises files"
        )
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_sequence((immutable(source),))
    if isinstance(source, list | tuple):
        return _from_sequence(source)
    if isinstance(source, AsyncIterable):
        return _from_async(source)
    if read := getattr(source, "read", None):
        return _from_blocking(iter(partial(read, _BLOCK), b""))
    if isinstance(source, Iterable):
        return _from_blocking(iter(source))
    raise InvalidOptionError("audio", f"a {type(source).__name__} does not yield bytes")


async def _from_sequence(source: Iterable[Chunk]) -> AsyncGenerator[bytes, None]:
    for chunk in source:
        yield immutable(chunk)


async def _from_async(source: AsyncIterable[Chunk]) -> AsyncGenerator[bytes, None]:
    iterator = aiter(source)
    try:
        async for chunk in iterator:
            yield immutable(chunk)
    finally:
        if isinstance(iterator, AsyncGenerator):
            with anyio.move_on_after(_CLOSING, shield=True):
                await iterator.aclose()


async def _from_blocking(iterator: Iterator[Any]) -> AsyncGenerator[bytes, None]:
    end = object()
    read = partial(next, iterator, end)
    try:
        while (chunk := await to_thread.run_sync(read, abandon_on_cancel=True)) is not end:
            yield immutable(chunk)
    finally:
        if isinstance(iterator, Generator):
            with suppress(ValueError):  # a thread is still in it, and closes it by letting it go
                iterator.close()


def immutable(chunk: object) -> bytes:
    """Give *chunk* as bytes that nobody can change; a copy only if it is needed."""
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, bytearray | memoryview):
        return bytes(chunk)
    raise InvalidOptionError(
        "audio",
        f"the source yields {type(chunk).__name__}, not bytes",
        hint="PCM is 16-bit little-endian mono; an int16 array gives it by .tobytes()",
    )
