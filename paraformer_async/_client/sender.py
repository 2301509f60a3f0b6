"""
The sending half of the shell: audio of the user into the machine, frames out of it.

    source ─pump→ machine.send ─┐
    user ─send──→ machine.send ─┤ flush: machine.data_to_send → transport.write
    room, timer ────────────────┘
"""

import asyncio
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from paraformer_async._client.reporter import Reporter
from paraformer_async._client.timer import Timer, Watched
from paraformer_async._client.turns import Turns
from paraformer_async._core.protocol import ENDS
from paraformer_async._core.recognition import Recognition
from paraformer_async.audio.converting import converter
from paraformer_async.audio.decoded import Marker
from paraformer_async.audio.heading import Heading
from paraformer_async.audio.source import taker
from paraformer_async.errors import (
    AudioError,
    ConnectionLostError,
    InvalidOptionError,
    UsageError,
)
from paraformer_async.options.checks import snapshot
from paraformer_async.options.options import CHANGEABLE, CHANGEABLE_IN_TASK, Options, Overrides

if TYPE_CHECKING:
    from paraformer_async._client.undecoded import Undecoded
    from paraformer_async._net.contract import Transport

__all__ = ["Owner", "Sender"]

# Chunks that arrive within this interval, in seconds, are sent together.
_BURST = 0.001


class Owner(Watched, Protocol):
    """What a sender needs of the recognition that it sends for."""

    def write_failed(self, error: ConnectionLostError) -> None:
        """Note that a write has failed; reading may show the reason."""
        ...

    def break_attempt(self, error: BaseException) -> None:
        """End the current attempt."""
        ...

    def end(self, reason: BaseException) -> None:
        """End the recognition."""
        ...


