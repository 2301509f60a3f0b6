"""What all recognitions of a recognizer share: connections, quota, timer, tasks, event loop."""

import asyncio
import time
from typing import TYPE_CHECKING

import anyio

from paraformer_async._client.quota import SubmissionRate
from paraformer_async._client.recognition import Recognition
from paraformer_async._client.run import Session
from paraformer_async._client.supervisor import Supervisor
from paraformer_async._client.timer import Watch
from paraformer_async._net.old_dialer import Dialer
from paraformer_async._net.pool import Pool
from paraformer_async.audio.source import Chunks
from paraformer_async.errors import UsageError
from paraformer_async.middleware import Stack
from paraformer_async.options.options import Options
from paraformer_async.options.policies import PoolLimits

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import BaseConnector

__all__ = ["Client"]


class Client:
    """
    Runs recognitions, from `start` to `aclose`, in the event loop in which it is made.

    Args:
        limits: Of the pool, and of the submission of tasks.
        connector: Makes aiohttp's connector; `None` for the usual one.

    Attributes:
        pool: The connections.
    """

    def __init__(
        self, limits: PoolLimits, connector: "Callable[[], BaseConnector] | None" = None
    ) -> None:
        clock = time.monotonic
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(connector)
        self._rate = SubmissionRate(limits.tasks_per_second, clock)
        self._watch = Watch(clock)
        self._supervisor = Supervisor(self._clean_up)
        self._is_open = False
        self.pool = Pool(self._dialer.dial, limits, clock)

    async def start(self) -> None:
        """Begin."""
        await self._supervisor.start()
        self._supervisor.start_soon(self.pool.run)
        self._supervisor.start_soon(self._watch.run)
        self._is_open = True

    async def aclose(self) -> None:
        """End all recognitions, and close all connections; bounded by `Timeouts.close`."""
        self._is_open = False
        await self._supervisor.aclose()

    def session(
        self, options: Options, stack: Stack, source: Chunks | None, *, frame_ms: int
    ) -> Session:
        """Make a recognition whose audio is sent in frames of *frame_ms*."""
        self.require_open()
        return Session(
            options,
            Recognition(options, stack, frame_ms=frame_ms),
            pool=self.pool,
            rate=self._rate,
            watch=self._watch,
            source=source,
            clock=time.monotonic,
        )

    def spawn(self, session: Session) -> None:
        """Let a recognition run."""
        self.require_open()
        self._supervisor.start_soon(session.run)

    def require_open(self) -> None:
        """Refuse use after the end, or in another loop. Raises `UsageError`."""
        if not self._is_open:
            raise not_open()
        self.require_loop()

    def require_loop(self) -> None:
        """Refuse use in another loop, where it does damage. Raises `UsageError`."""
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if not is_here:
            raise UsageError(
                "the recognizer belongs to another event loop",
                hint="make one in each loop; asyncio.run_coroutine_threadsafe calls into a loop",
            )

    async def _clean_up(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.pool.aclose()
            finally:
                await self._dialer.aclose()


def not_open() -> UsageError:
    """Give the error for a recognizer that is not open."""
    hint = "async with AsyncRecognizer() as recognizer: …"
    return UsageError("the recognizer is not open", hint=hint)
