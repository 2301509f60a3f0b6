"""
One recognition as a machine: no clock, no socket, no task.

    send, flush, update, finish → buffer ─stack→ ledger ─protocol→ data_to_send
    receive → protocol ─→ ledger (the user's times) ─stack→ results

Its user moves frames, and comes back when `deadline` has come:

    machine.connected(request_id, now)      # there is a connection
    transport.write(machine.data_to_send(now))
    results = machine.receive(frame, now)   # then data_to_send again
    machine.expired(now)                    # then data_to_send again
    machine.lost(failure, now)              # Again(after, …): connect once more; Over(error)

What it is doing is one phase of `protocol.TRANSITIONS`. Whatever raises inside (a deadline, the
service's failure, the user's middleware) is handed back to `lost`, which decides what follows.
Middleware sees one recognition, however many tasks it takes: one `run-task`, no repetition.
"""

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import TypeAlias

from msgspec import Struct

from paraformer_async._core.buffer import AudioBuffer, Mark, Seam
from paraformer_async._core.deadlines import Deadlines
from paraformer_async._core.framing import FRAME_MS, Framer, Splitter, bytes_per_second
from paraformer_async._core.ledger import Ledger
from paraformer_async._core.middleware import Stack, through
from paraformer_async._core.pace import Pace
from paraformer_async._core.progress import Progress
from paraformer_async._core.protocol import ClientProtocol, Move, Phase
from paraformer_async._core.retries import Retries, Setback
from paraformer_async._core.wire import (
    EVENTS,
    NO_OUTPUT,
    NOTHING,
    UNREADABLE,
    Audio,
    Command,
    Event,
    FinishTask,
    Resource,
    ResultGenerated,
    ResultHeader,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    decode_event,
)
from paraformer_async.errors import (
    AudioLostError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    RemoteProtocolError,
    ServiceError,
    TaskFailedError,
    UsageError,
)
from paraformer_async.options.options import Options
from paraformer_async.results import AudioGap, RecognitionResult, Usage
from paraformer_async.transcript import join

__all__ = ["BATCH", "Again", "Over", "Recognition"]

# Frames that leave at a time, so that what is unsent is looked at between.
BATCH = 16
# For compressed audio the buffer is bounded as if a second had this many bytes (128 kbit/s).
_COMPRESSED_BYTES_PER_SECOND = 16_000
_UNCOMPRESSED = ("pcm", "wav")
_ENDS = (Phase.DONE, Phase.GIVEN_UP)
_UNCONNECTED = (Phase.NEW, Phase.WAITING, *_ENDS)
_RESULTS = (Phase.RUNNING, Phase.FINISHING)
_NO_SPEECH = "NO_VALID_AUDIO_ERROR"

OutgoingFrame: TypeAlias = str | bytes | memoryview


class Again(Struct, frozen=True):
    """
    Another attempt follows.

    Attributes:
        after: Seconds to wait before it.
        failure: Why the last one ended; `None` when nothing is wrong.
        failures: Consecutive failures so far.
        rewind_to: Where the user's audio is to come from again, in bytes; `None`: it goes on.
    """

    after: float
    failure: ServiceError | None = None
    failures: int = 0
    rewind_to: int | None = None


class Over(Struct, frozen=True):
    """
    The recognition has ended.

    Attributes:
        error: Why, with all facts; `None` when it is complete.
    """

    error: BaseException | None = None


class _Attempt:
    """The current task: since when it runs, and how far results had come before it."""

    __slots__ = ("is_connected", "is_reused", "reach", "started_at")

    def __init__(
        self, reach: int = 0, *, is_connected: bool = False, is_reused: bool = False
    ) -> None:
        self.reach = reach
        self.is_connected = is_connected
        self.is_reused = is_reused
        self.started_at: float | None = None


