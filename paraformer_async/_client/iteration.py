"""Iterators that own what they iterate over: a loop that is left early ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, Self, TypeVar

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

    A loop that is left early drops its iterator, which ends what it owns.

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

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[_T]:
        return self._take_next(self)

    def __del__(self) -> None:
        # May run in any thread, and after the event loop has ended.
        owned = self._owned
        if owned and not owned.is_ended and not self._loop.is_closed():
            reason = UsageError(f"the loop over the {self._what} was left")
            self._loop.call_soon_threadsafe(owned.end, reason)
