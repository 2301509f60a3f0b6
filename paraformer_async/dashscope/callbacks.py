"""The thread in which callbacks run: one for the whole process."""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

__all__ = ["CALLBACKS", "Callbacks"]


class Callbacks:
    """Calls functions one after another, in a thread of its own. Safe to fork."""

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._queue: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is the one in which callbacks run."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Start the thread, unless it runs. Raises `RuntimeError` if there are too many threads."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name="paraformer_async callbacks", daemon=True
                )
                thread.start()
                self._thread = thread

    def post(self, call: Callable[[], object]) -> None:
        """Call *call* after all that was posted before; in any thread, after `start`."""
        self._queue.put(call)

    def wait(self, event: threading.Event) -> None:
        """Wait for an event that a callback sets; called in a callback, run those that follow."""
        if not self.is_here:
            event.wait()
        while not event.is_set():
            _report_failure(self._queue.get())

    def _run(self) -> None:
        while True:
            _report_failure(self._queue.get())


def _report_failure(call: Callable[[], object]) -> None:
    """Call *call*; report what it raises as an exception that ends a thread is reported."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - the user's callback may raise anything
        facts: Any = (type(error), error, error.__traceback__, threading.current_thread())
        threading.excepthook(threading.ExceptHookArgs(facts))


CALLBACKS = Callbacks()
"""Those of this process."""
