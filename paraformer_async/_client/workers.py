"""
Does the same work on each item of a source, on a bounded number of them at a time.

Memory is bounded for any number of items: an item is taken from the source only when there is a
worker for it, and while not too much of what is done has been left unread.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Generic, TypeVar

import anyio

from paraformer_async._client.failing import as_failure, is_ours, undo_cancel
from paraformer_async._client.inbox import Signal
from paraformer_async.errors import UsageError

__all__ = ["Workers"]

_Item = TypeVar("_Item")
_Done = TypeVar("_Done")
# Seconds that closing a source may take.
_CLOSE_TIMEOUT = 2.0


class Workers(Generic[_Item, _Done]):
    """
    Does *work* on each of *items*.

    Args:
        items: The items; a generator is closed at the end.
        work: Returns what has become of an item, or `None` if `next` is not to return anything for
            it. It must raise nothing but cancellation.
        count: Items that are worked on at once.
        ahead: Items that may be taken from the source before they are returned by `next`.
        ordered: Whether to return them in the order of the items, not as they are done.
        during: What is entered before the first item is taken, and left when all work has ended. If
            that raises, it is the failure.

    Attributes:
        failure: Why it ended before the source did; `None` if it did not.
    """

    def __init__(
        self,
        items: AsyncIterator[_Item],
        work: Callable[[_Item], Awaitable[_Done | None]],
        *,
        count: int,
        ahead: int,
        ordered: bool,
        during: AbstractAsyncContextManager[object] | None = None,
    ) -> None:
        self._items = items
        self._work = work
        self._count = count
        self._ahead = ahead
        self._ordered = ordered
        self._during = during or nullcontext()
        self.failure: BaseException | None = None
        self._ready: deque[_Done] = deque()
        self._early: dict[
            int, _Done | None
        ] = {}  # by the place of the item; one before it is not done
        self._taken = self._delivered = self._returned = 0
        self._takes_more = True
        self._is_ended = self._is_over = False
        self._turn = anyio.Lock()
        self._taking = anyio.CancelScope()
        self._tasks = anyio.create_task_group()
        self._changed, self._has_room, self._over = Signal(), Signal(), Signal()

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will be done; what is unread can still be read."""
        return self._is_ended

    async def run(self) -> None:
        """Work until the source ends. Raise nothing but cancellation; `failure` is set instead."""
        try:
            try:
                async with self._during:
                    await self._serve_all()
            except Exception as error:  # noqa: BLE001 - raised by `next`
                self.stop(error)
            self._is_ended = True
        finally:
            self.end(UsageError("the recognizer was closed while this batch was running"))
            self._changed.notify()
            self._is_over = True
            self._over.notify()

    async def next(self) -> _Done:
        """
        Return what is done next. Cancellation is safe: nothing is lost.

        Raises:
            StopAsyncIteration: All has been returned.
            BaseException: The failure, once all that was done has been returned.
        """
        while not self._ready:
            if self._is_ended:
                if self.failure is not None:
                    raise self.failure
                raise StopAsyncIteration
            await self._changed.wait()
        self._returned += 1
        self._has_room.notify()
        return self._ready.popleft()

    def stop(self, reason: BaseException) -> None:
        """Take no further items, and end with *reason* when those that were taken are done."""
        if self.failure is None:
            self.failure = reason
        self._takes_more = False
        self._taking.cancel()
        self._has_room.notify()

    def end(self, reason: BaseException) -> None:
        """End now, with *reason* as the failure unless there is one."""
        if not self._is_ended:
            self.stop(reason)
            self._is_ended = True
            for place in sorted(self._early):
                self._make_ready(self._early[place])
            self._tasks.cancel_scope.cancel()
            self._changed.notify()

    async def wait(self) -> None:
        """Wait until all tasks have ended. It must have been started."""
        while not self._is_over:
            await self._over.wait()

    async def _serve_all(self) -> None:
        try:
            async with self._tasks as tasks:
                for _ in range(self._count):
                    tasks.start_soon(self._serve)
        finally:
            await self._close_items()

    async def _serve(self) -> None:
        """Work on one item after another."""
        try:
            while (taken := await self._take()) is not None:
                place, item = taken
                self._deliver(place, await self._work(item))
        except BaseException as error:
            if is_ours(error):
                raise
            undo_cancel(error)  # a hook has canceled the task in which it was called
            self.stop(as_failure(error, "a hook"))

    async def _take(self) -> tuple[int, _Item] | None:
        """Take the next item, with its place; `None` if there is no further one."""
        async with self._turn:
            while self._takes_more and self._taken - self._returned >= self._ahead:
                await self._has_room.wait()
            with anyio.CancelScope() as self._taking:
                try:
                    if self._takes_more:
                        item = await anext(self._items)
                        self._taken += 1
                        return self._taken - 1, item
                except StopAsyncIteration:
                    self._takes_more = False
                except BaseException as error:
                    if is_ours(error):
                        raise
                    undo_cancel(error)
                    self.stop(as_failure(error, "the source of the paths"))
        return None

    def _deliver(self, place: int, done: _Done | None) -> None:
        if not self._ordered or self._is_ended:
            self._make_ready(done)
        else:
            self._early[place] = done
            while self._delivered in self._early:
                self._make_ready(self._early.pop(self._delivered))
                self._delivered += 1

    def _make_ready(self, done: _Done | None) -> None:
        if done is not None:
            self._ready.append(done)
            self._changed.notify()
        else:
            self._returned += 1
            self._has_room.notify()

    async def _close_items(self) -> None:
        if isinstance(self._items, AsyncGenerator):
            with anyio.move_on_after(_CLOSE_TIMEOUT, shield=True):
                try:
                    await self._items.aclose()
                except BaseException as error:
                    if is_ours(error):
                        raise
                    self.stop(as_failure(error, "the source of the paths"))
