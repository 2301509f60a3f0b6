"""
The sending half of a recognition: the user's audio becomes frames for the service.

    send, flush, update, continue_task, finish → buffer ─stack→ ledger ─protocol→ data_to_send

After a reconnection, unsettled audio is sent again from the replay queue. Audio that is faster than
real time is held back while more is unsettled than is kept.
"""

from collections import deque
from collections.abc import Iterable
from math import inf

from paraformer_async._core.buffer import AudioBuffer, Item, Mark, NewInput, Seam
from paraformer_async._core.deadlines import Deadlines
from paraformer_async._core.framing import Framer, Splitter, bytes_per_second
from paraformer_async._core.ledger import Ledger
from paraformer_async._core.messages import Audio, Command, ContinueTask, FinishTask, OutgoingFrame
from paraformer_async._core.middleware import Stack, passed, through
from paraformer_async._core.opening import Opening
from paraformer_async._core.pace import Pace
from paraformer_async._core.packets import Cutter, PacketFramer, Packets, cutter_of, joiner_of
from paraformer_async._core.protocol import ClientProtocol, Phase
from paraformer_async._core.rollover import Rollovers
from paraformer_async._core.task_log import TaskLog
from paraformer_async.errors import AudioError, UsageError
from paraformer_async.options.options import Options
from paraformer_async.options.service import UNCOMPRESSED

__all__ = ["BATCH", "COMPRESSED_BYTES_PER_SECOND", "Outgoing"]

_RUNNING = Phase.RUNNING  # an attribute of an enum costs a lookup for each frame
_AUDIO = (bytes, memoryview)
# Bytes of audio that are sent at once; in between, the caller checks how much is unsent. What a
# socket does not take of more would be copied several times.
BATCH = 51_200
# The buffer for compressed audio is bounded as if a second had this many bytes (128 kbit/s).
COMPRESSED_BYTES_PER_SECOND = 16_000
# After the end of the audio, the service may go on sending for this many times `Timeouts.finish`,
# plus this many times the duration of the unsettled audio.
_RENEWALS, _SLOWEST = 10, 4
# Longest frame, in ms for each second that is kept: what is kept is dropped frame by frame.
_LONGEST = 100


def _framer(options: Options, frame_ms: int) -> Framer | PacketFramer | Splitter:
    if options.format in UNCOMPRESSED:
        keep = options.reconnect.keep if options.reconnect else inf
        return Framer(options.sample_rate, frame_ms, longest_ms=keep * _LONGEST)
    if not options.is_cut:
        return Splitter()
    cutter = cutter_of(options.format)
    return PacketFramer(cutter, joiner_of(cutter))


