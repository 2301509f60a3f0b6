"""The state that all recognitions of a recognizer share: connections, quota, timer, tasks."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from typing import Any
from weakref import WeakValueDictionary

import anyio

from paraformer_async._client.entering import require_loop
from paraformer_async._client.inbox import Inbox
from paraformer_async._client.quota import ProcessQuota, QuotaOfRecognizer, QuotaPlace
from paraformer_async._client.run import Run
from paraformer_async._client.seats import Seats
from paraformer_async._client.slowdown import Slowdown
from paraformer_async._client.summary import Summary
from paraformer_async._client.supervisor import Supervisor
from paraformer_async._client.timer import Timer
from paraformer_async._core.recognition import Recognition
from paraformer_async._core.task_log import TaskLog
from paraformer_async._net.contract import TransportFactory
from paraformer_async._net.dialer import Dialer
from paraformer_async._net.identity import account_of
from paraformer_async._net.pool import Pool
from paraformer_async.audio.decoded import Decoding
from paraformer_async.audio.source import Chunks
from paraformer_async.errors import UsageError
from paraformer_async.middleware import LatencyMeter, Stack
from paraformer_async.observing import Statistics
from paraformer_async.options.endpoint import shown_address
from paraformer_async.options.models import tasks_per_second
from paraformer_async.options.options import Options
from paraformer_async.options.policies import PoolLimits
from paraformer_async.quota import Quota

__all__ = ["Hub"]


class Hub:
    """
    Runs recognitions, from `start` to `aclose`, in the event loop in which it is created.

    Args:
        limits: Limits of the pool and of the submission of tasks.
        make_factory: Returns the factory of the transports.
        quota: Grants the submission of tasks; `None` to count those of this process.

    Attributes:
        pool: The connection pool.
    """

    def __init__(
        self,
        limits: PoolLimits,
        make_factory: Callable[[], TransportFactory],
        quota: Quota | None = None,
    ) -> None:
        clock = time.monotonic
        self._loop = asyncio.get_running_loop()
        self._dialer = Dialer(make_factory)
        self._quota = QuotaOfRecognizer(limits, quota or ProcessQuota(clock))
        self._tasks_per_second = limits.tasks_per_second
        self._slowdowns: WeakValueDictionary[Hashable, Slowdown] = WeakValueDictionary()
        self._timer = Timer(clock)
        self._supervisor = Supervisor(self._clean_up)
        self._kinds: set[str] = set()  # of events, that were logged as unknown
        self._summary = Summary()
        self._is_open = False
        self.pool: Pool = Pool(self._dialer.dial, limits, clock)

    async def start(self) -> None:
        """Start the tasks of the pool and the timer. Cancellation leaves nothing running."""
        await self._supervisor.start()
        self._supervisor.start_soon(self.pool.run, restart=True)
        self._supervisor.start_soon(self._timer.run, restart=True)
        self._is_open = True

    @property
    def submitted(self) -> int:
        """Tasks submitted so far: `statistics` would also sort the latest latencies."""
        return self._quota.made

    def statistics(self) -> Statistics:
        """Return the current numbers."""
        counts = self.pool.counts
        return Statistics(
            recognitions=self._timer.watched,
            active=counts.active,
            idle=counts.idle,
            waiting=counts.waiting,
            waiting_for_quota=self._quota.waiting
            + sum(one.waiting for one in self._slowdowns.values()),
            tasks=self.submitted,
            ended=self._summary.ended,
            failed=self._summary.failed,
            latency=self._summary.latency(),
        )

    async def aclose(self) -> None:
        """End all recognitions and close all connections, within `Timeouts.close`."""
        self._is_open = False
        await self._supervisor.aclose()

    def make_run(
        self,
        options: Options,
        stack: Stack,
        source: Chunks | None,
        *,
        meter: LatencyMeter,
        first_id: str | None = None,
        decoding: Decoding | None = None,
        make_inbox: Callable[[Callable[[bool], object]], Inbox] = Inbox,
        seats: Seats | None = None,
    ) -> Run:
        """Return a new recognition; the *meter* is part of the *stack*."""
        self.require_open()
        supervisor = self._supervisor
        supervisor.close_timeout = max(supervisor.close_timeout, options.timeouts.close)
        account = _account(options)
        return Run(
            Recognition(
                options,
                stack,
                frame_ms=options.frame_ms,
                can_rewind=source is not None and source.rewound is not None,
                log=TaskLog(self._kinds, is_remarked=source is not None and source.is_remarked),
            ),
            options,
            pool=self.pool,
            place=QuotaPlace(self._quota, account, shown_address(options.url)),
            slowdown=self._slowdown(account, options),
            timer=self._timer,
            source=source,
            decoding=decoding,
            clock=time.monotonic,
            meter=meter,
            summary=self._summary,
            first_id=first_id,
            make_inbox=make_inbox,
            seats=seats,
        )

    def _slowdown(self, account: int, options: Options) -> Slowdown:
        """Return where all recognitions of one account and model wait while it is throttled."""
        shared = (account, options.workspace, options.model)
        slowdown = self._slowdowns.get(shared)
        if slowdown is None:
            rate = self._tasks_per_second or tasks_per_second(options.model)
            slowdown = self._slowdowns[shared] = Slowdown(rate, time.monotonic)
        return slowdown

    def spawn(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run in the background, until `aclose` at the latest. It must not raise."""
        self.require_open()
        self._supervisor.start_soon(run)

    def require_open(self) -> None:
        """Raise `UsageError` after `aclose`, or in another event loop."""
        if not self._is_open:
            raise not_open()
        self.require_loop()

    def require_loop(self) -> None:
        """Raise `UsageError` in another event loop, where a call would do damage."""
        require_loop(self._loop, "recognizer")

    async def _clean_up(self) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.pool.aclose()
            finally:
                await self._dialer.aclose()


def _account(options: Options) -> int:
    """Return a number for the key and the address, for which the service counts; shows neither."""
    return hash((options.url, account_of(options.api_key)))


def not_open() -> UsageError:
    """Return the error for a recognizer that is not open."""
    hint = "async with AsyncRecognizer() as recognizer: …"
    return UsageError("the recognizer is not open", hint=hint)
