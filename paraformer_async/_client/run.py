"""
Runs one recognition: moves frames between its state machine and a transport.

    source ─pump→ machine.send ─┐
    user ─send──→ machine.send ─┤ flush: machine.data_to_send → transport.write
    room, timer ────────────────┘
    transport ─frame_received→ machine.receive → inbox; flush

Two tasks are in one task group: the pump, the only one that reads the user's source (a deadline on
the user's `anext()` would end an async generator and lose its audio), and the one that connects,
receives, and owns the failure: a write error is held back until reading has shown the reason.
Everything that need not wait is done at once, in whichever task notices it; the machine decides
what to do. A failure is stored once; the first one wins.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import partial
from math import inf
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from paraformer_async._client.inbox import Inbox, Signal
from paraformer_async._client.quota import Quota
from paraformer_async._client.timer import Timer
from paraformer_async._client.turns import Turns
from paraformer_async._core.protocol import Phase
from paraformer_async._core.recognition import BATCH, Again, Over, Recognition
from paraformer_async._core.wire import OutgoingFrame
from paraformer_async._net.pool import Pool, PooledConnection
from paraformer_async.audio.heading import Heading
from paraformer_async.audio.source import Chunks, immutable
from paraformer_async.errors import AudioError, ConnectionLostError, InvalidOptionError, UsageError
from paraformer_async.observing import (
    AttemptStarted,
    Connected,
    Ended,
    MessageReceived,
    MessageSent,
    Observation,
    PoolWaited,
    QuotaWaited,
    RetryScheduled,
)
from paraformer_async.options.options import CHANGEABLE, Options, Overrides

if TYPE_CHECKING:
    from paraformer_async._net.contract import Transport

__all__ = ["Run"]

_logger = logging.getLogger("paraformer_async.client")

# Chunks that follow each other within this time, in seconds, are sent together.
_BURST = 0.001
# After this many chunks, a source that never waits yields to other tasks.
_TURN = 32
_ENDS = (Phase.DONE, Phase.GIVEN_UP)


class Run:
    """
    One recognition from its first byte to its last result.

    Args:
        machine: The recognition.
        options: Its options.
        pool: The connection pool.
        quota: The limit of the submission of tasks.
        timer: Calls `ring` when a deadline has passed.
        source: The user's audio; `None` if the user calls `send`.
        clock: Seconds, monotonic.

    Attributes:
        machine: The recognition.
        inbox: Unread results.
        has_source: Whether the audio comes from a source, not from `send`.
        close_timeout: Time limit of closing, in seconds.
        period: Longest interval between checks of the timer, in seconds.
        failure: Why the recognition ended early; `None` if it did not.
    """

    def __init__(
        self,
        machine: Recognition,
        options: Options,
        *,
        pool: Pool,
        quota: Quota,
        timer: Timer,
        source: Chunks | None,
        clock: Callable[[], float],
    ) -> None:
        self.machine = machine
        self.inbox: Inbox = Inbox()
        self.has_source: bool = source is not None
        self.close_timeout: float = options.timeouts.close
        self.period: float = options.timeouts.send
        self.failure: BaseException | None = None
        self._options = options
        self._updated = options  # as of the latest update
        self._pool = pool
        self._quota = quota
        self._timer = timer
        self._source = source
        self._heading: Heading | None = Heading(options.format)
        self._clock = clock
        self._observe = options.observe
        self._observes_messages = options.observe is not None and options.observe_messages
        self._began_at = clock()
        self._turns = Turns(self._lets_pass)
        self._tasks = anyio.create_task_group()
        self._scope = anyio.CancelScope()  # of the current attempt
        self._transport: Transport | None = None
        self._broken: BaseException | None = None  # what ended the current attempt
        self._write_error: ConnectionLostError | None = None  # of the current attempt
        self._reading = anyio.CancelScope()
        self._rewind_to: int | None = None
        self._rewound = Signal()
        self._next_id = uuid.uuid4().hex
        self._flushed_at = -inf
        self._is_flush_due = False
        self._is_over = False
        self._over = Signal()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Ids of all tasks, the current one last; never empty."""
        return tuple(self.machine.request_ids) or (self._next_id,)

    async def run(self) -> None:
        """Recognize. Raise nothing but cancellation; `failure` is set to any other error."""
        try:
            with self._timer.watching(self):
                async with self._tasks as tasks:
                    if self._source is not None:
                        tasks.start_soon(self._pump, self._source)
                    await self._recognize()
                    if self._source is not None:  # the pump may still run, or wait for a rewind
                        tasks.cancel_scope.cancel()
        finally:
            self.end(UsageError("the recognizer was closed while this recognition was running"))
            self._report_end()
            self._is_over = True
            self._over.notify()

    async def wait(self) -> None:
        """Wait until all tasks of the recognition have ended. It must have been started."""
        while not self._is_over:
            await self._over.wait()

    def end(self, reason: BaseException) -> None:
        """End the recognition with *reason* as its failure, unless it is done or has one."""
        if self.machine.phase is not Phase.DONE:
            if self.failure is None:
                self.failure = reason
                self.machine.lost(reason, self._clock())
            self._tasks.cancel_scope.cancel()
        self.inbox.end()
        self._turns.pass_on()

    # The user's audio.

    async def send(self, chunk: bytes) -> None:
        """
        Accept audio; wait while the machine is full, in the order of the calls.

        Cancellation is safe: the chunk is accepted whole or not at all.

        Raises:
            UsageError: The audio or the recognition has ended.
        """
        if self._turns.waiting or self.machine.is_full:
            await self._turns.wait()
        try:
            self._take(chunk)
        finally:
            self._turns.pass_on()

    async def finish(self) -> None:
        """Mark the end of the audio, after all waiting calls of `send`."""
        await self._mark(self.machine.finish)

    def updated(self, overrides: Overrides) -> Options:
        """Return the options with *overrides*. Raises `InvalidOptionError`."""
        for name in overrides:
            if name not in CHANGEABLE:
                raise InvalidOptionError(
                    name, "cannot change within a stream", hint="begin another stream for it"
                )
        self._updated = replace(self._updated, **overrides)
        return self._updated

    async def mark_seam(self, options: Options | None) -> None:
        """End the task here; the next one continues, with other *options* unless `None`."""
        if options is None:
            await self._mark(self.machine.flush)
        else:
            await self._mark(partial(self.machine.update, options))

    async def _mark(self, mark: Callable[[float], None]) -> None:
        if self._turns.waiting:
            await self._turns.wait()
        try:
            now = self._clock()
            mark(now)
            self.flush(now)
        finally:
            self._turns.pass_on()

    def _take(self, chunk: bytes) -> None:
        if self._heading is not None:
            self._check_heading(chunk)
        now = self._clock()
        self.machine.send(chunk, now)
        if self._is_flush_due:
            return
        if now - self._flushed_at < _BURST:  # send a burst together
            self._is_flush_due = True
            asyncio.get_running_loop().call_soon(self._flush_burst)
        else:
            self._flushed_at = now
            self.flush(now)

    def _check_heading(self, chunk: bytes) -> None:
        try:
            if self._heading is not None and not self._heading.feed(chunk):
                self._heading = None
        except AudioError as error:
            self.end(error)
            raise

    def _flush_burst(self) -> None:
        self._is_flush_due = False
        self._flushed_at = now = self._clock()
        self.flush(now)

    def _lets_pass(self) -> bool:
        return self.machine.has_room or self.machine.phase in _ENDS

    async def _pump(self, source: Chunks) -> None:
        """Read the user's audio; after a rewind, read it again from there."""
        try:
            while True:
                with anyio.CancelScope() as self._reading:
                    await self._pump_once(source)
                if source.rewound is None:
                    return
                while self._rewind_to is None:
                    await self._rewound.wait()
                source, self._rewind_to = source.rewound(self._rewind_to), None
        except BaseException as error:
            if _is_ours(error):
                raise
            self.end(_as_failure(error, "the audio source"))

    async def _pump_once(self, source: Chunks) -> None:
        taken = 0
        async with aclosing(source):
            async for given in source:
                chunk = given if type(given) is bytes else immutable(given)
                if self._turns.waiting or self.machine.is_full:
                    await self._turns.wait()
                if self._rewind_to is not None:
                    return
                self._take(
                    chunk
                )  # raises after the end, because a source that never waits cannot be canceled
                taken += 1
                if taken % _TURN == 0:
                    await asyncio.sleep(0)
        await self.finish()

    def _rewind(self, position: int) -> None:
        self._rewind_to = position
        self._reading.cancel()
        self._rewound.notify()

    # The connection.

    async def _recognize(self) -> None:
        """Make attempts until the recognition is done, or not worth another one."""
        try:
            while (broken := await self._attempt()) is not None:
                verdict = self.machine.lost(broken, self._clock())
                if isinstance(verdict, Over):
                    if verdict.error is not None:
                        self.end(verdict.error)
                    break
                if verdict.rewind_to is not None:
                    self._rewind(verdict.rewind_to)
                self._announce(verdict)
                await anyio.sleep(verdict.after)
        except BaseException as error:
            if _is_ours(error):
                raise
            self.end(_as_failure(error, "a hook of the reconnection"))
        # Only now: once the user sees the end, the connection is free for the next recognition.
        self.inbox.end()

    async def _attempt(self) -> BaseException | None:
        """Recognize over one connection. Return what ended it early; `None` if all is done."""
        self._forget_attempt()
        with anyio.CancelScope() as self._scope:
            try:
                began = self._clock()
                await self._pool.take_place()
                try:
                    self._emit(PoolWaited(self.request_ids[0], self._clock() - began))
                    connection = await self._connect()
                except BaseException:
                    self._pool.leave()
                    raise
                await self._use(connection)
            except BaseException as error:
                if _is_ours(error):
                    raise
                self._note_broken(error, "connecting")
        # A write error is held back until reading has shown the reason. If the connection is half
        # open, reading shows none, and the deadline of the scope passes.
        return self._broken or self._write_error

    def _forget_attempt(self) -> None:
        self._broken = self._write_error = None

    async def _connect(self) -> PooledConnection:
        began = self._clock()
        connection = await self._pool.connect(self._options)
        seconds = 0.0 if connection.is_reused else self._clock() - began
        self._emit(Connected(self.request_ids[0], seconds, connection.is_reused))
        return connection

    async def _use(self, connection: PooledConnection) -> None:
        try:
            await self._follow(connection)
        finally:
            self._transport = None
            phase = self.machine.phase
            is_stale = connection.is_reused and phase is Phase.STARTING
            self._pool.release(connection, is_clean=phase is Phase.DONE, was_stale=is_stale)

    async def _follow(self, connection: PooledConnection) -> None:
        """Run one task, and the tasks after its seams, over a connection."""
        transport, machine = connection.transport, self.machine
        while True:
            waited = await self._quota.take()
            self._emit(QuotaWaited(self.request_ids[0], waited))
            now = self._clock()
            machine.connected(self._next_id, now, is_reused=connection.is_reused)
            self._next_id = uuid.uuid4().hex
            ids = machine.request_ids
            self._emit(AttemptStarted(ids[0], ids[-1], len(ids)))
            self._transport = transport
            self.flush(now)
            if self._broken is None:
                await transport.receive(self)
            if self._broken is not None or machine.phase is not Phase.WAITING:
                return
            self._transport = None  # at a seam

    def flush(self, now: float) -> None:
        """Write the frames that may be sent now, and update the timer."""
        transport, machine = self._transport, self.machine
        try:
            if transport is not None and self._write_error is None:
                while not transport.is_full and (frames := machine.data_to_send(now)):
                    transport.write(frames)
                    if self._observes_messages:
                        self._report_sent(frames)
                    if len(frames) < BATCH:
                        break
                if transport.is_full:
                    machine.blocked(transport.unsent(), now)
            if machine.has_nearer_deadline:
                machine.has_nearer_deadline = False
                self._timer.nudge(machine.deadline())
        except ConnectionLostError as error:
            self._write_error = error
            self._scope.deadline = anyio.current_time() + self.close_timeout
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._break(error)
        if self._turns.waiting:
            self._turns.pass_on()

    def _break(self, error: BaseException) -> None:
        """End the current attempt."""
        self._note_broken(error, "middleware")
        self._scope.cancel()

    def _note_broken(self, error: BaseException, whose: str) -> None:
        """Store what ended the current attempt; the first error wins."""
        if self._broken is None:
            self._broken = _as_failure(error, whose)

    # What the transport calls.

    def frame_received(self, frame: str | bytes) -> bool:
        """Handle a message; see `Receiver`."""
        machine = self.machine
        now = self._clock()
        try:
            if self._observes_messages:
                self._emit(MessageReceived(machine.request_ids[0], frame))
            results = machine.receive(frame, now)
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._note_broken(error, "middleware")
            return True
        for result in results:
            self.inbox.put(result)
        if machine.waiting or machine.has_nearer_deadline:
            self.flush(now)
        phase = machine.phase
        return phase is Phase.DONE or phase is Phase.WAITING

    def writable(self) -> None:
        """Continue to write; see `Receiver`."""
        self.machine.unblocked()
        self.flush(self._clock())

    # What the timer calls.

    def deadline(self) -> float:
        """Return when to call `ring`; see `Watched`."""
        try:
            return self.machine.deadline()
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._break(error)
            return inf

    def ring(self, now: float) -> None:
        """Handle the deadline that has passed; see `Watched`."""
        try:
            transport = self._transport
            if transport is not None and transport.is_full:
                self.machine.blocked(transport.unsent(), now)
            self.machine.expired(now)
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._break(error)
        else:
            self.flush(now)

    # Observations.

    def _announce(self, again: Again) -> None:
        failure = again.failure
        if failure is not None:
            _logger.info("another attempt in %.2f s after: %s", again.after, failure)
            unsettled = self.machine.unsettled
            recognition, failures = self.request_ids[0], again.failures
            self._emit(RetryScheduled(recognition, failure, failures, again.after, unsettled))

    def _emit(self, event: Observation) -> None:
        if self._observe is not None:
            self._observe(event)

    def _report_sent(self, frames: Sequence[OutgoingFrame]) -> None:
        for frame in frames:
            message = frame if isinstance(frame, str) else bytes(frame)
            self._emit(MessageSent(self.machine.request_ids[0], message))

    def _report_end(self) -> None:
        machine = self.machine
        seconds = self._clock() - self._began_at
        ids = self.request_ids
        try:
            self._emit(Ended(ids[0], ids, seconds, machine.finals, machine.usage, self.failure))
        except BaseException:  # the recognition has ended, so the error cannot end it
            _logger.exception("the observer failed at the end of a recognition")


def _is_ours(error: BaseException) -> bool:
    """Whether *error* is a cancellation that was not caused by the user's code."""
    is_cancellation = isinstance(error, anyio.get_cancelled_exc_class())
    return is_cancellation and anyio.current_effective_deadline() == -inf


def _as_failure(error: BaseException, whose: str) -> BaseException:
    """Return *error* as raised to the user, to whom a cancellation would look like their own."""
    if isinstance(error, anyio.get_cancelled_exc_class()):
        failure = UsageError(f"{whose} was canceled")
        failure.__cause__ = error
        return failure
    return error
