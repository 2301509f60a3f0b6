"""
Owns the tasks of a recognizer.

A task group must be exited in the task that entered it, and wraps exceptions. But recognizers are
opened in fixtures, lifespans of frameworks and async generators, which enter and exit in different
tasks, or are closed by the garbage collector. So the task group is in a task of its own, the only
one that is created outside of a group; the supervisor keeps a reference to it and awaits its end.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio

from paraformer_async._client.failing import undo_cancel

__all__ = ["Supervisor"]

# Seconds that tasks may take to end beyond closing a connection: to close a source takes up to 2 s.
_PATIENCE = 5.0
_log = logging.getLogger("paraformer_async")


class Supervisor:
    """
    Runs tasks from `start` to `aclose`.

    Args:
        cleanup: Awaited when all tasks have ended, for whatever reason.

    Attributes:
        close_timeout: Longest time that closing a connection may take, in seconds.
    """

    def __init__(self, cleanup: Callable[[], Awaitable[None]]) -> None:
        self._cleanup = cleanup
        self.close_timeout: float = 0.0
        self._is_clean = False
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._tasks = anyio.create_task_group()
        self._host = asyncio.create_task(self._run(), name="paraformer_async supervisor")

    async def start(self) -> None:
        """Wait until tasks can be started. Cancellation is safe: nothing is left running."""
        try:
            await self._ready.wait()
        except BaseException:
            self._host.cancel()
            raise

    def start_soon(
        self, work: Callable[[], Coroutine[Any, Any, None]], *, restart: bool = False
    ) -> None:
        """
        Run *work* in the background. It must not raise.

        Hooks of the user run in these tasks, and may cancel the current one. That ends only *work*,
        or runs it again if *restart* is set; the task group would end with it.
        """
        self._tasks.start_soon(self._contain, work, restart)

    async def aclose(self) -> None:
        """
        Cancel all tasks, and wait until they have ended and the cleanup is done.

        Cancellation of the caller does not interrupt that. Code of the user that goes on in spite
        of its cancellation is left alone 5 s after the time that closing a connection may take.
        """
        self._tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(self.close_timeout + _PATIENCE):
                await self._ended.wait()
            if self._ended.is_set():
                await asyncio.wait([self._host])
                self._host.result()
            else:
                _log.warning("a source or a hook goes on after it was canceled, and is left alone")
                await self._clean_up()

    async def _contain(self, work: Callable[[], Coroutine[Any, Any, None]], restart: bool) -> None:
        is_running = True
        while is_running:
            await self._until_canceled(work())
            await self._until_canceled(asyncio.sleep(0))  # by the last step of the work
            is_running = restart

    async def _until_canceled(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError as error:
            if self._tasks.cancel_scope.cancel_called:
                raise
            undo_cancel(error)

    async def _run(self) -> None:
        try:
            async with self._tasks:
                self._ready.set()
                await anyio.sleep_forever()
        finally:
            self._ended.set()
            await self._clean_up()

    async def _clean_up(self) -> None:
        if not self._is_clean:
            self._is_clean = True
            await self._cleanup()