class Outgoing:
    """
    The sending half of the machine; `Recognition` is the whole, and documents the arguments.

    Attributes:
        request_ids: Ids of the tasks so far, the current one last; empty before the first.
        waiting: Frames and marks that have not been sent.
        replay: What the current task has to receive again before them.
        is_paused: Whether no further audio should be accepted for now. The caller sets this.
        has_nearer_deadline: Whether `deadline` may be earlier than before. The caller that has
            checked it resets this.
    """

    def __init__(
        self,
        options: Options,
        stack: Stack,
        *,
        frame_ms: int,
        can_rewind: bool,
        log: TaskLog | None,
    ) -> None:
        is_raw = options.format in UNCOMPRESSED
        rate = bytes_per_second(options.sample_rate) if is_raw else None
        self._options = options
        self._stack = stack
        self._protocol = ClientProtocol(Phase.NEW, log)
        framer = _framer(options, frame_ms)
        self._packets = framer if isinstance(framer, PacketFramer) else None
        self._buffer: AudioBuffer = AudioBuffer(
            framer,
            limit=max(1, int(options.buffer * (rate or COMPRESSED_BYTES_PER_SECOND))),
            is_wav=options.format == "wav",
            log=self._protocol.log,
        )
        self._ledger = Ledger(
            rate,
            keep=options.reconnect.keep if options.reconnect else 0.0,
            is_wav=options.format == "wav",
        )
        self._deadlines = Deadlines(options.timeouts)
        self._pace = Pace(rate, options.reconnect.keep if options.reconnect else 0.0)
        self._rollovers = Rollovers(options.rollover)
        self._opening = Opening(options, stack)
        self.replay: deque[Command | Mark] = deque()
        self._end: Mark | Seam | None = None  # what ends the current task, once it was reached
        self._closing: list[Command] = []  # the commands that end it
        self._patience = frame_ms / 1000
        self._tail_due = inf  # when audio that does not fill a frame is sent all the same
        self._quiet_at: float = 0  # audio after this is the first since middleware has acted
        self._unsent = 0
        self._can_rewind = can_rewind and stack.is_plain and is_raw
        self._reached = 0  # audio before this position has already passed middleware
        self.waiting: deque[Item] = self._buffer.items
        self.request_ids: list[str] = []
        self.is_paused: bool = False
        self.has_nearer_deadline: bool = False

    @property
    def log(self) -> TaskLog:
        """The log of the recognition."""
        return self._protocol.log

    @property
    def is_full(self) -> bool:
        """Whether the buffer is full, or the input paused, so that further audio has to wait."""
        return self.is_paused or self._buffer.size >= self._buffer.limit

    @property
    def has_room(self) -> bool:
        """Whether senders that wait because of `is_full` can continue."""
        return not self.is_paused and self._buffer.has_room

    @property
    def joinable(self) -> int:
        """Bytes of chunks that may be one call of `send`; 0 if each has to be a call of its own."""
        return max(0, min(self._buffer.joinable, self._buffer.limit - self._buffer.size))

    def send(self, chunk: bytes, now: float) -> None:
        """
        Accept audio, even if `is_full`.

        Raises:
            UsageError: It is after `finish` or the end.
            AudioError: The audio is not of the declared format.
        """
        buffer, size = self._buffer, len(chunk)
        if buffer.is_ended:
            raise self._ended("send")
        if size == buffer.frame_size and not buffer.rest:  # nearly always
            buffer.items.append(chunk)
            buffer.size += size
        else:
            before = buffer.size
            buffer.add(chunk)
            if self._packets is not None:
                size = buffer.size - before
                self._measure(self._packets)
            if buffer.header is not None:
                self._pace.use(buffer.header.bytes_per_second)
            self._tail_due = now + self._patience if buffer.rest else inf
            self.has_nearer_deadline = True
        self._pace.accept(size, now, is_full=buffer.size >= buffer.limit)

    def flush(self, now: float) -> None:
        """End the task after the audio so far; the next one continues. Raises like `send`."""
        del now
        if self._buffer.is_ended:
            raise self._ended("flush")
        self._buffer.mark_seam(Seam())

    def update(self, options: Options, now: float) -> None:
        """
        Use other *options*, of the same format and sample rate, for the audio that follows.

        Raises like `send`.
        """
        del now
        if self._buffer.is_ended:
            raise self._ended("update")
        self._buffer.mark_seam(Seam(options))

    def continue_task(self, options: Options, now: float) -> None:
        """
        Use other *options*, which differ in the input of the task only, without ending the task.

        Raises like `send`.
        """
        del now
        if self._buffer.is_ended:
            raise self._ended("update")
        self._buffer.items.append(NewInput(options))

    def finish(self, now: float) -> None:
        """
        Mark the end of the audio. May be called twice.

        Raises:
            AudioError: There was no audio of the declared format.
        """
        del now
        if self._packets is not None and not self._buffer.is_ended:
            self._check_end(self._packets.cutter)
        self._buffer.mark_end()

    def data_to_send(self, now: float) -> list[OutgoingFrame]:
        """
        Return frames that may be sent now: a replay first, then new audio.

        At most about `BATCH` bytes of audio; there may be more. They count as sent.
        Exceptions of the user's middleware are not wrapped.
        """
        frames: list[OutgoingFrame] = []
        protocol, buffer, ledger = self._protocol, self._buffer, self._ledger
        until = ledger.size + BATCH
        if self.replay or protocol.phase is not _RUNNING:
            until -= self._put_first(frames, now)
        if self._rollovers.is_on:
            self._roll_over(frames, now)
        stack, items = self._stack, self.waiting
        steps = stack.outgoing_steps
        while items and (size := ledger.size) < until and protocol.phase is _RUNNING:
            if size >= ledger.horizon and self._is_held(now):
                break
            item = items.popleft()
            if not isinstance(item, _AUDIO):
                self._put_mark(item, frames, now)
                continue
            buffer.size -= len(item)
            audio = Audio(item)
            if size < self._reached:  # after a rewind
                self._put_again(audio, frames, now)
                continue
            for step in steps:
                returned = step(audio, now)
                if returned is not audio:
                    rest = steps[steps.index(step) + 1 :]
                    self._put(through(rest, passed(returned), now), frames, now)
                    break
            else:
                ledger.record(audio)
                frames.append(item)
        if stack.hurries or ledger.size > self._quiet_at:
            self._quiet_at = inf
            self.has_nearer_deadline = True
        return frames

    def blocked(self, unsent: int, now: float) -> None:
        """Start or renew the send timeout: the transport is full, with *unsent* bytes."""
        if "send" not in self._deadlines or unsent < self._unsent:
            self._begin("send", now)
        self._unsent = unsent

    def unblocked(self) -> None:
        """End the send timeout: the transport accepts frames again."""
        self._deadlines.end("send")

    @property
    def _is_rereading(self) -> bool:
        """Whether the source delivers audio again that has already passed middleware."""
        return self._ledger.size < self._reached

    def _ended(self, what: str) -> UsageError:
        return UsageError(f"cannot {what} after finish(), or after the end")

    def _is_held(self, now: float) -> bool:
        """
        Whether audio has to wait because too much is unsettled.

        Audio in real time never does: most of what is unsettled then is silence, which may be lost.
        Audio that is faster than real time would be lost only because it is early.
        """
        if self._can_rewind or not self._pace.is_ahead(self._buffer.size, now):
            return False
        self.has_nearer_deadline = True
        return True

    def _begin_finish(self, now: float) -> None:
        """Start the finish timeout: renewed by whatever is received, but not forever."""
        backlog = (self._ledger.unsettled or 0.0) * _SLOWEST
        limit = self._deadlines.limit("finish") * _RENEWALS
        self._deadlines.bound("finish", now + limit + backlog)
        self._begin("finish", now)

    def _begin(self, wait: str, now: float) -> None:
        self._deadlines.begin(wait, now)
        self.has_nearer_deadline = True

    def _run_task(self, now: float) -> list[Command]:
        """Return the commands that begin a task, with the newest input."""
        self._skip_seams()
        if self._opening.is_made and (newest := self._newest_input()) is not None:
            self._opening.use_input(newest)
        self.has_nearer_deadline = True
        return self._opening.commands(now)

    def _skip_seams(self) -> None:
        """Apply the updates before the next audio, so that no task without audio is begun."""
        items = self._buffer.items
        while items and self._ledger.is_fresh and self._end is None:
            mark = items[0]
            if isinstance(mark, NewInput) and self._opening.is_made:
                if not self._stack.is_plain:
                    return  # it passes middleware when it is sent
                self._opening.use_input(ContinueTask(mark.options.task_input()))
                self._opening.options = mark.options
            elif isinstance(mark, Seam | NewInput):
                self._opening.use(mark.options)
            else:
                return
            items.popleft()

    def _ends_here(self, now: float) -> bool:
        """
        End at a seam if no audio follows: the service would fail a task that has none.

        Not if middleware might add audio before the end.
        """
        self._skip_seams()
        items = self._buffer.items
        if not self._stack.is_plain or not items or items[0] is not Mark.END:
            return False
        items.popleft()
        self._end = Mark.END
        for _ in self._stack.outgoing(FinishTask(), now):
            pass  # middleware notes the end; nothing has to be sent
        return True

    def _newest_input(self) -> ContinueTask | None:
        """Return the newest input for the next task, if it waits behind audio."""
        newest = None
        if isinstance(self._end, Seam) or not self._stack.is_plain:
            return None  # it is for the task after, or passes middleware when it is sent
        for item in self._buffer.items:
            if isinstance(item, Seam):
                break
            if isinstance(item, NewInput):
                newest = ContinueTask(item.options.task_input())
        return newest

    def _roll_over(self, frames: list[OutgoingFrame], now: float) -> None:
        """End the task if it is long enough."""
        is_running = self._protocol.phase is Phase.RUNNING and not self.replay
        if is_running and self._rollovers.is_due(self._ledger.sent, self._ledger.size):
            self._end = Mark.ROLLOVER
            self._put((FinishTask(),), frames, now)

    def _put_first(self, frames: list[OutgoingFrame], now: float) -> int:
        """
        Put what precedes new audio: run-task, or what the task must receive again.

        Returns:
            Bytes of audio.
        """
        if self._protocol.phase is Phase.IDLE:
            if self._packets is not None:
                self._packets.joiner.begin()
            self._put(self._run_task(now), frames, now)
        return self._put_replay(frames, now) if self._protocol.phase is _RUNNING else 0

    def _put_replay(self, frames: list[OutgoingFrame], now: float) -> int:
        size = 0
        while self.replay and size < BATCH:
            command = self.replay.popleft()
            if isinstance(command, Mark):
                if not self._is_rereading:
                    self._stack.resumed(now)
                continue
            frames.append(self._framed(command))
            if isinstance(command, Audio):
                size += len(command.data)
                self._ledger.replayed(command)
            else:  # what ends the task
                self._begin_finish(now)
        return size

    def _put(self, commands: Iterable[Command], frames: list[OutgoingFrame], now: float) -> None:
        """Record commands before they are sent, so that none is lost with a connection."""
        for command in commands:
            if isinstance(command, Audio):
                self._put_audio(command, frames)
                continue
            if isinstance(command, FinishTask):
                self._end = self._end or Mark.END  # middleware may end the audio by itself
                self._closing.append(command)
                self._begin_finish(now)
            elif isinstance(command, ContinueTask):
                self._opening.use_input(command)
            frames.append(self._protocol.send(command, task_id=self.request_ids[-1]))

    def _put_again(self, audio: Audio, frames: list[OutgoingFrame], now: float) -> None:
        """Put audio that has already passed middleware."""
        self._put_audio(audio, frames)
        if not self._is_rereading:
            self._stack.resumed(now)

    def _put_audio(self, audio: Audio, frames: list[OutgoingFrame]) -> None:
        header = self._buffer.header
        if audio.injected and header is not None:
            if not self._ledger.has_header:
                return  # silence here would be read as the header
            if not any(bytes(audio.data)):
                ms = len(audio.data) * 1000 // bytes_per_second(self._options.sample_rate)
                audio = Audio(header.silence(ms), injected=True)
        frames += map(self._framed, self._ledger.reread(audio))

    def _measure(self, packets: PacketFramer) -> None:
        """Measure compressed audio once its first packet was found."""
        if packets.is_begun and self._ledger.given is None:
            rate = bytes_per_second(packets.cutter.rate)
            self._buffer.limit = max(1, int(self._options.buffer * rate))
            self._pace.use(rate)
            self._ledger.measure(rate)

    def _check_end(self, cutter: Cutter) -> None:
        """Log what was left out of compressed audio; raise if that was all of it."""
        format, left_out = self._options.format, cutter.skipped + len(cutter.rest)
        if left_out and self._ledger.given is None:
            raise AudioError(
                f"the stream was declared as {format} and has no whole packet of it: "
                f"{left_out} bytes were received"
            )
        if left_out:
            self.log.left_out(
                "%d bytes of the %s stream are left out: they are no whole packet", left_out, format
            )

    def _framed(self, command: Command) -> OutgoingFrame:
        """Return what is sent for a command that takes part in the running task."""
        if self._packets is not None and isinstance(command, Audio):
            data = command.data
            command = Audio(self._packets.joiner.join(data) if isinstance(data, Packets) else data)
        return self._protocol.send(command)

    def _put_packets(self, packets: Packets, frames: list[OutgoingFrame], now: float) -> None:
        self._buffer.size -= len(packets)
        if self._ledger.is_fresh and (lead := packets.lead):
            self._put_audio(Audio(lead, injected=True), frames)
        self._put(self._stack.outgoing(Audio(packets), now), frames, now)

    def _put_mark(
        self, mark: Packets | Mark | Seam | NewInput, frames: list[OutgoingFrame], now: float
    ) -> None:
        if isinstance(mark, Packets):
            self._put_packets(mark, frames, now)
        elif isinstance(mark, NewInput):
            self._opening.options = mark.options
            command = ContinueTask(mark.options.task_input())
            self._put(self._stack.outgoing(command, now), frames, now)
        elif mark is Mark.TIMER:
            self._buffer.has_timer = False
            self._quiet_at = self._ledger.size
            self._put(self._stack.expired(now), frames, now)
            self.has_nearer_deadline = True
        elif isinstance(mark, Mark):
            self._end = mark
            self._put(self._stack.outgoing(FinishTask(), now), frames, now)
            # Middleware may delay finish-task, but no longer than the service may take to answer.
            self._begin_finish(now)
        elif mark.options is not None or not self._ledger.is_fresh:
            self._end = mark
            self._put((FinishTask(),), frames, now)

    def _rewind(self) -> int | None:
        """Return where the source has to restart if not all unsettled audio is kept."""
        if not self._can_rewind or self._ledger.is_kept:
            return None
        self._reached = max(self._reached, self._ledger.size)
        self._buffer.clear()
        self._end = None
        self._closing = []
        return self._ledger.rewind()
