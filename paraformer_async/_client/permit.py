"""
What a task needs before it may be submitted.

A turn while the service throttles, a place in the pool for its connection, and one in the quota.
All these waits come before the connection: the service would close one that is idle meanwhile.
"""

from collections.abc import Callable

from paraformer_async._client.quota import QuotaPlace
from paraformer_async._client.reporter import Reporter
from paraformer_async._client.seats import Seats
from paraformer_async._client.slowdown import Slowdown, Turn
from paraformer_async.errors import ServiceError
from paraformer_async.observing import PoolWaited, QuotaWaited

__all__ = ["Permit"]


class Permit:
    """
    The permit of one recognition for its next task.

    Args:
        seats: Its place in the pool, and those of the recognitions that run with it.
        place: What it has of the quota; it is counted for the account of the options.
        slowdown: Where attempts wait while the service throttles.
        patience: Longest time in seconds that they wait there until a task starts.
        reporter: Reports the waits.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        seats: Seats,
        place: QuotaPlace,
        slowdown: Slowdown,
        patience: float,
        *,
        reporter: Reporter,
        clock: Callable[[], float],
    ) -> None:
        self._seats: Seats | None = seats  # until the recognition has ended
        self._place = place
        self._slowdown = slowdown
        self._turn = Turn(patience)
        self._reporter = reporter
        self._clock = clock

    @property
    def is_held(self) -> bool:
        """Whether a task was admitted, and is neither submitted nor given up."""
        return self._place.is_held

    @property
    def is_valid(self) -> bool:
        """Whether a task was admitted, and may be submitted now: an admission expires."""
        return self._place.is_valid

    async def take(self, recognition: str, model: str) -> None:
        """
        Wait until a task of *model* may be submitted over a connection that is opened for it.

        Cancellation is safe: the task does not count.

        Raises:
            DeadlineError: The pool was full, or the quota exhausted, for `PoolLimits.wait`.
            Exception: The quota of the user has failed.
        """
        waited = 0.0 if self.is_held else await self._slowdown.wait(self._turn)
        began = self._clock()
        if self._seats is not None:
            await self._seats.take()
        self._reporter.emit(PoolWaited(recognition, self._clock() - began))
        if not self.is_held:
            await self._take_quota(recognition, model, waited)

    async def take_next(self, recognition: str, model: str) -> None:
        """Wait until the next task may be submitted over the same connection; raise like `take`."""
        await self._take_quota(recognition, model, await self._slowdown.wait(self._turn))

    async def renew(self, recognition: str, model: str) -> None:
        """Replace an admission that has expired; raise like `take`."""
        await self._take_quota(recognition, model, 0.0)

    def use(self) -> None:
        """Note that the task is submitted now."""
        self._place.use()

    def started(self) -> None:
        """Note that the task has started: the service did not throttle it."""
        self._turn.task_started()

    def throttled(self, error: ServiceError, now: float) -> bool:
        """Note that the service has throttled the task; return whether no other one may wait."""
        self._slowdown.lower(self._turn, error.retry_after)
        return self._turn.is_over(now)

    def give_back(self) -> None:
        """Give up the task; keep the place in the pool."""
        self._place.give_back()

    def leave(self) -> None:
        """Give back everything, after the last task. May be called twice."""
        seats, self._seats = self._seats, None
        if seats is not None:
            seats.leave()
        self._place.give_back()

    async def _take_quota(self, recognition: str, model: str, waited: float) -> None:
        """Wait for the quota after a wait in the slowdown, and again if that is outdated then."""
        began = self._clock() - waited
        await self._place.take(model)
        while self._slowdown.is_outdated(self._turn):
            self._place.give_back()
            await self._slowdown.wait(self._turn)
            await self._place.take(model)
        self._reporter.emit(QuotaWaited(recognition, self._clock() - began))
