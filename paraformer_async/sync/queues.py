"""Bounded queues between threads and the event loop, one for each direction."""

import asyncio
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

__all__ = ["END", "Inlet", "Outlet"]

END: Final = object()
"""What `Outlet.get` returns at the end."""


class Inlet:
    """
    A queue from threads into the loop: first come, first served, also while it is full.

    The loop never waits for a lock that a thread may hold: a signal handler, which runs in the
    middle of what its thread does, may itself wait for the loop. What it puts while its thread
    waits in line does not wait, too.

    Args:
        loop: The event loop.
        limit: Size of what is in the queue beyond which `put` waits.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self._loop = loop
        self._limit = limit
        self._items: deque[tuple[Any, int]] = deque()
        self._adding = threading.RLock()
        self._added = 0  # size of all that was added
        self._removed = 0  # of it; only the loop changes this
        self._line: deque[threading.Lock] = deque()
        self._waiting: set[int] = set()  # the threads in line
        self._waiter: asyncio.Future[None] | None = None
        self._woken: asyncio.Future[None] | None = None
        self._is_closed = False

    def put(self, item: object, size: int = 0, *, wait: bool = True) -> bool:
        """
        Add *item*; return `False` if the queue is closed.

        Waits while the queue is full, unless *wait* is not set.
        """
        entry = item, size
        here = threading.get_ident()
        if wait and (self._line or self._is_full) and here not in self._waiting:
            with self._turn(here):
                self._add(entry)
        else:
            self._add(entry)
        if self._is_closed and self._withdraw(entry):
            return False
        if (waiter := self._waiter) is not self._woken and waiter is not None:
            _wake(self._loop, waiter)
            self._woken = waiter
        return True

    @property
    def _is_full(self) -> bool:
        return self._added - self._removed >= self._limit

    def _add(self, entry: tuple[Any, int]) -> None:
        with self._adding:
            self._items.append(entry)
            self._added += entry[1]

    @contextmanager
    def _turn(self, thread: int) -> Generator[None, None, None]:
        """Wait in line until there is room, or the queue is closed."""
        turn = threading.Lock()  # what waits for it can be woken without a lock
        turn.acquire()
        self._waiting.add(thread)
        self._line.append(turn)
        try:
            while not self._is_closed and (self._line[0] is not turn or self._is_full):
                turn.acquire()
            yield
        finally:
            self._line.remove(turn)
            self._waiting.remove(thread)
            self._call_next()

    def _call_next(self) -> None:
        with suppress(IndexError, RuntimeError):  # there is none; it was called
            self._line[0].release()

    def _withdraw(self, entry: tuple[Any, int]) -> bool:
        """Remove what was added after the end; return whether `close` has not returned it."""
        with suppress(ValueError):
            self._items.remove(entry)
            return True
        return False

    async def get(self) -> Any:
        """Remove and return the oldest item; in the loop. Cancellation takes nothing."""
        while not self._items:
            self._waiter = waiter = self._loop.create_future()
            if not self._items:  # of a thread that has not seen the waiter
                await waiter
        item, size = self._items.popleft()
        self._removed += size
        if self._line:
            self._call_next()
        return item

    def close(self) -> list[Any]:
        """Accept nothing more; return what nobody has taken."""
        self._is_closed = True
        rest = []
        with suppress(IndexError):
            while True:
                rest.append(self._items.popleft()[0])
        self._call_next()
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
