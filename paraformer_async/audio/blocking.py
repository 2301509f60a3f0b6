"""
Iterables that may block, read in a thread of their own.

To visit a worker thread for each chunk would cost ten times what it costs to send it. So one thread
reads the whole source, a little ahead of who wants its chunks, and wakes the loop only while
somebody waits there.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any

import anyio

__all__ = ["read_in_thread"]

# So many chunks are read ahead at most.
_AHEAD = 16
# How long a thread may take to see that nobody wants more, in seconds. It goes on by itself when it
# is held up in the source.
_LEAVING = 0.1
_END = object()


async def read_in_thread(
    iterator: Iterator[Any], kept: Callable[[Any], bytes]
) -> AsyncGenerator[bytes, None]:
    """
    Give what *iterator* gives. What it raises comes out as itself.

    When this is closed early, the iterator is closed in its thread if it is a generator, and left
    as it is otherwise; up to 16 chunks more than were given can have been read then.

    Args:
        iterator: What is read.
        kept: Makes bytes of a chunk, before the source can use its memory again.
    """
    reader = _Reader(iterator, kept)
    try:
        while (chunk := await reader.get()) is not _END:
            yield chunk
    finally:
        await reader.aclose()


class _Reader:
    """The thread, and the queue between it and the loop."""

    def __init__(self, iterator: Iterator[Any], kept: Callable[[Any], bytes]) -> None:
        self._iterator = iterator
        self._kept = kept
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[Any] = deque()
        self._failure: BaseException | None = None
        self._room = threading.Event()
        self._is_awaited = False
        self._is_left = False
        self._waiter = self._loop.create_future()
        self._ended = asyncio.Event()
        work = copy_context().run
        threading.Thread(target=work, args=(self._read,), name="audio source", daemon=True).start()

    async def get(self) -> Any:
        """Give the next chunk, or `_END`. Cancellation is safe."""
        while not self._chunks:
            self._waiter = self._loop.create_future()
            self._is_awaited = True  # from here on the thread tells what it has read
            if not self._chunks:
                await self._waiter
        chunk = self._chunks.popleft()
        if len(self._chunks) <= _AHEAD // 2 and not self._room.is_set():
            self._room.set()
        if chunk is _END and self._failure is not None:
            raise self._failure
        return chunk

    async def aclose(self) -> None:
        """Let the thread end, and wait for it if it is not held up in the source."""
        self._is_left = True
        self._room.set()
        with anyio.move_on_after(_LEAVING, shield=True):
            await self._ended.wait()

    def _read(self) -> None:
        try:
            try:
                while not self._is_left and (chunk := next(self._iterator, _END)) is not _END:
                    self._put(self._kept(chunk))
            finally:
                if isinstance(self._iterator, Generator):
                    self._iterator.close()
        except BaseException as error:  # noqa: BLE001 - raised again by `get`
            self._failure = error
        self._put(_END)
        self._tell(self._ended.set)

    def _put(self, chunk: object) -> None:
        self._chunks.append(chunk)
        if self._is_awaited:
            self._is_awaited = False
            self._tell(self._wake)
        while len(self._chunks) >= _AHEAD and not self._is_left:
            self._room.clear()
            if len(self._chunks) >= _AHEAD and not self._is_left:
                self._room.wait()

    def _tell(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop has gone
            self._loop.call_soon_threadsafe(what)

    def _wake(self) -> None:
        if not self._waiter.done():
            self._waiter.set_result(None)
