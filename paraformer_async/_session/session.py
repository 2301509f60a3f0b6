"""
One recognition at work.

    audio:  source ─pump→ outbox ─sender→ stack ─→ ledger ─→ protocol ─→ transport
    timer:  watch ─→ outbox (the sender asks the stack what to send)
    result: transport ─receiver→ protocol ─→ ledger ─→ stack ─→ inbox ─→ the user's loop

The sender is the only writer of the socket, the receiver the only reader, and the pump the only one
that touches the user's source: a deadline on the user's `anext()` would end an async generator and
lose its audio, a deadline on our own outbox does not. A failure is stored once, the first wins; a
write error waits for the reader, who knows why.
"""

import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing

import anyio

from paraformer_async._core import pcm
from paraformer_async._core.ledger import Ledger
from paraformer_async._core.protocol import ClientProtocol
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    Resource,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._session.inbox import Inbox
from paraformer_async._session.outbox import Mark, Outbox
from paraformer_async._session.transport import Transport
from paraformer_async._session.watch import Waits, Watch
from paraformer_async.errors import (
    ConnectionLostError,
    DeadlineError,
    ServiceError,
    TaskFailedError,
    UsageError,
)
from paraformer_async.middleware import Stack
from paraformer_async.options import Options
from paraformer_async.results import RecognitionResult, Usage

__all__ = ["Session"]

# For compressed audio the outbox is bounded as if a second had this many bytes (128 kbit/s).
_COMPRESSED_BYTES_PER_SECOND = 16_000
_UNCOMPRESSED = ("pcm", "wav")
# What is waited for after a command, as a phase of `Timeouts`.
_ANSWERS: Mapping[type[Command], str] = {RunTask: "started", FinishTask: "finish"}


