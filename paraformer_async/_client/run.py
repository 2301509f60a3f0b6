"""
Runs one recognition: connects, receives, and decides with its machine what follows.

    Pump:    source → Sender
    Sender:  audio → machine → frames → transport
    Run:     transport ─frame_received→ machine.receive → inbox

Two tasks are in one task group: the pump, and this one, which connects, receives, and owns
the failure: a write error is held back until reading has shown the reason. Everything that need not
wait is done at once, in whichever task notices it; the machine decides what to do. A failure is
stored once; the first one wins.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING

import anyio
from msgspec.structs import replace

from paraformer_async._client.failing import as_failure, forget_frames, is_ours
from paraformer_async._client.inbox import Inbox, Signal
from paraformer_async._client.permit import Permit
from paraformer_async._client.pump import Pump
from paraformer_async._client.quota import QuotaPlace
from paraformer_async._client.reporter import Reporter
from paraformer_async._client.seats import Seats
from paraformer_async._client.sender import Sender
from paraformer_async._client.slowdown import Slowdown
from paraformer_async._client.summary import Summary
from paraformer_async._client.timer import Timer
from paraformer_async._client.undecoded import Undecoded
from paraformer_async._core.outgoing import COMPRESSED_BYTES_PER_SECOND
from paraformer_async._core.protocol import ENDS, Phase
from paraformer_async._core.recognition import Recognition
from paraformer_async._core.verdict import Over, RaisedByUser, Verdict
from paraformer_async._net.pool import Pool, PooledConnection
from paraformer_async.audio.decoded import Decoding
from paraformer_async.audio.pacing import feeder
from paraformer_async.audio.source import Chunks
from paraformer_async.errors import ConnectionLostError, ServiceError, UsageError
from paraformer_async.middleware import LatencyMeter
from paraformer_async.observing import AttemptStarted, Began, Connected
from paraformer_async.options.options import Options
from paraformer_async.results import Latency, Overhead, RecognitionResult, Usage

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

__all__ = ["Run"]

# Attributes of an enum cost a lookup for each message.
_DONE, _RUNNING, _WAITING = Phase.DONE, Phase.RUNNING, Phase.WAITING


class Run:
    """
    One recognition from its first byte to its last result.

    Args:
        machine: The recognition.
        options: Its options.
        pool: The connection pool.
        place: What it has of the quota; it is counted for the account of the options.
        slowdown: Where attempts wait while the service throttles.
        timer: Calls `ring` when a deadline has passed.
        source: The user's audio; `None` if the user calls `send`.
        decoding: How it is decoded on the way in; `None` for PCM, and for what is sent as it is.
        clock: Seconds, monotonic.
        meter: The middleware of the machine that measures it.
        summary: Where its latencies are added to those of others when it ends.
        first_id: Id of the first task; by default a new one.
        make_inbox: Makes the inbox; see `Inbox` for its argument.
        seats: Its place in the pool, and those of the recognitions that run with it.

    Attributes:
        machine: The recognition.
        inbox: Unread results.
        sender: Takes the user's audio.
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
        place: QuotaPlace,
        slowdown: Slowdown,
        timer: Timer,
        source: Chunks | None,
        decoding: Decoding | None = None,
        clock: Callable[[], float],
        meter: LatencyMeter,
        summary: Summary | None = None,
        first_id: str | None = None,
        make_inbox: Callable[[Callable[[bool], object]], Inbox] = Inbox,
        seats: Seats | None = None,
    ) -> None:
        self.machine = machine
        self.inbox: Inbox = make_inbox(self._note_unread)
        self.has_source: bool = source is not None
        self.close_timeout: float = options.timeouts.close
        self.period: float = options.timeouts.send
        self.failure: BaseException | None = None
        self._options = options
        self._pool = pool
        self._timer = timer
        self._clock = clock
        self._meter = meter
        self._summary = summary
        self._connecting: float | None = None  # how long the first connection took
        self._reporter = Reporter(
            options.observe,
            with_messages=options.observe_messages,
            clock=clock,
            log=machine.log,
        )
        patience = options.reconnect.busy if options.reconnect else 0.0
        self._permit = Permit(
            seats or Seats(pool), place, slowdown, patience, reporter=self._reporter, clock=clock
        )
        self.sender: Sender = Sender(
            machine, options, owner=self, reporter=self._reporter, timer=timer, clock=clock
        )
        if decoding is not None:
            source = decoding.of(source or self._pushed(options), self.sender.take)
        self._pump: Pump | None = None if source is None else self._make_pump(source, options)
        self._tasks: TaskGroup | None = None  # while it runs
        self._scope: anyio.CancelScope | None = None  # of the current attempt
        self._broken: BaseException | None = None  # what ended the current attempt
        self._write_error: ConnectionLostError | None = None  # of the current attempt
        self._has_finished_task = False  # in the current attempt
        self._next_id = machine.log.recognition = first_id or uuid.uuid4().hex
        self._is_over = False
        self._over = Signal()

    @property
    def request_ids(self) -> tuple[str, ...]:
        """Ids of all tasks, the current one last; never empty."""
        return tuple(self.machine.request_ids) or (self._next_id,)

    @property
    def is_ended(self) -> bool:
        """Whether no further results follow; unread ones can still be read."""
        return self.inbox.is_ended

    @property
    def usage(self) -> Usage | None:
        """What the service bills so far for all tasks; `None` until it has reported any usage."""
        return self.machine.usage

    @property
    def overhead(self) -> Overhead:
        """Audio that was sent in addition to the user's own."""
        return self.machine.overhead

    @property
    def latency(self) -> Latency:
        """What was measured so far."""
        return replace(self._meter.measured, connect=self._connecting)

    async def run(self) -> None:
        """Recognize. Raise nothing but cancellation; `failure` is set to any other error."""
        try:
            with self._timer.watching(self):
                async with anyio.create_task_group() as tasks:
                    self._tasks = tasks
                    if self.failure is not None:  # it was ended before
                        tasks.cancel_scope.cancel()
                    if self._pump is not None:
                        tasks.start_soon(self._pump.run)
                    await self._recognize()
                    if self._pump is not None and not self._pump.release():
                        tasks.cancel_scope.cancel()  # the pump may still read
        finally:
            self._leave()
            self.end(UsageError("the recognizer was closed while this recognition was running"))
            try:
                self._report_end()
            finally:
                self._is_over = True
                self._over.notify()
                # Without cycles, the audio of a file is freed now, not when garbage is collected.
                self._pump = self._tasks = self._scope = None
                self.sender.forget_owner()

    def _report_end(self) -> None:
        ended = self._reporter.end(self.machine, self.request_ids, self.latency, self.failure)
        if self._summary is not None:
            self._summary.add(ended)

    async def wait(self) -> None:
        """Wait until all tasks of the recognition have ended. It must have been started."""
        while not self._is_over:
            await self._over.wait()

    def end(self, reason: BaseException) -> None:
        """End the recognition with *reason* as its failure, unless it is done or has one."""
        if isinstance(reason, RaisedByUser):
            reason = reason.error
        if self.machine.phase is not Phase.DONE:
            if self.failure is None:
                self.failure = reason
                self.machine.abandon()
            if self._tasks is not None:
                self._tasks.cancel_scope.cancel()
        self.inbox.end()
        self.sender.pass_on()

    def _pushed(self, options: Options) -> Chunks:
        """Return what the user sends, as a source."""
        limit = max(1, int(options.buffer * COMPRESSED_BYTES_PER_SECOND))
        self.sender.undecoded = undecoded = Undecoded(limit, lambda: self.machine.phase in ENDS)
        return Chunks(undecoded.items())

    def _make_pump(self, source: Chunks, options: Options) -> Pump:
        sender = self.sender
        is_sent = sender.undecoded is not None  # and has its own pace
        paced = None if is_sent else feeder(options, sender.take)
        return Pump(source, sender, self.machine, paced, self.end)

    # The connection.

    async def _recognize(self) -> None:
        """Make attempts until the recognition is done, or not worth another one."""
        try:
            self._reporter.emit(Began(self.request_ids[0], self.machine.model))
            # A permit that is still held is for a task whose connection was closed at a seam.
            while (broken := await self._attempt()) is not None or self._permit.is_held:
                if broken is not None and not await self._recover(broken):
                    break
        except BaseException as error:
            if is_ours(error):
                raise
            self.end(as_failure(error, "a hook of the reconnection"))
        # Only now: once the user sees the end, the connection is free for the next recognition.
        self._leave()
        self.inbox.end()

    def _leave(self) -> None:
        """Give back what the recognition has of the pool and the quota."""
        try:
            self._permit.leave()
        except BaseException as error:  # noqa: BLE001 - the user's quota may raise anything
            self.end(as_failure(error, "the quota"))

    async def _recover(self, broken: BaseException) -> bool:
        """Return whether another attempt follows, when it is time for it."""
        verdict = self._decide(broken)
        if isinstance(verdict, Over):
            self._put(verdict.results)
            if verdict.error is not None:
                self.end(verdict.error)
            return False
        if verdict.rewind_to is not None and self._pump is not None:
            self._pump.rewind(verdict.rewind_to)
        self._reporter.retry(verdict, self.machine.to_replay)
        await anyio.sleep(verdict.after)
        return not self._ends_between_tasks()

    def _ends_between_tasks(self) -> bool:
        """Return whether all is done, so that no other task has to begin."""
        over = self.machine.ends_between_tasks(self._clock())
        if over is not None:
            self._put(over.results)
        return over is not None

    def _put(self, results: Iterable[RecognitionResult]) -> None:
        for result in results:
            self.inbox.put(result)

    def _decide(self, broken: BaseException) -> Verdict:
        """Decide what follows a failure; it is the end if it was waited for as long as allowed."""
        now = self._clock()
        is_over = False
        if isinstance(broken, ServiceError) and broken.is_throttled:
            is_over = self._permit.throttled(broken, now)
        return self.machine.lost(broken, now, is_last=is_over)

    async def _attempt(self) -> BaseException | None:
        """
        Recognize over one connection. Return what ended it early; `None` if nothing did.

        Then all is done, or the connection was closed at a seam, and the next permit is held.
        """
        self._forget_attempt()
        connection: PooledConnection | None = None
        with anyio.CancelScope() as self._scope:
            try:
                connection, seconds = await self._connect()
                await self._use(connection, seconds)
            except BaseException as error:
                self._permit.give_back()
                if is_ours(error):
                    raise
                self._note_broken(error, "connecting")
        self._scope = None
        # A write error is held back until reading has shown the reason. If the connection is half
        # open, reading shows none, and the deadline of the scope passes.
        ended = self._broken or self._write_error
        if connection is not None:
            if isinstance(ended, ServiceError):
                connection.secrets.redacted(ended)
            self._pool.ended(connection, ended, is_excused=self._is_excused(ended))
        return ended

    async def _connect(self) -> tuple[PooledConnection, float]:
        """Return a connection for a task that may be submitted, and the seconds that it took."""
        await self._permit.take(self.request_ids[0], self.machine.model)
        began = self._clock()
        return await self._pool.connect(self._options), self._clock() - began

    def _forget_attempt(self) -> None:
        self._broken = self._write_error = None
        self._has_finished_task = False

    def _is_excused(self, ended: BaseException | None) -> bool:
        """Return whether what *ended* the current attempt is no evidence against its address."""
        if self._has_finished_task and isinstance(ended, ConnectionLostError):
            return True
        return isinstance(ended, ServiceError) and self.machine.is_excused(ended, self._clock())

    async def _use(self, connection: PooledConnection, connecting: float) -> None:
        """Run tasks over a connection that took so many seconds to open, and release it."""
        try:
            seconds = 0.0 if connection.is_reused else connecting
            if self._connecting is None:
                self._connecting = seconds
            self._reporter.emit(Connected(self.request_ids[0], seconds, connection.is_reused))
            if connection.switched_from is not None:
                self._reporter.switched(
                    connection.switched_from, connection.key.url, self.request_ids[0]
                )
            await self._follow(connection)
        finally:
            self.sender.transport = None
            phase = self.machine.phase
            is_stale = connection.is_reused and phase is Phase.STARTING
            self._pool.release(connection, is_clean=phase is Phase.DONE, was_stale=is_stale)

    async def _follow(self, connection: PooledConnection) -> None:
        """Run one task, and the tasks after its seams, over a connection while it is open."""
        transport, machine = connection.transport, self.machine
        if self._reporter.has_messages:
            self._reporter.secrets = connection.key.access
        is_open = True
        while is_open:
            while not self._permit.is_valid:  # it has expired while the connection was opened
                await self._permit.renew(self.request_ids[0], machine.model)
                connection.is_reused = True  # it may have gone stale, as below
            if self._ends_between_tasks():
                self._permit.give_back()
                return
            self._submit(connection)
            if self._broken is None:
                await transport.receive(self)
            if self._broken is not None or machine.phase is not Phase.WAITING:
                return
            self._has_finished_task = True
            self.sender.transport = None  # at a seam
            await self._permit.take_next(self.request_ids[0], machine.model)
            connection.is_reused = True  # it may have gone stale, which not every transport notices
            is_open = transport.is_open

    def _submit(self, connection: PooledConnection) -> None:
        """Begin the next task."""
        machine, now = self.machine, self._clock()
        self._permit.use()
        is_reused = connection.is_reused
        machine.connected(self._next_id, now, is_reused=is_reused, hide=connection.hide)
        self._next_id = uuid.uuid4().hex
        ids = machine.request_ids
        self._reporter.emit(AttemptStarted(ids[0], ids[-1], len(ids)))
        machine.log.debug("task %d is submitted, model %s", len(ids), machine.model)
        self.sender.transport = connection.transport
        self.sender.flush(now)

    def write_failed(self, error: ConnectionLostError) -> None:
        """Hold a write error back until reading has shown the reason; see `Owner`."""
        self._write_error = error
        if self._scope is not None:
            now = asyncio.get_running_loop().time()  # anyio.current_time() needs a task
            self._scope.deadline = now + self.close_timeout

    def break_attempt(self, error: BaseException) -> None:
        """End the current attempt. Between attempts, only middleware fails: nothing follows."""
        if self._scope is None:
            self.end(as_failure(error, "middleware"))
        else:
            self._note_broken(error, "middleware")
            self._scope.cancel()

    def _note_broken(self, error: BaseException, whose: str) -> None:
        """Store what ended the current attempt; the first error wins."""
        if isinstance(error, ServiceError):
            forget_frames(error)
        if self._broken is None:
            self._broken = as_failure(error, whose)

    # What the transport calls.

    def frame_received(self, frame: str | bytes, *, is_binary: bool = False) -> bool:
        """Handle a message; see `Receiver`."""
        if self._broken is not None:  # while an earlier message was handled: no end undoes that
            return True
        machine = self.machine
        now = self._clock()
        if is_binary:
            machine.has_binary = True
        try:
            if self._reporter.has_messages:
                self._reporter.received(frame, machine.request_ids[0])
            self._put(machine.receive(frame, now))
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._note_broken(error, "middleware")
            return True
        if machine.waiting or machine.has_nearer_deadline:  # also when a task has started
            if machine.phase is _RUNNING:
                self._permit.started()
            self.sender.flush(now)
        phase = machine.phase
        return phase is _DONE or phase is _WAITING

    def _note_unread(self, are_too_many: bool) -> None:
        """Accept no audio while too many results are unread."""
        self.machine.is_paused = are_too_many
        if are_too_many:
            self.machine.log.warning(
                "%d results are unread: no audio is accepted until half of them are read",
                len(self.inbox.results),
            )
        self.sender.pass_on()

    def writable(self) -> None:
        """Continue to write; see `Receiver`."""
        self.machine.unblocked()
        self.sender.flush(self._clock())

    # What the timer calls.

    def deadline(self) -> float:
        """Return when to call `ring`; see `Watched`."""
        try:
            return self.machine.deadline()
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self.break_attempt(error)
            return inf

    def ring(self, now: float) -> None:
        """Handle the deadline that has passed; see `Watched`."""
        try:
            transport = self.sender.transport
            if transport is not None and transport.is_full:
                self.machine.blocked(transport.unsent(), now)
            self.machine.expired(now)
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            self.break_attempt(error)
        else:
            self.sender.flush(now)
