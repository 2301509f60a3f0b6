"""The paths of a batch, from whatever iterable they come."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Collection, Iterable
from os import PathLike
from typing import Any, TypeAlias

from paraformer_async.audio.blocking import read_in_thread
from paraformer_async.errors import InvalidOptionError

__all__ = ["AnyPath", "Paths", "paths_in", "require_path"]

AnyPath: TypeAlias = str | PathLike[str]
Paths: TypeAlias = Iterable[AnyPath] | AsyncIterable[AnyPath]


def paths_in(paths: Paths) -> AsyncIterator[AnyPath]:
    """
    Return an async iterator over *paths*.

    What is no collection, but an iterator such as `Path.rglob`, may block, and is read in a thread,
    a little ahead.

    Raises:
        InvalidOptionError: *paths* is no iterable of paths. Raised immediately.
    """
    if isinstance(paths, str | bytes | PathLike):
        raise InvalidOptionError(
            "paths", f"{paths!r} is a single path", hint="use transcribe(path), or a list of paths"
        )
    if isinstance(paths, AsyncIterable):
        return aiter(paths)
    if isinstance(paths, Collection):
        return _from_collection(paths)
    if isinstance(paths, Iterable):
        return _from_thread(paths)
    raise InvalidOptionError(
        "paths", f"an object of type {type(paths).__name__} does not yield paths"
    )


def require_path(path: object) -> None:
    """Raise `InvalidOptionError` for what is no path: its outcome would belong to no file."""
    if not isinstance(path, str | PathLike):
        raise InvalidOptionError(
            "paths",
            f"an object of type {type(path).__name__} is not the path of a file",
            hint="use transcribe() for audio in memory",
        )


async def _from_collection(paths: Collection[AnyPath]) -> AsyncGenerator[AnyPath, None]:
    for path in paths:
        yield path


async def _from_thread(paths: Iterable[AnyPath]) -> AsyncGenerator[AnyPath, None]:
    reading = read_in_thread(iter(paths), _alone)
    try:
        async for (path,) in reading:
            yield path
    finally:
        await reading.aclose()


def _alone(path: Any) -> tuple[AnyPath]:
    """Return *path* as a chunk of one: chunks have a length."""
    return (path,)
