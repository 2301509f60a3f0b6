"""Bounded queues between threads and the event loop, one for each direction."""

import asyncio
import threading
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

__all__ = ["END", "Inlet", "Outlet"]

END: Final = object()
"""What `Outlet.get` returns at the end."""


class Inlet:
    """
    A queue from threads into the loop: first come, first served, also while it is full.

    Args:
        loop: The event loop.
        limit: Size of what is in the queue beyond which `put` waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._items: deque[tuple[Any, int]] = deque()
        self._size = 0
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._waiter: asyncio.Future[None] | None = None
        self._is_closed = False

    def put(self, item: object, size: int = 0, *, wait: bool = True) -> bool:
        """
        Add *item*; return `False` if the queue is closed.

        Waits while the queue is full, unless *wait* is not set.
        """
        with self._changed:
            if wait and (self._line or self._size >= self._limit):
                self._wait_in_line()
            if self._is_closed:
                return False
            self._items.append((item, size))
            self._size += size
            if self._waiter is not None:
                _wake(self._loop, self._waiter)
                self._waiter = None
        return True

    def _wait_in_line(self) -> None:
        me = object()
        self._line.append(me)
        try:
            self._changed.wait_for(
                lambda: self._is_closed or (self._line[0] is me and self._size < self._limit)
            )
        finally:
            self._line.remove(me)
            self._changed.notify_all()

    async def get(self) -> Any:
        """Remove and return the oldest item; in the loop. Cancellation takes nothing."""
        while True:
            with self._changed:
                if self._items:
                    item, size = self._items.popleft()
                    self._size -= size
                    if self._line:
                        self._changed.notify_all()
                    return item
                self._waiter = self._loop.create_future()
                waiter = self._waiter
            await waiter

    def close(self) -> list[Any]:
        """Accept nothing more; return what nobody has taken."""
        with self._changed:
            self._is_closed = True
            rest = [item for item, _ in self._items]
            self._items.clear()
            self._changed.notify_all()
        return rest


class Outlet:
    """
    A queue from the loop to threads.

    Args:
        loop: The event loop.
        limit: Number of items beyond which `put` waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._items: SimpleQueue[Any] = SimpleQueue()
        self._waiter: asyncio.Future[None] | None = None

    async def put(self, item: object) -> None:
        """Add *item*; wait while the queue is full."""
        while self._items.qsize() >= self._limit:
            self._waiter = self._loop.create_future()
            if self._items.qsize() >= self._limit:
                await self._waiter
            self._waiter = None
        self._items.put(item)

    def end(self) -> None:
        """Mark the end, behind all items."""
        self._items.put(END)

    def get(self, timeout: float | None = None) -> Any:
        """
        Remove and return the oldest item, or return `END`; in any thread.

        Raises:
            TimeoutError: There was none within *timeout* seconds.
        """
        try:
            item = self._items.get(timeout=timeout)
        except Empty:
            raise TimeoutError(f"there was no result within {timeout} s") from None
        if item is END:
            self._items.put(END)  # for the next call, and for other threads
        elif (waiter := self._waiter) is not None:
            self._waiter = None
            _wake(self._loop, waiter)
        return item


def _wake(loop: asyncio.AbstractEventLoop, waiter: "asyncio.Future[None]") -> None:
    with suppress(RuntimeError):  # the loop is closed: the process is about to end
        loop.call_soon_threadsafe(_set, waiter)


def _set(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
