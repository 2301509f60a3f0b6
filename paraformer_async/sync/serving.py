"""What runs in the event loop, and returns one thing after another to threads."""

import asyncio
import os
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, Self, TypeVar

from paraformer_async._client.portal import PORTAL, require_threads
from paraformer_async.errors import InvalidOptionError, UsageError
from paraformer_async.options.checks import require_number, shown
from paraformer_async.sync.queues import END, Outlet

__all__ = ["Served"]

T = TypeVar("T")

# What waits on its way out of the loop; what runs there has buffers of its own.
_LIMIT = 16
# Seconds that closing may take beyond what is running allows for.
_CLOSING = 10.0


class Served(ABC, Generic[T]):
    """
    An iterator and a context manager, in any thread, over what a coroutine passes on in the loop.

    Args:
        name: What it is, in errors.
        maker: The call that makes another one, in errors.
        owner: The recognizer, which ends what runs when nothing refers to it: it may be a temporary
            one, as in `Recognizer().stream(audio)`.
    """

    def __init__(self, name: str, maker: str, owner: object) -> None:
        self._owner = owner
        self._name = name
        self._maker = maker
        self._process = os.getpid()
        self._outlet = Outlet(PORTAL.loop, _LIMIT)
        self._ended: Future[None] = Future()
        self._task: asyncio.Task[Any] | None = None
        self._is_begun = self._is_entered = self._is_closing = False
        self._failure: BaseException | None = None
        self._is_seen = False

    @property
    def is_inherited(self) -> bool:
        """Whether it belongs to the process that has forked this one."""
        return self._process != os.getpid()

    def __enter__(self) -> Self:
        """Begin. Raises `UsageError` if it has begun before."""
        if self._is_begun:
            raise UsageError(
                f"this {self._name} has been entered before",
                hint=f"each needs a new {self._maker}",
            )
        self._begin()
        self._is_entered = True
        return self

    def __exit__(self, *exception: object) -> None:
        """End it; raise its failure if that has not been raised yet."""
        failure = self._failure or self._unread_failure
        self.close()
        if failure is not None and not self._is_seen and exception[0] is None:
            raise failure

    def __iter__(self) -> Iterator[T]:
        """Return an iterator; without `with`, leaving its loop ends what is running."""
        if self._is_entered:
            return self
        self._begin()
        return self._owned()

    def __next__(self) -> T:
        """Return what `receive` returns, until it returns `None`."""
        received = self.receive()
        if received is None:
            raise StopIteration
        return received

    def receive(self, timeout: float | None = None) -> T | None:
        """
        Return the next one; `None` when all have been returned.

        Args:
            timeout: Seconds to wait, 0 to wait for nothing; `None` for as long as it takes.

        Raises:
            InvalidOptionError: *timeout* is no such number.
            TimeoutError: There was none in time; what is running goes on.
            UsageError: It has not begun.
            ParaformerError: What was running has failed.
        """
        self._require_begun()
        if timeout is not None:
            timeout = _checked(timeout)
        received: Any = self._outlet.get(timeout)
        if received is not END:
            return received  # type: ignore[no-any-return]
        if self._failure is not None:
            self._is_seen = True
            raise self._failure
        return None

    def close(self) -> None:
        """End it now, and wait, in bounded time, until it has ended."""
        if not self._is_begun or self.is_inherited or sys.is_finalizing():
            return
        self._cancel()
        if not PORTAL.is_here:  # where the garbage collector may run
            with suppress(TimeoutError):
                self._ended.result(_CLOSING)

    @property
    def _unread_failure(self) -> BaseException | None:
        """The failure, if it waits behind what was not read."""
        return None

    @abstractmethod
    async def _run(self) -> None:
        """Do the work, and put what comes into the outlet; in the loop."""

    def _conclude(self) -> None:
        """Note that the work has ended; in the loop."""
        self._outlet.end()
        self._ended.set_result(None)

    async def _serve(self) -> None:
        try:
            self._task = asyncio.current_task()
            if self._is_closing:  # before the task had begun
                self._cancel_task()
            await self._run()
        except asyncio.CancelledError:
            self._failure = UsageError(f"the {self._name} was closed before it was done")
            raise
        except BaseException as error:  # noqa: BLE001 - raised in the threads of the user
            self._failure = error
        finally:
            self._conclude()

    def _begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            PORTAL.start(self._serve())

    def _owned(self) -> Generator[T, None, None]:
        try:
            yield from iter(self.receive, None)
        finally:
            self._cancel()

    def _cancel(self) -> None:
        if not self._ended.done() and not self.is_inherited:
            with suppress(RuntimeError):  # the loop is closed: the process is about to end
                PORTAL.loop.call_soon_threadsafe(self._cancel_task)

    def _cancel_task(self) -> None:
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()

    def _require_begun(self) -> None:
        if self.is_inherited:
            raise UsageError(
                f"this {self._name} belongs to the process that has forked this one",
                hint=f"call {self._maker} after the fork",
            )
        require_threads()
        if not self._is_begun:
            raise UsageError(
                f"the {self._name} is not open", hint=f"with recognizer.{self._maker} as …"
            )


def _checked(timeout: object) -> float:
    allowed = "a number of seconds from 0 on; None waits for as long as it takes"
    if (seconds := require_number("timeout", timeout, allowed)) < 0:
        raise InvalidOptionError("timeout", f"{shown(timeout)} is not {allowed}")
    return min(seconds, threading.TIMEOUT_MAX)
