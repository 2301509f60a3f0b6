"""
Waking a task that waits.

Every frame and every result wakes a task on its way; `anyio.Event`, which is made anew for each
wait, costs several times what a future of the loop does.
"""

import asyncio

__all__ = ["Signal"]


class Signal:
    """
    Wakes all tasks that wait at that moment.

    It remembers nothing: a task looks whether it has to wait, and waits without a pause between.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def wait(self) -> "asyncio.Future[None]":
        """Give what is to be awaited until `notify` is called. Cancellation is safe."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        while self._waiters and self._waiters[-1].done():  # who was canceled, again and again
            self._waiters.pop()
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def notify(self) -> None:
        """Wake all tasks that wait now."""
        if self._waiters:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()