class Sender:
    """
    Sends the audio of one recognition.

    Args:
        machine: The recognition.
        options: Its options.
        owner: Who receives its results.
        reporter: Reports what is sent, if asked for.
        timer: Looks after deadlines.
        clock: Seconds, monotonic.

    Attributes:
        transport: The current connection, while a task may be sent to it.
        turns: The calls that wait.
        undecoded: Where `send` leaves audio that is decoded before it is taken; `None` for none.
        take: Returns a chunk of the user as bytes, or raises.
        joinable: Bytes of the present burst that `join` makes one chunk of; 0 if there is none, or
            its chunks have to be kept apart.
    """

    def __init__(
        self,
        machine: Recognition,
        options: Options,
        *,
        owner: Owner,
        reporter: Reporter,
        timer: Timer,
        clock: Callable[[], float],
    ) -> None:
        self.transport: Transport | None = None
        self.turns: Turns = Turns(partial(_lets_pass, machine))
        self.undecoded: Undecoded | None = None
        self._machine = machine
        self._owner: Owner | None = owner  # until it has ended
        self._report = reporter.sent if reporter.has_messages else None
        self._timer = timer
        self._clock = clock
        self._options = options  # as of the latest update
        encoding, rate = options.encoding, options.sample_rate
        self.take: Callable[[object], bytes] = taker(encoding)
        self._converter = converter(encoding, options.resample_from or rate, rate)
        self._heading: Heading | None = Heading(encoding or options.format, rate)
        self._flushed_at = -inf
        self._is_flush_due = False
        self.joinable: int = 0
        self._burst: list[bytes] = []
        self._burst_size = 0

    async def send(self, chunk: bytes) -> None:
        """
        Accept audio; wait while the machine is full, in the order of the calls.

        Cancellation is safe: the chunk is accepted whole or not at all.

        Raises:
            UsageError: The audio or the recognition has ended.
        """
        if self.undecoded is not None:
            self._require_input("send")
            await self.undecoded.put(chunk)
            return
        if self.turns.waiting or self._machine.is_full:
            await self.turns.wait()
        try:
            self.accept(chunk)
        finally:
            self.turns.pass_on()

    @property
    def is_open(self) -> bool:
        """Whether the recognition has not ended."""
        return self._machine.phase not in ENDS

    async def wait_for_room(self) -> None:
        """Wait while the machine is full, in the order of the calls. Cancellation is safe."""
        if self.turns.waiting or self._machine.is_full:
            await self.turns.wait()
            self.turns.pass_on()

    async def finish(self) -> None:
        """Mark the end of the audio, after all waiting calls of `send`."""
        if self.undecoded is not None:
            await self.undecoded.end()
        else:
            await self.mark_end()

    async def mark_end(self) -> None:
        """Mark the end of the audio that was accepted, after all calls that wait."""
        await self.mark(self._mark_end)

    async def flush_task(self) -> None:
        """End the task here; the next one continues with the same options."""
        await self._put(self._mark_seam, "flush")

    async def update(self, overrides: Overrides) -> None:
        """
        Continue with *overrides* of the latest options: in the next task, or in this one if it can.

        Raises:
            InvalidOptionError: An option cannot work, or cannot change within a stream.
        """
        for name in overrides:
            if name not in CHANGEABLE:
                raise InvalidOptionError(
                    name, "cannot change within a stream", hint="begin another stream for it"
                )
        replace(self._options, **overrides)  # refuses what can never work before it waits
        await self._put(partial(self._mark_update, snapshot(overrides)), "update")

    def _mark_update(self, overrides: Overrides, now: float) -> None:
        options = replace(self._options, **overrides)
        is_input = CHANGEABLE_IN_TASK.issuperset(overrides) and options.can_continue_task
        if not is_input and self._converter is not None:
            self._add_rest(self._converter.drain(), now)
        change = self._machine.continue_task if is_input else self._machine.update
        change(options, now)
        self._options = options

    def _mark_seam(self, now: float) -> None:
        if self._converter is not None:
            self._add_rest(self._converter.drain(), now)
        self._machine.flush(now)

    def _mark_end(self, now: float) -> None:
        if self._converter is not None:
            self._add_rest(self._converter.end(), now)
        self._machine.finish(now)

    def _require_input(self, what: str) -> None:
        """Raise as the machine does: it receives this only when it was decoded."""
        if self._machine.phase in ENDS or (self.undecoded and self.undecoded.is_ended):
            raise UsageError(f"cannot {what} after finish(), or after the end")

    async def _put(self, mark: Callable[[float], None], what: str) -> None:
        if self.undecoded is None:
            await self.mark(mark)
        else:
            self._require_input(what)
            await self.undecoded.put(Marker(mark))

    async def mark(self, mark: Callable[[float], None]) -> None:
        """Call *mark* with the time when all calls that wait have passed; raise what it raises."""
        if self.turns.waiting:
            await self.turns.wait()
        try:
            self._end_burst()
            now = self._clock()
            mark(now)
            self.flush(now)
        except AudioError as error:
            self._fail(error)
            raise
        finally:
            self.turns.pass_on()

    def accept(self, chunk: bytes) -> None:
        """
        Accept audio now, even if the machine is full.

        Raises:
            AudioError: The stream is not of its declared format.
            UsageError: The audio or the recognition has ended.
        """
        if self.joinable:
            self.join(chunk)
            return
        if self._heading is not None:
            self._check_heading(chunk)
        if self._converter is not None:
            chunk = self._converter.convert(chunk)
        now = self._clock()
        try:
            self._machine.send(chunk, now)
        except AudioError as error:
            self._fail(error)
            raise
        if self._is_flush_due:
            return
        if now - self._flushed_at < _BURST:  # send a burst together
            self._is_flush_due = True
            if self._heading is None and self._converter is None:
                self.joinable = self._machine.joinable
            asyncio.get_running_loop().call_soon(self._flush_burst)
        else:
            self._flushed_at = now
            self.flush(now)

    def join(self, chunk: bytes) -> None:
        """Accept audio as a part of the present burst, while this is *joinable*."""
        self._burst.append(chunk)
        self._burst_size += len(chunk)
        if self._burst_size >= self.joinable:
            self._join_burst()
            self.joinable = self._machine.joinable

    def _add_rest(self, rest: bytes, now: float) -> None:
        """Add what a conversion has held back."""
        if rest:
            self._machine.send(rest, now)

    def _join_burst(self) -> None:
        chunk = b"".join(self._burst)
        self._forget_burst()
        self._machine.send(chunk, self._clock())

    def _end_burst(self) -> None:
        if self._burst and self.is_open:
            self._join_burst()
        self._forget_burst()

    def _forget_burst(self) -> None:
        self._burst.clear()
        self._burst_size = self.joinable = 0

    def _check_heading(self, chunk: bytes) -> None:
        try:
            if self._heading is not None and not self._heading.feed(chunk):
                self._heading = None
        except AudioError as error:
            self._fail(error)
            raise

    def _flush_burst(self) -> None:
        self._end_burst()
        self._is_flush_due = False
        self._flushed_at = now = self._clock()
        self.flush(now)

    def forget_owner(self) -> None:
        """Send nothing any more: the recognition has ended."""
        self._owner = None
        self._forget_burst()

    def _fail(self, error: BaseException) -> None:
        if self._owner is not None:
            self._owner.end(error)

    def pass_on(self) -> None:
        """Wake the calls that wait, as far as there is room."""
        self.turns.pass_on()
        if self.undecoded is not None:
            self.undecoded.turns.pass_on()

    def restart(self, position: int) -> int:
        """Return where the source has to restart so that *position*, in bytes sent, is next."""
        self._forget_burst()
        return position if self._converter is None else self._converter.restart(position)

    def flush(self, now: float) -> None:
        """Write the frames that may be sent now, and update the timer."""
        owner, transport, machine = self._owner, self.transport, self._machine
        if owner is None:
            self.turns.pass_on()
            return
        try:
            if transport is not None:
                is_done = False
                while not (is_done or transport.is_full) and (frames := machine.data_to_send(now)):
                    transport.write(frames)
                    if self._report is not None:
                        self._report(frames, machine.request_ids[0])
                    is_done = not (machine.waiting or machine.replay)
                if transport.is_full:
                    machine.blocked(transport.unsent(), now)
            if machine.has_nearer_deadline:
                machine.has_nearer_deadline = False
                self._timer.nudge(owner, machine.deadline())
        except ConnectionLostError as error:
            self.transport = None
            owner.write_failed(error)
        except BaseException as error:  # noqa: BLE001 - the user's middleware may raise anything
            owner.break_attempt(error)
        if self.turns.waiting:
            self.turns.pass_on()


def _lets_pass(machine: Recognition) -> bool:
    return machine.has_room or machine.phase in ENDS
