"""Iterators that own what they iterate over: a loop that is left early ends it."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, Protocol, Self, TypeVar

from paraformer_async._client.entering import other_loop
from paraformer_async.errors import UsageError

__all__ = ["Endable", "OwningIterator"]

_T = TypeVar("_T")


class Endable(Protocol):
    """What runs in the background until it ends by itself, or is ended."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing further will come of it."""
        ...

    def end(self, reason: BaseException) -> None:
        """End it with *reason* as its failure, unless it has ended."""
        ...


class OwningIterator(Generic[_T]):
    """
    An iterator over what runs in the background.

    A loop that is left early drops its iterator, which ends what it owns. The traceback of an
    exception keeps the iterator if a variable refers to it, as that of a comprehension does. So it
    also ends what it owns when the task in which it was made is canceled or fails. A single
    `anext` may be canceled, and made in any task.

    Args:
        take_next: Awaited for each element, with the iterator, which it keeps alive meanwhile.
        owned: What ends with the loop; `None` if an `async with` holds it.
        what: What is iterated over, for the reason.
    """

    def __init__(
        self, take_next: Callable[[object], Awaitable[_T]], owned: Endable | None, what: str
    ) -> None:
        self._take_next = take_next
        self._owned = owned
        self._what = what
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        # No strong references between the two: a task may live long, and its failure may keep this.
        self._task = task and weakref.ref(task)
        self._task_done = partial(_end_with_task, weakref.WeakMethod(self.end))
        if task and owned:
            task.add_done_callback(self._task_done)

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[_T]:
        if asyncio.get_running_loop() is not self._loop:
            raise other_loop(self._what)
        return self._take_next(self)

    def end(self) -> None:
        """End what it owns, as the task that iterated was canceled or has failed."""
        if self._owned:
            self._owned.end(
                UsageError(
                    f"the task that iterated over the {self._what} was canceled or has failed",
                    hint=f"to iterate over a {self._what} in several tasks, use `async with`",
                )
            )

    def __del__(self) -> None:
        # May run in any thread, and after the event loop has ended.
        if task := self._task and self._task():
            task.remove_done_callback(self._task_done)
        owned = self._owned
        if owned and not owned.is_ended and not self._loop.is_closed():
            reason = UsageError(f"the loop over the {self._what} was left")
            self._loop.call_soon_threadsafe(owned.end, reason)


def _end_with_task(
    end: "weakref.WeakMethod[Callable[[], None]]", task: "asyncio.Task[object]"
) -> None:
    """Call *end*, unless *task* has returned; it may have passed the iterator on."""
    # `exception()` would mark a failure as seen, which nobody may have.
    if (call := end()) and (task.cancelled() or task.get_stack(limit=1)):
        call()
