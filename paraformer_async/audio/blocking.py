"""
Read iterables that may block, in a dedicated thread.

A trip to a worker thread for each chunk would cost ten times as much as sending the chunk. Instead,
one thread reads the whole source ahead of the consumer, which takes everything that is there at
once: with a fast source, the two take turns after many chunks, not after each one.
"""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sized
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import anyio

__all__ = ["Interruptible", "read_in_thread"]

_Chunk = TypeVar("_Chunk", bound=Sized)
# Limits of what is read ahead; both apply.
_READ_AHEAD = 128  # chunks
_READ_AHEAD_BYTES = 1 << 18
# Seconds to wait for the thread to stop. A thread blocked in the source is left to end on its own.
_CLOSE_TIMEOUT = 0.1
_END = object()


@runtime_checkable
class Interruptible(Protocol):
    """An iterable whose iteration, while it waits, can be ended from another thread."""

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator; called once."""
        ...

    def interrupt(self) -> None:
        """End the iteration, now and later; callable from any thread."""
        ...

    def close(self) -> None:
        """Release what it holds; called in the thread that iterates."""
        ...


async def read_in_thread(
    iterator: Iterator[Any] | Interruptible,
    convert: Callable[[Any], _Chunk],
    *,
    join: Callable[[list[_Chunk]], _Chunk] | None = None,
) -> AsyncGenerator[_Chunk, None]:
    """
    Yield what *iterator* yields, read in a dedicated thread; its exceptions propagate unchanged.

    When this generator is closed early, *iterator* is closed in its thread if it is a generator and
    left open otherwise; up to 256 KiB, in 256 chunks, may have been read from it and are discarded.
    Cancellation takes effect within 0.1 s even while the source blocks.

    Args:
        iterator: The source; read in a daemon thread with the context variables of the caller.
        convert: Converts each chunk, in the thread, before the source can reuse its buffer.
        join: Makes one chunk of all that have been read meanwhile; `None` to yield each.
    """
    reader = _ThreadReader(iterator, convert)
    try:
        while batch := await reader.get():
            if join is not None:
                batch = [join(batch)]
            for chunk in batch:
                yield chunk
    finally:
        await reader.aclose()


class _ThreadReader(Generic[_Chunk]):
    """The reading thread, and the queue between it and the event loop."""

    def __init__(
        self, iterator: Iterator[Any] | Interruptible, convert: Callable[[Any], _Chunk]
    ) -> None:
        self._iterator = iterator
        self._convert = convert
        self._loop = asyncio.get_running_loop()
        self._chunks: deque[Any] = deque()
        self._got_bytes = self._handed_bytes = 0
        self._failure: BaseException | None = None
        self._has_room = threading.Event()
        self._is_awaited = False
        self._is_closing = False
        self._waiter = self._loop.create_future()
        self._ended = asyncio.Event()
        # The thread holds standard input: if the source waits in it when the interpreter exits,
        # deleting it would abort the interpreter (`_enter_buffered_busy`, as in descriptors.py).
        arguments = (self._read, sys.stdin)
        run = copy_context().run
        threading.Thread(target=run, args=arguments, name="audio source", daemon=True).start()

    async def get(self) -> list[_Chunk]:
        """Return what is there; empty at the end. A canceled call takes nothing."""
        self._got_bytes += self._handed_bytes  # those of the last call have been used by now
        self._handed_bytes = 0
        self._has_room.set()
        while not self._chunks:
            self._waiter = self._loop.create_future()
            self._is_awaited = True  # from here on, the thread wakes the loop for a new chunk
            if not self._chunks:
                await self._waiter
        chunks = self._chunks
        batch = [chunks.popleft() for _ in range(len(chunks))]
        if batch[-1] is _END:
            del batch[-1]
            if batch:
                chunks.append(_END)
        self._handed_bytes = sum(map(len, batch))
        self._has_room.set()
        if not batch and self._failure is not None:
            raise self._failure
        return batch

    async def aclose(self) -> None:
        """Stop the thread, and wait for it briefly unless it is blocked in the source."""
        self._is_closing = True
        self._has_room.set()
        if isinstance(self._iterator, Interruptible):
            self._iterator.interrupt()
        with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True):
            await self._ended.wait()

    def _read(self, stdin: object) -> None:
        del stdin  # the caller's arguments hold it
        try:
            try:
                self._read_all()
            finally:
                if isinstance(self._iterator, Generator | Interruptible):
                    self._iterator.close()
        except BaseException as error:  # noqa: BLE001 - raised again by `get`
            self._failure = error
        self._chunks.append(_END)
        self._wake_up()
        self._call_in_loop(self._ended.set)

    def _read_all(self) -> None:
        chunks, convert = self._chunks, self._convert
        put_bytes = 0
        for chunk in self._iterator:
            if self._must_stop():
                return
            data = convert(chunk)
            chunks.append(data)
            put_bytes += len(data)
            if self._is_awaited:
                self._wake_up()
            # In the usual case, these two comparisons are all that a chunk costs.
            if put_bytes - self._got_bytes >= _READ_AHEAD_BYTES or len(chunks) >= _READ_AHEAD:
                self._wait_for_room(put_bytes)
                if self._must_stop():
                    return

    def _must_stop(self) -> bool:
        return self._is_closing

    def _wait_for_room(self, put_bytes: int) -> None:
        def is_full() -> bool:
            is_far_ahead = put_bytes - self._got_bytes >= _READ_AHEAD_BYTES
            return (is_far_ahead or len(self._chunks) >= _READ_AHEAD) and not self._is_closing

        while is_full():
            self._has_room.clear()
            if is_full():
                self._has_room.wait()

    def _wake_up(self) -> None:
        self._is_awaited = False
        self._call_in_loop(self._wake)

    def _call_in_loop(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(callback)

    def _wake(self) -> None:
        if not self._waiter.done():
            self._waiter.set_result(None)
