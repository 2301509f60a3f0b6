"""
Read iterables that may block, in a dedicated thread.

A trip to a worker thread for each chunk would cost ten times as much as sending the chunk. Instead,
one thread reads the whole source slightly ahead of the consumer, and wakes the event loop only
while the consumer is waiting.
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

_READ_AHEAD = 16  # chunks
# Seconds to wait for the thread to stop. A thread blocked in the source is left to end on its own.
_CLOSE_TIMEOUT = 0.1
_END = object()


async def read_in_thread(
    iterator: Iterator[Any], to_bytes: Callable[[Any], bytes]
) -> AsyncGenerator[bytes, None]:
    """
    Yield what *iterator* yields, read in a dedicated thread; its exceptions propagate unchanged.

    When this generator is closed early, *iterator* is closed in its thread if it is a generator and
    left open otherwise; up to 16 chunks may have been read from it and are discarded. Cancellation
    takes effect within 0.1 s even while the source blocks.

    Args:
        iterator: The source.
        to_bytes: Converts each chunk, in the thread, before the source can reuse its buffer.
    """
    reader = _ThreadReader(iterator, to_bytes)
    try:
        while (chunk := await reader.get()) is not _END:
            yield chunk
    finally:
        await reader.aclose()


class _ThreadReader:
    """The reading thread, and the queue between it and the event loop."""

    def __init__(self, iterator: Iterator[Any], to_bytes: Callable[[Any], bytes]) -> None:
        self._iterator = iterator
        self._to_bytes = to_bytes
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[Any] = deque()
        self._failure: BaseException | None = None
        self._has_room = threading.Event()
        self._is_awaited = False
        self._is_closing = False
        self._waiter = self._loop.create_future()
        self._ended = asyncio.Event()
        run = copy_context().run
        threading.Thread(target=run, args=(self._read,), name="audio source", daemon=True).start()

    async def get(self) -> Any:
        """Return the next chunk, or `_END`. Cancel-safe: a canceled call takes no chunk."""
        while not self._chunks:
            self._waiter = self._loop.create_future()
            self._is_awaited = True  # from here on, the thread wakes the loop for a new chunk
            if not self._chunks:
                await self._waiter
        chunk = self._chunks.popleft()
        if len(self._chunks) <= _READ_AHEAD // 2 and not self._has_room.is_set():
            self._has_room.set()
        if chunk is _END and self._failure is not None:
            raise self._failure
        return chunk

    async def aclose(self) -> None:
        """Stop the thread, and wait for it briefly unless it is blocked in the source."""
        self._is_closing = True
        self._has_room.set()
        with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True):
            await self._ended.wait()

    def _read(self) -> None:
        try:
            try:
                while not self._is_closing and (chunk := next(self._iterator, _END)) is not _END:
                    self._put(self._to_bytes(chunk))
            finally:
                if isinstance(self._iterator, Generator):
                    self._iterator.close()
        except BaseException as error:  # noqa: BLE001 - raised again by `get`
            self._failure = error
        self._put(_END)
        self._call_in_loop(self._ended.set)

    def _put(self, chunk: object) -> None:
        self._chunks.append(chunk)
        if self._is_awaited:
            self._is_awaited = False
            self._call_in_loop(self._wake)
        while len(self._chunks) >= _READ_AHEAD and not self._is_closing:
            self._has_room.clear()
            if len(self._chunks) >= _READ_AHEAD and not self._is_closing:
                self._has_room.wait()

    def _call_in_loop(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(callback)

    def _wake(self) -> None:
        if not self._waiter.done():
            self._waiter.set_result(None)
