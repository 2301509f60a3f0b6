"""
One recognition at work: attempt after attempt, until it is done or not worth another.

    source ─pump→ outbox       of the recognition: each attempt goes on where the last one ended
    outbox → attempt → inbox   over a connection of the pool, with a task of its own

The pump is the only one that touches the user's source: a deadline on the user's `anext()` would
end an async generator and lose its audio, a deadline on our own outbox does not. A failure is
stored once, the first wins.
"""

import logging
import uuid
from collections.abc import Callable
from contextlib import aclosing
from math import inf

import anyio

from paraformer_async._client.attempt import Attempt
from paraformer_async._client.quota import SubmissionRate
from paraformer_async._client.recognition import Recognition
from paraformer_async._client.timer import Watch
from paraformer_async._core.retries import Retries, Setback
from paraformer_async._net.pool import Pool
from paraformer_async._net.signal import Signal
from paraformer_async.audio.source import Chunks, immutable
from paraformer_async.errors import (
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    ServiceError,
    UsageError,
)
from paraformer_async.options.options import Options
from paraformer_async.options.policies import Retry
from paraformer_async.transcript import join

__all__ = ["Session"]

_logger = logging.getLogger("paraformer_async.session")


class Session:
    """
    One recognition from its first byte to its last result.

    Args:
        options: The options of this recognition.
        recognition: Its state.
        pool: Lends connections.
        rate: Lets tasks be submitted.
        watch: Looks after deadlines.
        source: The user's audio; `None` when it is put into the outbox from outside.
        clock: Seconds, monotonic.

    Attributes:
        recognition: The state, with outbox and inbox.
        request_ids: Ids of the tasks so far, the present one last.
        has_source: Whether the audio comes from a source, not from outside.
        close_timeout: How long closing may take, in seconds.
        failure: Why the recognition ended before it was done; `None` as long as all is well.
    """

    def __init__(
        self,
        options: Options,
        recognition: Recognition,
        *,
        pool: Pool,
        rate: SubmissionRate,
        watch: Watch,
        source: Chunks | None,
        clock: Callable[[], float],
    ) -> None:
        self._options = options
        self._pool = pool
        self._rate = rate
        self._watch = watch
        self._source = source
        self._clock = clock
        self._tasks = anyio.create_task_group()
        self.recognition = recognition
        self.request_ids = [uuid.uuid4().hex]
        self.has_source = source is not None
        self.close_timeout = options.timeouts.close
        self.failure: Exception | None = None
        self._is_over = False
        self._over = Signal()

    async def run(self) -> None:
        """Recognize. Never raises but for cancellation: what went wrong is in `failure`."""
        try:
            async with self._tasks as tasks:
                if self._source is not None:
                    tasks.start_soon(self._pump, self._source)
                await self._recognize()
                if not self.recognition.outbox.is_ended:  # the service was done before the source
                    tasks.cancel_scope.cancel()
        finally:
            self.cancel(UsageError("the recognizer was closed while this recognition was running"))
            self.recognition.outbox.end()
            self.recognition.inbox.end()
            self._is_over = True
            self._over.notify()

    async def wait(self) -> None:
        """Wait until nothing of the session is left. It must run, or have run."""
        while not self._is_over:
            await self._over.wait()

    def cancel(self, reason: Exception) -> None:
        """End the recognition now, unless it is done. *reason* becomes its first failure."""
        if self.recognition.is_done:
            return
        if self.failure is None and isinstance(reason, ServiceError):
            self._describe(reason)
        self.failure = self.failure or reason
        self.recognition.outbox.end()
        self.recognition.inbox.end()
        self._tasks.cancel_scope.cancel()

    async def _pump(self, source: Chunks) -> None:
        outbox = self.recognition.outbox
        try:
            async with aclosing(source):
                async for given in source:
                    chunk = given if type(given) is bytes else immutable(given)
                    if not outbox.offer(chunk) and not await outbox.put(chunk):
                        break  # a source that never waits could not be canceled
            outbox.end()
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() > -inf:  # not by us
                self.cancel(UsageError("the audio source was canceled"))
            raise
        except Exception as error:  # noqa: BLE001 - the user's source may raise anything
            self.cancel(error)

    async def _recognize(self) -> None:
        retries = Retries(self._options.reconnect)
        is_first = True
        try:
            while (setback := await self._attempt(is_first=is_first)) is not None:
                if self.recognition.is_complete_despite(setback.failure):
                    self.recognition.is_done = True
                    break
                delay = retries.delay(setback)
                if delay is None or not self.recognition.is_resumable:
                    self._explain(setback.failure)
                    self.cancel(setback.failure)
                    return
                self._announce(setback.failure, retries.failures, delay)
                await anyio.sleep(delay)
                self.request_ids.append(uuid.uuid4().hex)
                is_first = False
            # Only now, so that who sees the end finds the connection free for the next recognition.
            self.recognition.inbox.end()
        except Exception as error:  # noqa: BLE001 - the user's middleware may raise anything
            self.cancel(error)

    async def _attempt(self, *, is_first: bool) -> Setback | None:
        """Try; give what came between, or `None` when all is done."""
        attempt: Attempt | None = None
        has_waited = False
        reach = self.recognition.reach
        try:
            await self._rate.wait()
            async with self._pool.lend(self._options) as connection:
                has_waited = connection.has_waited
                attempt = Attempt(
                    self.recognition,
                    connection,
                    request_id=self.request_ids[-1],
                    is_first=is_first,
                    watch=self._watch,
                    timeouts=self._options.timeouts,
                    clock=self._clock,
                )
                await attempt.run()
        except ServiceError as failure:
            started_at = attempt.started_at if attempt else None
            # A connection that went stale may also just be silent.
            was_lost = isinstance(failure, ConnectionLostError | DeadlineError)
            return Setback(
                failure,
                was_connected=attempt is not None,
                was_stale=has_waited and started_at is None and was_lost,
                ran_for=attempt.ran_for if attempt else 0.0,
                progressed=self.recognition.reach > reach,
            )
        return None

    def _announce(self, failure: ServiceError, attempt: int, delay: float) -> None:
        self._describe(failure)
        _logger.info("another attempt in %.2f s after: %s", delay, failure)
        policy = self._options.reconnect
        if policy and policy.on_retry:
            policy.on_retry(Retry(failure, attempt, delay, self.recognition.unsettled))

    def _describe(self, failure: ServiceError) -> None:
        """Add to a failure what only the session knows."""
        failure.request_ids = tuple(self.request_ids)
        failure.recognized = join(self.recognition.text)
        failure.unsettled = self.recognition.unsettled
        if not failure.request_id and not isinstance(failure, ConnectError):
            failure.request_id = self.request_ids[-1]

    def _explain(self, failure: ServiceError) -> None:
        """Say why a failure that is worth another try got none."""
        if failure.retryable and self._options.reconnect and not self.recognition.is_resumable:
            failure.hint = f"a stream of {self._options.format} cannot be taken up again, pcm can"