class Recognition:
    """
    The machine.

    Args:
        options: The options of the recognition.
        stack: Its middleware.
        frame_ms: Length of the frames in which PCM is sent, in ms.
        can_rewind: Whether the user's audio can come again from any position, so that what is not
            kept is not lost.

    Attributes:
        request_ids: Ids of the tasks so far, the current one last; empty before the first.
        has_nearer_deadline: Whether `deadline` may be nearer than it was. Who looks resets it.
    """

    def __init__(
        self,
        options: Options,
        stack: Stack,
        *,
        frame_ms: int = FRAME_MS,
        can_rewind: bool = False,
    ) -> None:
        is_raw = options.format in _UNCOMPRESSED
        rate = bytes_per_second(options.sample_rate) if is_raw else None
        self._options = options
        self._stack = stack
        self._protocol = ClientProtocol(Phase.NEW)
        self._buffer = AudioBuffer(
            Framer(options.sample_rate, frame_ms) if is_raw else Splitter(),
            limit=max(1, int(options.buffer * (rate or _COMPRESSED_BYTES_PER_SECOND))),
        )
        self._ledger = Ledger(
            rate,
            keep=options.reconnect.keep if options.reconnect else 0.0,
            is_wav=options.format == "wav",
        )
        self._progress = Progress()
        self._retries = Retries(options.reconnect)
        self._deadlines = Deadlines(options.timeouts)
        self._attempt = _Attempt()
        self._opening: list[Command] | None = None  # what begins each task
        self._replay: deque[Command] = deque()
        self._end: Mark | Seam | None = None  # what ends the current task, once it has its turn
        self._closing: list[Command] = []  # the commands of that
        self._unsent = 0
        self._can_rewind = can_rewind and stack.is_plain and is_raw
        self._reached = 0  # audio before this position has passed middleware already
        self._pace = Pace(rate)
        self.request_ids: list[str] = []
        self.has_nearer_deadline = False

    # What the user sees.

    @property
    def phase(self) -> Phase:
        """Where the recognition is."""
        return self._protocol.phase

    @property
    def is_full(self) -> bool:
        """Whether so much audio waits that who has more must wait."""
        return self._buffer.size >= self._buffer.limit

    @property
    def has_room(self) -> bool:
        """Whether who waits because of `is_full` can go on."""
        return self._buffer.has_room

    @property
    def is_ended(self) -> bool:
        """Whether the user has finished."""
        return self._buffer.is_ended

    @property
    def has_data(self) -> bool:
        """Whether `data_to_send` may have something to send."""
        return bool(self._buffer.items or self._replay) or self._protocol.phase is Phase.IDLE

    @property
    def usage(self) -> Usage | None:
        """What the service bills for all tasks so far; `None` until it has reported any."""
        return self._progress.usage

    @property
    def finals(self) -> int:
        """How many final results have been received."""
        return len(self._progress.text)

    @property
    def unsettled(self) -> float | None:
        """Seconds of audio that were sent and no final result covers; `None` if compressed."""
        return self._ledger.unsettled

    # What the user does.

    def send(self, chunk: bytes, now: float) -> None:
        """Take audio, also beyond `is_full`. Raises `UsageError` after `finish` or the end."""
        del now
        self._require_open("send")
        buffer, size = self._buffer, len(chunk)
        if size == buffer.frame_size and not buffer.rest:  # nearly always
            buffer.items.append(chunk)
            buffer.size += size
        else:
            buffer.add(chunk)

    def flush(self, now: float) -> None:
        """End the task after the audio so far; another one takes what follows. Raises as `send`."""
        del now
        self._require_open("flush")
        self._buffer.mark_seam(Seam())

    def update(self, options: Options, now: float) -> None:
        """
        Use other *options* for the audio that follows; of the same format and sample rate.

        Raises as `send`.
        """
        del now
        self._require_open("update")
        self._buffer.mark_seam(Seam(options))

    def finish(self, now: float) -> None:
        """No more audio comes. May be called twice."""
        del now
        self._buffer.mark_end()

    # What the connection does.

    def connected(self, request_id: str, now: float, *, is_reused: bool = False) -> None:
        """
        There is a connection for the next task: the first, one that takes over, or one at a seam.

        Args:
            request_id: Id for the task; a new one for each.
            now: The time.
            is_reused: Whether the connection has been idle, and may have gone stale.
        """
        self._protocol.move(Move.CONNECTED)
        self._attempt = _Attempt(self._reach, is_connected=True, is_reused=is_reused)
        self._pace.begin(now)
        self.request_ids.append(request_id)
        self._begin("started", now)  # also when middleware keeps run-task back

    def data_to_send(self, now: float) -> list[OutgoingFrame]:
        """
        Return frames that may leave now, at most about `BATCH`: a replay first, then new audio.

        What is returned counts as sent. Raises what the user's middleware raises.
        """
        frames: list[OutgoingFrame] = []
        protocol, items = self._protocol, self._buffer.items
        if protocol.phase is Phase.IDLE:
            self._put(self._run_task(now), frames, now)
        if self._replay and protocol.phase is Phase.RUNNING:
            self._put_replay(frames, now)
        ledger = self._ledger
        while items and protocol.phase is Phase.RUNNING and len(frames) < BATCH:
            if ledger.size >= ledger.horizon and self._is_held(now):
                break
            item = items.popleft()
            if not isinstance(item, (bytes, memoryview)):
                self._put_mark(item, frames, now)
                continue
            self._buffer.size -= len(item)
            if ledger.size < self._reached:  # it comes again
                self._put((Audio(item),), frames, now)
                continue
            command: Command = Audio(item)
            for number, step in enumerate(self._stack.outgoing_steps, 1):
                passed = step(command, now)
                if type(passed) is not tuple or len(passed) != 1:
                    rest = self._stack.outgoing_steps[number:]
                    self._put(through(rest, passed, now), frames, now)
                    break
                (command,) = passed
            else:
                if type(command) is Audio:
                    ledger.record(command)
                    frames.append(command.data)
                else:
                    self._put((command,), frames, now)
        if self._stack.hurries:
            self.has_nearer_deadline = True
        return frames

    def blocked(self, unsent: int, now: float) -> None:
        """The connection takes nothing now; *unsent* bytes wait there. Fewer are progress."""
        if "send" not in self._deadlines or unsent < self._unsent:
            self._begin("send", now)
        self._unsent = unsent

    def unblocked(self) -> None:
        """The connection takes frames again."""
        self._deadlines.end("send")

    def receive(self, frame: str | bytes, now: float) -> list[RecognitionResult]:
        """
        Take a frame of the service, and return the results that the user is to see.

        Raises:
            ServiceError: The task has failed, or the service broke the protocol.
            AudioLostError: The task takes over, and not all of the unsettled audio is kept.
            BaseException: What the user's middleware raises.
        """
        waits = self._deadlines
        if waits.until:
            waits.renew("send", now)
            if self._protocol.phase is Phase.FINISHING:
                waits.renew("finish", now)
        try:
            message = EVENTS.decode(frame)
        except UNREADABLE:
            return self._receive_other(frame, now)
        header = message.header
        # A result of the running task changes no phase; all else goes through the table.
        if type(header) is not ResultHeader or header.task_id != self._protocol.task_id:
            return self._receive_other(frame, now)
        if self._protocol.phase not in _RESULTS:
            return self._receive_other(frame, now)
        payload = message.payload or NOTHING
        output = payload.output or NO_OUTPUT
        return self._take_result(ResultGenerated(output.sentence, payload.usage), now)

    def deadline(self) -> float:
        """Return when `expired` is to be called; infinity for not at all."""
        waits = min(self._deadlines.soonest(), self._pace.held_until)
        # While the timer's mark waits in the buffer, middleware cannot act.
        stack = None if self._buffer.has_timer else self._stack.deadline()
        return waits if stack is None else min(waits, stack)

    def expired(self, now: float) -> None:
        """
        The deadline has come. Nothing happens when it has not.

        Raises:
            DeadlineError: A wait has run out.
            BaseException: What the user's middleware raises.
        """
        if wait := self._deadlines.overdue(now):
            self._deadlines.end(wait)
            raise DeadlineError(wait, self._deadlines.limit(wait))
        if self._pace.held_until <= now:
            self._pace.held_until = inf
        if not self._buffer.has_timer:
            due = self._stack.deadline()
            if due is not None and due <= now:
                self._buffer.mark_timer()

    def lost(self, failure: BaseException, now: float) -> Again | Over:
        """
        The attempt has ended with *failure*: decide what follows.

        Args:
            failure: What ended it: of the connection, of the way to one, or raised in here.
            now: The time.
        """
        attempt, self._attempt = self._attempt, _Attempt()
        self._deadlines.clear()
        self._replay.clear()
        if self._protocol.phase in _ENDS:
            return Over(None if self._protocol.phase is Phase.DONE else failure)
        if not isinstance(failure, ServiceError):
            return self._give_up(failure)
        if self._is_complete_despite(failure):
            return self._complete()
        delay = self._retries.delay(self._setback(failure, attempt, now))
        if delay is None or not self._ledger.is_resumable:
            self._explain(failure)
            return self._give_up(failure)
        self._describe(failure)
        self._protocol.move(Move.AGAIN)
        return Again(delay, failure, self._retries.failures, self._rewind())

    # Inside.

    def _require_open(self, what: str) -> None:
        if self._buffer.is_ended or self._protocol.phase in _ENDS:
            raise UsageError(f"cannot {what} after finish(), or after the end")

    @property
    def _reach(self) -> int:
        return max(self._progress.reach, self._ledger.settled)

    def _is_held(self, now: float) -> bool:
        """
        Whether audio has to wait because too much is unsettled.

        Audio in real time never has to: what is unsettled then is mostly silence, and may be lost;
        audio that is faster would be lost for being early.
        """
        if self._can_rewind or not self._pace.is_ahead(self._ledger.size, now):
            return False
        self.has_nearer_deadline = True
        return True

    def _rewind(self) -> int | None:
        """Let the user's audio come again when not all that is needed is kept."""
        if not self._can_rewind or self._ledger.lost is None:
            return None
        self._reached = max(self._reached, self._ledger.size)
        self._buffer.clear()
        self._end = None
        self._closing = []
        return self._ledger.rewind()

    def _begin(self, wait: str, now: float) -> None:
        self._deadlines.begin(wait, now)
        self.has_nearer_deadline = True

    def _run_task(self, now: float) -> list[Command]:
        """Return the commands that begin a task: the same for each, until there is an update."""
        if self._opening is None:
            options = self._options
            resources = (Resource(options.phrase_id),) if options.phrase_id else ()
            task = RunTask(options.model, options.task_parameters(), resources)
            self._opening = list(self._stack.outgoing(task, now))
            self.has_nearer_deadline = True
        return self._opening

    def _put_replay(self, frames: list[OutgoingFrame], now: float) -> None:
        while self._replay and len(frames) < BATCH:
            command = self._replay.popleft()
            frames.append(self._protocol.send(command))
            if isinstance(command, FinishTask):
                self._begin("finish", now)

    def _put(self, commands: Iterable[Command], frames: list[OutgoingFrame], now: float) -> None:
        """Enter commands before they are sent: what a broken connection swallows is kept."""
        for command in commands:
            if isinstance(command, Audio):
                self._ledger.record(command)
            elif isinstance(command, FinishTask):
                self._end = self._end or Mark.END  # middleware may end the audio by itself
                self._closing.append(command)
                self._begin("finish", now)
            frames.append(self._protocol.send(command, task_id=self.request_ids[-1]))

    def _put_mark(self, mark: Mark | Seam, frames: list[OutgoingFrame], now: float) -> None:
        if mark is Mark.TIMER:
            self._buffer.has_timer = False
            self._put(self._stack.expired(now), frames, now)
            self.has_nearer_deadline = True
        elif isinstance(mark, Mark):
            self._end = mark
            self._put(self._stack.outgoing(FinishTask(), now), frames, now)
            # Middleware may hold the last command back, no longer than a service may take.
            self._begin("finish", now)
        elif mark.options is not None or not self._ledger.is_fresh:
            self._end = mark
            self._put((FinishTask(),), frames, now)

    def _receive_other(self, frame: str | bytes, now: float) -> list[RecognitionResult]:
        """Take a frame that is not a result of the running task in the usual form."""
        if self._protocol.phase in _UNCONNECTED:
            return []  # of a connection that was given up
        event = self._protocol.receive(frame)
        if event is None:
            return []
        if isinstance(event, TaskFailed) and self._is_left_over(frame):
            raise RemoteProtocolError("an earlier task of the connection failed", retryable=True)
        if isinstance(event, ResultGenerated):
            return self._take_result(event, now)
        return self._turn(event, now)

    def _is_left_over(self, frame: str | bytes) -> bool:
        """Whether *frame* is of an earlier task of a connection that has been idle."""
        is_idle = self._attempt.is_reused and self._attempt.started_at is None
        return is_idle and self._protocol.is_of_another(decode_event(frame)[0])

    def _take_result(self, result: ResultGenerated, now: float) -> list[RecognitionResult]:
        """Put a result on the user's timeline, and note what it brings."""
        result = self._ledger.settle(result)
        sentence = result.sentence
        if sentence is not None and not sentence.heartbeat:
            if sentence.is_final and sentence.end_time and sentence == self._progress.last:
                return []  # the same sentence at the same time: it came twice
            self._progress.last = sentence
            if sentence.is_final:
                self._progress.text.append(sentence.text)
        if result.usage is not None:
            self._progress.note_usage(result.usage)
        return self._shown(result, now)

    def _turn(self, event: Event, now: float) -> list[RecognitionResult]:
        """Take the beginning or the end of a task."""
        if isinstance(event, TaskStarted):
            return self._started(event, now)
        if isinstance(event, TaskFailed):
            self._shown(event, now)
            raise TaskFailedError(event.error_code, event.error_message)
        self._progress.note_usage(event.usage if isinstance(event, TaskFinished) else None)
        if self._complete() == Over():
            return self._shown(event, now)
        return []

    def _started(self, event: TaskStarted, now: float) -> list[RecognitionResult]:
        self._deadlines.end("started")
        self._attempt.started_at = now
        results: list[RecognitionResult] = []
        if len(self.request_ids) > 1:
            results += self._take_over(now)
        if not self._progress.has_started:
            self._progress.has_started = True
            results += self._shown(event, now)
        return results

    def _take_over(self, now: float) -> list[RecognitionResult]:
        """Have the task receive first what no final result covers, and the end if it was sent."""
        gap: list[RecognitionResult] = []
        if lost := self._ledger.lost:
            if self._options.reconnect and self._options.reconnect.lost == "raise":
                raise AudioLostError(*lost)
            gap.append(AudioGap.between(*lost))
        self._progress.begin_task()
        self._replay.extend(self._ledger.restart())
        self._replay.extend(self._closing)
        if self._end is not None and not self._closing:  # middleware still holds it back
            self._begin("finish", now)
        return gap

    def _complete(self) -> Again | Over:
        """All results of the task are there: go over the seam, or be done."""
        self._deadlines.clear()
        end = self._end
        if not isinstance(end, Seam):
            self._protocol.move(Move.COMPLETED)
            return Over()
        self._end = None
        self._closing = []
        self._ledger.seal()
        if end.options is not None:
            self._options = end.options
            self._opening = None
        self._protocol.move(Move.AGAIN)
        return Again(0.0)

    def _shown(self, event: Event, now: float) -> list[RecognitionResult]:
        """Pass an event through middleware, and return what of it is for the user."""
        if self._stack.hurries:
            self.has_nearer_deadline = True
        for number, step in enumerate(self._stack.incoming_steps, 1):
            passed = step(event, now)
            if type(passed) is not tuple or len(passed) != 1:
                events = through(self._stack.incoming_steps[number:], passed, now)
                return [result for each in events if (result := self._result_of(each))]
            (event,) = passed
        return [result] if (result := self._result_of(event)) else []

    def _result_of(self, event: Event) -> RecognitionResult | None:
        if type(event) is not ResultGenerated:
            return None
        sentence = event.sentence
        if sentence is None or sentence.heartbeat:
            return None
        return RecognitionResult(sentence, self.request_ids[-1], event.usage)

    def _is_complete_despite(self, failure: ServiceError) -> bool:
        """
        Whether nothing is missing but `task-finished`, although there was a *failure*.

        The audio has ended, and final results cover all of it when the connection breaks; or the
        service found no speech in the rest, which a task of its own received.
        """
        if not self._closing:
            return False
        if isinstance(failure, TaskFailedError) and failure.error_code == _NO_SPEECH:
            is_alone = len(self.request_ids) == 1 or not self._progress.text
            # All of the audio was for tasks before, and nothing was left for this one.
            is_rest = self._ledger.is_fresh and self._ledger.given != 0
            return isinstance(self._end, Seam) or not is_alone or is_rest
        return self._ledger.is_settled and isinstance(failure, ConnectionLostError)

    def _setback(self, failure: ServiceError, attempt: _Attempt, now: float) -> Setback:
        if not attempt.is_connected:
            return Setback(failure)
        # A connection that went stale may also just be silent, or carry what is left of a task.
        was_lost = isinstance(failure, ConnectionLostError | DeadlineError | RemoteProtocolError)
        started_at = attempt.started_at
        return Setback(
            failure,
            was_connected=True,
            was_stale=attempt.is_reused and started_at is None and was_lost,
            ran_for=0.0 if started_at is None else now - started_at,
            progressed=self._reach > attempt.reach,
        )

    def _give_up(self, failure: BaseException) -> Over:
        if isinstance(failure, ServiceError):
            self._describe(failure)
        self._protocol.move(Move.GIVEN_UP)
        return Over(failure)

    def _describe(self, failure: ServiceError) -> None:
        """Add to a failure what only the recognition knows."""
        failure.request_ids = tuple(self.request_ids)
        failure.recognized = join(self._progress.text)
        failure.unsettled = self._ledger.unsettled
        if not failure.request_id and self.request_ids and not isinstance(failure, ConnectError):
            failure.request_id = self.request_ids[-1]

    def _explain(self, failure: ServiceError) -> None:
        """Add why a failure that is worth another try got none."""
        if failure.retryable and self._options.reconnect and not self._ledger.is_resumable:
            failure.hint = f"a stream of {self._options.format} cannot be taken up again, pcm can"
