"""
One task over one connection: the two tasks that own a socket, and their timer.

    audio:  outbox ─sender→ recognition (stack, ledger) ─→ protocol ─→ transport
    result: transport ─receiver→ protocol ─→ recognition (ledger, stack) ─→ inbox

The sender is the only one that waits to write, the receiver the only one that waits to read. What
need not wait goes past them in the step in which it comes: a frame of audio when the socket takes
it, a result when the connection can hand it over. The receiver owns the failure: a write error
stays quiet until the reader has said why. The first failure wins.
"""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from math import inf
from typing import Any, TypeVar, cast

import anyio

from paraformer_async._client.outbox import BATCH, Frame, Mark
from paraformer_async._client.recognition import Recognition
from paraformer_async._client.timer import Waits, Watch
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskStarted,
)
from paraformer_async._net.pool import Connection
from paraformer_async._net.signal import Signal
from paraformer_async.errors import ConnectionLostError, DeadlineError, TaskFailedError
from paraformer_async.options.policies import Timeouts

__all__ = ["Attempt"]

Call = TypeVar("Call", bound=Callable[..., object])

# Frames that come faster than this one after the other, in seconds, need not leave one by one.
_BURST = 0.001


class Attempt:
    """
    Tries to bring a recognition to its end with one task.

    Args:
        recognition: What is to be recognized; the first attempt begins it, others take it over.
        connection: Where to. Its protocol is IDLE.
        request_id: Id for the task.
        is_first: Whether this is the first attempt.
        watch: Rings when a deadline has come.
        timeouts: The bounds of all waits.
        clock: Seconds, monotonic.

    Attributes:
        period: How often the watch looks at least, in seconds.
        started_at: When the service said `task-started`; `None` before.
        ran_for: Seconds from then to the failure.
    """

    def __init__(
        self,
        recognition: Recognition,
        connection: Connection,
        *,
        request_id: str,
        is_first: bool,
        watch: Watch,
        timeouts: Timeouts,
        clock: Callable[[], float],
    ) -> None:
        self._recognition = recognition
        self._hurries = recognition.hurries
        self._transport = connection.transport
        self._protocol = connection.protocol
        self._request_id = request_id
        self._is_first = is_first
        self._close_timeout = timeouts.close
        self._clock = clock
        self._waits = Waits(timeouts)
        self._watch = watch
        self.period = timeouts.send
        self._started = Signal()
        self._failure: Exception | None = None
        self._write_error: ConnectionLostError | None = None
        self._tasks = anyio.create_task_group()
        self._sent_at = -inf
        self._is_sent = False
        self._is_finishing = False
        self.started_at: float | None = None
        self.ran_for = 0.0

    async def run(self) -> None:
        """
        Work until the service is done.

        Raises:
            ServiceError: The task failed, or its connection.
            Exception: What the user's middleware raised.
        """
        with self._watch.watching(self):
            async with self._tasks as tasks:
                tasks.start_soon(self._send)
                await self._receive()
                if not self._is_sent:
                    tasks.cancel_scope.cancel()
        if self._failure is not None:
            raise self._failure

    def _fail(self, error: Exception) -> None:
        """End the attempt; `run` raises *error*, outside of the group that would wrap it."""
        if self._failure is None and not self._recognition.is_done:
            self._failure = error
            if self.started_at is not None:
                self.ran_for = self._clock() - self.started_at
            self._tasks.cancel_scope.cancel()

    async def _send(self) -> None:
        try:
            self._waits.begin("started", self._clock())  # also when middleware keeps run-task back
            await self._write(self._recognition.open(self._clock()))
            while self.started_at is None:
                await self._started.wait()
            if not self._is_first:
                await self._write(self._recognition.resume())
            await self._send_audio()
            self._is_sent = True
        except ConnectionLostError as error:
            # The receiver will tell why. When the connection is half open, it cannot.
            await anyio.sleep(self._close_timeout)
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._fail(error)

    async def _send_audio(self) -> None:
        outbox, recognition = self._recognition.outbox, self._recognition
        send_now = _in_this_context(self._send_now)
        if outbox.is_over:
            self._expect("finish", self._clock())
        while not recognition.is_finished:
            item = await outbox.get(send_now)
            now = self._clock()
            if item is Mark.END:
                await self._write(recognition.close(now))
                # Middleware may hold the last command back, no longer than a service may take.
                self._expect("finish", now)
            elif item is Mark.TIMER:
                await self._write(recognition.expire(now))
                self._watch.nudge(self.deadline())  # that of the stack counts again
            else:
                await self._write([c for frame in item for c in recognition.take_out(frame, now)])
                self._sent_at = self._clock()
            if self._write_error is not None:
                raise self._write_error

    def _send_now(self, frame: Frame) -> bool:
        """
        Send a frame in the step in which it came, while the sender waits, if the socket is ready.

        Nothing waits here, so the sender is still the only one that waits for the socket. Frames
        that follow one another at once are left to the sender, which sends many by one call.
        """
        now = self._clock()
        if now - self._sent_at < _BURST or self._transport.unsent():
            return False
        self._sent_at = now
        try:
            for command in self._recognition.take_out(frame, now):
                self._transport.send_now(self._protocol.send(command))
                if not isinstance(command, Audio):
                    self._expect_answer(command, now)
        except ConnectionLostError as error:
            self._write_error = error
            self._recognition.outbox.ring()  # the sender looks
        except Exception as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._fail(error)
        if self._hurries:
            self._watch.nudge(self.deadline())
        return True

    async def _write(self, commands: Sequence[Command]) -> None:
        for start in range(0, len(commands), BATCH):
            batch = commands[start : start + BATCH]
            frames = [self._protocol.send(each, task_id=self._request_id) for each in batch]
            self._waits.begin("send", self._clock())
            await self._transport.send(frames)
            self._waits.end("send")
            for command in batch:
                if not isinstance(command, Audio):
                    self._expect_answer(command, self._clock())
        if self._hurries:
            self._watch.nudge(self.deadline())

    def _expect_answer(self, command: RunTask | FinishTask, now: float) -> None:
        self._expect("finish" if isinstance(command, FinishTask) else "started", now)

    def _expect(self, phase: str, now: float) -> None:
        """Wait for the end of *phase* of `Timeouts`, until its time is up."""
        self._is_finishing = phase == "finish"
        self._waits.begin(phase, now)
        self._watch.nudge(self.deadline())

    async def _receive(self) -> None:
        self._transport.listen(_in_this_context(partial(self._hear, is_text=True)))
        try:
            while not self._is_over:
                frame = await self._transport.receive()
                if not self._is_over:  # otherwise it is the last, which was heard
                    self._hear(frame)
        except Exception as error:  # noqa: BLE001 - a breach of the transport's promise is one, too
            self._fail(error)
        finally:
            self._transport.listen(None)

    def _hear(self, frame: str | bytes, *, is_text: bool = False) -> bool:
        """Take a frame of the service's; give whether it is the last."""
        try:
            event = self._protocol.receive(frame, is_text=is_text)
            if event is None:
                return False
            now = self._clock()
            if self._is_finishing:
                self._waits.begin("finish", now)
            self._recognition.take_in(event, self._request_id, now)
            if self._hurries:
                self._watch.nudge(self.deadline())
            if isinstance(event, ResultGenerated):
                return False
            self._follow(event, now)
        except Exception as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._fail(error)
        return self._is_over

    @property
    def _is_over(self) -> bool:
        return self._recognition.is_done or self._failure is not None

    def _follow(self, event: Event, now: float) -> None:
        """Do what the beginning and the end of a task ask for."""
        if isinstance(event, TaskStarted):
            self.started_at = now
            self._waits.end("started")
            self._started.notify()
        elif isinstance(event, TaskFailed):
            raise TaskFailedError(event.error_code, event.error_message)

    def deadline(self) -> float:
        """When the first wait runs out, or middleware wants to be called."""
        # While the timer's mark waits in the outbox, nothing more is to be done about the stack.
        is_told = self._recognition.outbox.is_timer_due
        waits = self._waits.deadline()
        try:
            stack = None if is_told else self._recognition.deadline()
            return waits if stack is None else min(waits, stack)
        except Exception as error:  # noqa: BLE001 - the user's middleware may raise anything
            self._fail(error)
            return waits

    def ring(self, now: float) -> None:
        """The deadline has come: give up, or have the sender ask middleware what to send."""
        if phase := self._waits.overdue(now):
            self._waits.end(phase)
            self._fail(DeadlineError(phase, self._waits.limit(phase)))
        else:
            self._recognition.outbox.ring()


def _in_this_context(call: Call) -> Call:
    """
    Let *call* run in the context of the recognition, wherever it is called.

    Middleware sees the context variables of who opened the stream, not of who made the connection,
    or of who gives the audio.
    """
    return cast("Call", partial(cast("Any", copy_context().run), call))