class Session:
    """
    One recognition from its first byte to its last result, over one connection.

    Args:
        options: The options of this recognition.
        dial: Gives a connection, which the session closes.
        stack: The middleware of this recognition.
        source: The user's audio; `None` when it is put into `outbox` from outside.
        clock: Seconds, monotonic.

    Attributes:
        outbox: Where the user's audio goes in.
        inbox: Where the results come out.
        request_id: Id of the task.
        has_source: Whether the audio comes from a source, not from outside.
        close_timeout: How long closing may take, in seconds.
        failure: Why the recognition ended before it was done; `None` as long as all is well.
        usage: The last that the service said of billing.
        ended: Set when nothing of the session is left.
    """

    def __init__(
        self,
        options: Options,
        *,
        dial: Callable[[Options], Awaitable[Transport]],
        stack: Stack,
        source: AsyncGenerator[bytes, None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        raw = options.format in _UNCOMPRESSED
        bytes_per_second = pcm.bytes_per_second(options.sample_rate) if raw else None
        self._options = options
        self._dial = dial
        self._stack = stack
        self._source = source
        self._clock = clock
        self._protocol = ClientProtocol()
        self._ledger = Ledger(bytes_per_second)
        self._waits = Waits(options.timeouts)
        self._watch = Watch(
            deadline=self._deadline, ring=self._ring, clock=clock, period=options.timeouts.send
        )
        self._started = anyio.Event()
        self._scope = anyio.CancelScope()
        self._is_done = False
        self.outbox = Outbox(
            pcm.Framer(options.sample_rate) if raw else pcm.Splitter(),
            limit=int(options.buffer * (bytes_per_second or _COMPRESSED_BYTES_PER_SECOND)),
        )
        self.inbox = Inbox()
        self.has_source = source is not None
        self.close_timeout = options.timeouts.close
        self.request_id = uuid.uuid4().hex
        self.failure: Exception | None = None
        self.usage: Usage | None = None
        self.ended = anyio.Event()

    async def run(self) -> None:
        """Recognise. Never raises but for cancellation: what went wrong is in `failure`."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._guarded, self._watch.run)
                    if self._source is not None:
                        tasks.start_soon(self._guarded, self._pump, self._source)
                    await self._guarded(self._recognise)
                    tasks.cancel_scope.cancel()
        finally:
            self.cancel(UsageError("the recognizer was closed while this recognition was running"))
            self.ended.set()

    def cancel(self, reason: Exception) -> None:
        """End the recognition now, unless it is done. *reason* becomes its first failure."""
        if self._is_done:
            return
        if isinstance(reason, ServiceError) and not reason.request_id:
            reason.request_id = (
                self._protocol.task_id
            )  # empty as long as the service knows of no task
        self.failure = self.failure or reason
        self.outbox.end()
        self.inbox.end()
        self._scope.cancel()

    async def _guarded(self, work: Callable[..., Awaitable[None]], *args: object) -> None:
        """Do *work*; its failure is the session's. The one place where all errors are caught."""
        try:
            await work(*args)
        except Exception as error:  # noqa: BLE001 - the user's source and middleware may raise anything
            self.cancel(error)

    async def _pump(self, source: AsyncGenerator[bytes, None]) -> None:
        async with aclosing(source):
            async for chunk in source:
                await self.outbox.put(chunk)
        self.outbox.end()

    async def _recognise(self) -> None:
        transport = await self._dial(self._options)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._guarded, self._send, transport)
                await self._guarded(self._receive, transport)
                tasks.cancel_scope.cancel()
        finally:
            await transport.aclose()

    async def _send(self, transport: Transport) -> None:
        try:
            await self._pass_out(transport, self._run_task())
            await self._started.wait()
            while (item := await self.outbox.get()) is not Mark.END:
                if isinstance(item, Mark):
                    await self._write(transport, self._stack.expired(self._clock()))
                else:
                    await self._pass_out(transport, Audio(item))
            await self._pass_out(transport, FinishTask())
        except ConnectionLostError:
            # The receiver will tell why. When the connection is half open, it cannot.
            await anyio.sleep(self.close_timeout)
            raise

    async def _pass_out(self, transport: Transport, command: Command) -> None:
        await self._write(transport, self._stack.outgoing(command, self._clock()))

    async def _write(self, transport: Transport, commands: Iterable[Command]) -> None:
        for command in commands:
            frame = self._protocol.send(command, task_id=self.request_id)
            if isinstance(command, Audio):
                self._ledger.record(command)
            self._waits.begin("send", self._clock())
            await transport.send(frame)
            self._waits.end("send")
            if (answer := _ANSWERS.get(type(command))) is not None:
                self._waits.begin(answer, self._clock())
        self._watch.nudge(self._deadline())

    async def _receive(self, transport: Transport) -> None:
        while not self._is_done:
            event = self._protocol.receive(await transport.receive())
            if event is not None:
                self._take(event, self._clock())

    def _take(self, event: Event, now: float) -> None:
        if "finish" in self._waits:
            self._waits.begin("finish", now)
        if isinstance(event, ResultGenerated):
            event = self._ledger.settle(event)
        for passed in self._stack.incoming(event, now):
            self._deliver(passed)
        self._watch.nudge(self._deadline())
        match event:
            case ResultGenerated(usage=usage):
                self.usage = usage or self.usage
            case TaskStarted():
                self._waits.end("started")
                self._started.set()
            case TaskFailed(error_code=code, error_message=text):
                raise TaskFailedError(code, text)
            case TaskFinished(usage=usage):
                self.usage = usage or self.usage
                self._is_done = True
                self.inbox.end()

    def _deliver(self, event: Event) -> None:
        if isinstance(event, ResultGenerated) and event.sentence and not event.sentence.heartbeat:
            self.inbox.put(RecognitionResult(event.sentence, self.request_id, event.usage))

    def _run_task(self) -> RunTask:
        options = self._options
        resources = (Resource(options.phrase_id),) if options.phrase_id else ()
        return RunTask(options.model, options.task_parameters(), resources)

    def _deadline(self) -> float:
        # While the timer's mark waits in the outbox, nothing more is to be done about the stack.
        stack = None if self.outbox.is_timer_due else self._stack.deadline()
        waits = self._waits.deadline()
        return waits if stack is None else min(waits, stack)

    def _ring(self, now: float) -> None:
        if phase := self._waits.overdue(now):
            self.cancel(DeadlineError(phase, self._waits.limit(phase)))
        else:
            self.outbox.ring()
