"""
The callbacks of each recognition, one after another, in threads that all recognitions share.

One thread is enough while callbacks return soon. Others are started while callbacks wait in one,
for a database or a language model, and the callbacks of other recognitions are due.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

from paraformer_async._client.portal import PORTAL

__all__ = ["THREADS", "Callbacks", "Threads"]

_PATIENCE = 0.02  # seconds that callbacks may be due before another thread is started


class Threads:
    """Calls functions in as few threads as lets none of them wait for another. Safe to fork."""

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._queue: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._put = self._taken = 0  # how many functions, from the beginning
        self._is_watching = False

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is one of them."""
        return threading.current_thread() in self._threads

    def start(self) -> None:
        """Start a thread, unless there is one. Raises `RuntimeError` if there are too many."""
        with self._lock:
            if not self._threads:
                self._add()

    def put(self, function: Callable[[], object]) -> None:
        """Call *function* soon; in the thread of an event loop, after `start`."""
        self._put += 1
        self._queue.put(function)
        if not self._is_watching:
            self._is_watching = True
            self._watch_later()

    def _watch_later(self) -> None:
        asyncio.get_running_loop().call_later(_PATIENCE, self._watch, self._put)

    def _watch(self, due: int) -> None:
        """Start threads if not all of the first *due* functions have been taken by now."""
        with self._lock:
            late = due - self._taken
            self._is_watching = self._taken < self._put
            try:
                for _ in range(min(late, len(self._threads))):  # twice as many, at most
                    self._add()
            except RuntimeError:
                pass  # there are too many: those that are there go on
        if self._is_watching:
            self._watch_later()

    def _add(self) -> None:
        thread = threading.Thread(target=self._run, name="paraformer_async callbacks", daemon=True)
        thread.start()
        self._threads.add(thread)

    def _run(self) -> None:
        while True:
            function = self._queue.get()
            with self._lock:
                self._taken += 1
            function()


class Callbacks:
    """Those of one recognition, each called when the one before it has returned."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_due = False
        self._thread: threading.Thread | None = None

    def post(self, call: Callable[[], object]) -> None:
        """Call *call* after all that was posted before; in the thread of an event loop."""
        with self._lock:
            self._calls.put(call)
            is_due, self._is_due = self._is_due, True
        if not is_due:
            THREADS.put(self._serve)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Call what is posted only after the context, unless it waits for that; after `start`."""
        with self._lock:
            is_first = not self._is_due  # otherwise this is a callback
            if is_first:
                self._is_due, self._thread = True, threading.current_thread()
        try:
            yield
        finally:
            if is_first:
                with self._lock:
                    self._thread = None
                PORTAL.loop.call_soon_threadsafe(THREADS.put, self._serve)

    def wait(self, event: threading.Event) -> None:
        """Wait for an event that a callback sets; called in a callback, run those that follow."""
        if threading.current_thread() is not self._thread:
            event.wait()
        while not event.is_set():
            _report_failure(self._calls.get())

    def _serve(self) -> None:
        """Call all that was posted."""
        self._thread = threading.current_thread()
        while (call := self._next()) is not None:
            _report_failure(call)

    def _next(self) -> Callable[[], object] | None:
        with self._lock:
            try:
                return self._calls.get_nowait()
            except Empty:
                self._is_due, self._thread = False, None
                return None


def _report_failure(call: Callable[[], object]) -> None:
    """Call *call*; report what it raises as an exception that ends a thread is reported."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - the user's callback may raise anything
        facts: Any = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(facts))


THREADS = Threads()
"""Those of this process."""
