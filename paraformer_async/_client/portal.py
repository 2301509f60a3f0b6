"""
The event loop of synchronous code: one for the whole process, in a thread of its own.

It starts with the first call; after a fork, with the first call in the child. It ends with the
process: an exit handler would be too late, since the interpreter first joins worker threads, and
those of the loop live as long as what runs in it. So the loop looks a few times a second whether
any thread that could use it is left.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from paraformer_async.errors import UsageError

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["PORTAL", "Portal", "require_threads"]

T = TypeVar("T")

_LOOK_AROUND = 0.25  # seconds between checks whether the process is about to end
_STOP_TIMEOUT = 1.0  # seconds for what still runs then
_CANCEL_TIMEOUT = 5.0  # seconds that an interrupted call waits for its end in the loop


class Portal:
    """Runs coroutines for threads without an event loop. Thread-safe, and safe to fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id = 0
        self._inherited: list[object] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """
        The loop, running.

        Raises:
            UsageError: The process is about to end.
            RuntimeError: No further thread can be started.
        """
        require_threads()
        with self._lock:
            if self._loop is None:
                self._loop = self._start()
            elif self._loop.is_closed():
                raise UsageError("the process is about to end")
            return self._loop

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is that of the loop."""
        return threading.get_ident() == self._thread_id

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run *work* in the loop, with the context variables of the caller; do not wait for it."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop)
        except BaseException:
            work.close()
            raise

    def run(self, work: Coroutine[Any, Any, T], meanwhile: Callable[[], None] = lambda: None) -> T:
        """
        Run *work* in the loop, and return its result.

        If *meanwhile* raises, or the wait is interrupted (KeyboardInterrupt), *work* is canceled;
        that propagates when it has ended, or after 5 s.

        Args:
            work: What to run.
            meanwhile: Called in this thread at once; must return at the latest when *work* ends.

        Raises:
            UsageError: Called in the thread of the loop, which would wait for itself.
        """
        if self.is_here:
            work.close()
            raise UsageError(
                "a blocking call was made in the thread of the event loop",
                hint="hooks of a recognition must not block: hand the work to another thread",
            )
        ended = threading.Event()
        try:
            future = self.start(_noting(work, ended))
        except BaseException:
            work.close()
            raise
        try:
            meanwhile()
            return future.result()
        except BaseException:
            if future.cancel():
                ended.wait(_CANCEL_TIMEOUT)
            raise

    def _start(self) -> asyncio.AbstractEventLoop:
        """Return a new loop, in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(
            target=self._run, args=(loop,), name="paraformer_async", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # there are too many threads: the next call tries again
            loop.close()
            raise
        return loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._thread_id = threading.get_ident()
        asyncio.set_event_loop(loop)
        loop.call_soon(self._look_around, loop)
        try:
            _run_until_stopped(loop)
            loop.run_until_complete(_end_all())
        finally:
            self._thread_id = 0  # another thread may have the same
            loop.close()

    def _look_around(self, loop: asyncio.AbstractEventLoop) -> None:
        if threading.main_thread().is_alive() or any(map(_may_call, threading.enumerate())):
            loop.call_later(_LOOK_AROUND, self._look_around, loop)
        else:
            loop.stop()

    def _forget(self) -> None:
        """Leave the loop of the parent alone; its selector and its sockets are shared with it."""
        self._lock = threading.Lock()
        self._inherited.append(self._loop)  # deleting it would close what the parent uses
        self._loop = None
        self._thread_id = 0


def _run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    """
    Run *loop*, whatever the user's code in it raises.

    A loop returns what is to end the program. It could not do that from this thread, and the loop
    is that of all recognitions; so it is reported like an exception that ends a thread.
    """
    is_stopped = False
    while not is_stopped:
        try:
            loop.run_forever()
            is_stopped = True
        except (SystemExit, KeyboardInterrupt) as error:
            facts: Any = (type(error), error, error.__traceback__, threading.current_thread())
            threading.excepthook(threading.ExceptHookArgs(facts))


def _may_call(thread: threading.Thread) -> bool:
    """Whether a thread keeps the process alive, and is not a worker of a loop."""
    return not thread.daemon and not type(thread).__module__.startswith("anyio.")


def require_threads() -> None:
    """
    Raise `UsageError` if no other thread runs any more, so that what waits for one waits for ever.

    That is when the interpreter is being finalized: then `__del__` is called, and generators are
    closed.
    """
    if sys.is_finalizing():
        raise UsageError("the process is about to end")


async def _noting(work: Coroutine[Any, Any, T], ended: threading.Event) -> T:
    try:
        return await work
    finally:
        ended.set()


async def _end_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_STOP_TIMEOUT)
    await asyncio.get_running_loop().shutdown_asyncgens()


PORTAL = Portal()
"""The one of this process."""
