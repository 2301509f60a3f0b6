"""
Where the tasks of a recognizer live.

A task group must be left in the task that entered it, and wraps what is raised inside. But a
recognizer is held by fixtures, lifespans of frameworks and async generators, which enter and leave
it in different tasks, or are left by the garbage collector. So the group lives in a task of its
own, the only one that is made outside of a group; it is referred to, and waited for on leaving.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio

__all__ = ["Supervisor"]


class Supervisor:
    """
    Runs tasks, from `start` until it is closed.

    Args:
        cleanup: Called when all tasks have ended, whatever ended them.
    """

    def __init__(self, cleanup: Callable[[], Awaitable[None]]) -> None:
        self._cleanup = cleanup
        self._ready = asyncio.Event()
        self._tasks = anyio.create_task_group()
        self._host = asyncio.create_task(self._run(), name="paraformer_async supervisor")

    async def start(self) -> None:
        """Wait until tasks can be started. Cancellation is safe: nothing is left running."""
        try:
            await self._ready.wait()
        except BaseException:
            self._host.cancel()
            raise

    def start_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run *work*. It keeps its errors to itself."""
        self._tasks.start_soon(work)

    async def aclose(self) -> None:
        """
        Cancel all tasks, and wait until they have ended and the cleanup is done.

        When the waiting task is canceled meanwhile, that goes on without it.
        """
        self._tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([self._host])
        self._host.result()

    async def _run(self) -> None:
        try:
            async with self._tasks:
                self._ready.set()
                await anyio.sleep_forever()
        finally:
            await self._cleanup()
