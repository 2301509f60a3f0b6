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

from math import inf

from paraformer_async._core.buffer import Seam
from paraformer_async._core.framing import FRAME_MS
from paraformer_async._core.middleware import Stack, through
from paraformer_async._core.outgoing import BATCH, ENDS, Outgoing
from paraformer_async._core.progress import Progress
from paraformer_async._core.protocol import Move, Phase
from paraformer_async._core.retries import Retries, Setback
from paraformer_async._core.verdict import Again, Attempt, Over, Verdict
from paraformer_async._core.wire import (
    EVENTS,
    NO_OUTPUT,
    NOTHING,
    UNREADABLE,
    Event,
    ResultGenerated,
    ResultHeader,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    decode_event,
)
from paraformer_async.errors import (
    AudioLostError,
    ConnectionLostError,
    DeadlineError,
    RemoteProtocolError,
    ServiceError,
    TaskFailedError,
)
from paraformer_async.options.options import Options
from paraformer_async.results import AudioGap, RecognitionResult, Usage
from paraformer_async.transcript import join

__all__ = ["BATCH", "Again", "Over", "Recognition"]

_RESULTS = (Phase.RUNNING, Phase.FINISHING)
_UNCONNECTED = (Phase.NEW, Phase.WAITING, *ENDS)
_NO_SPEECH = "NO_VALID_AUDIO_ERROR"


class Recognition(Outgoing):
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
        super().__init__(options, stack, frame_ms=frame_ms, can_rewind=can_rewind)
        self._progress = Progress()
        self._retries = Retries(options.reconnect)
        self._attempt = Attempt()

    # What the user sees.

    @property
    def phase(self) -> Phase:
        """Where the recognition is."""
        return self._protocol.phase

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
        self._attempt = Attempt(self._reach, is_connected=True, is_reused=is_reused)
        self._pace.begin(now)
        self.request_ids.append(request_id)
        self._begin("started", now)  # also when middleware keeps run-task back

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
        waits = min(self._deadlines.soonest(), self._pace.held_until, self._tail_due)
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
        self._pace.release(now)
        if self._tail_due <= now:
            self._tail_due = inf
            self._buffer.flush()
        if not self._buffer.has_timer:
            due = self._stack.deadline()
            if due is not None and due <= now:
                self._buffer.mark_timer()

    def lost(self, failure: BaseException, now: float) -> Verdict:
        """
        The attempt has ended with *failure*: decide what follows.

        Args:
            failure: What ended it: of the connection, of the way to one, or raised in here.
            now: The time.
        """
        attempt, self._attempt = self._attempt, Attempt()
        self._deadlines.clear()
        self._replay.clear()
        if self._protocol.phase in ENDS:
            return Over(None if self._protocol.phase is Phase.DONE else failure)
        if not isinstance(failure, ServiceError):
            return self._give_up(failure)
        if self._is_complete_despite(failure):
            return self._complete()
        delay = self._retries.delay(self._setback(failure, attempt, now), now)
        if delay is None or not self._ledger.is_resumable:
            return self._give_up(failure)
        self._describe(failure)
        self._protocol.move(Move.AGAIN)
        return Again(delay, failure, self._retries.failures, self._rewind())

    # Inside.

    @property
    def _reach(self) -> int:
        return max(self._progress.reach, self._ledger.settled)

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
            self._begin_finish(now)
        return gap

    def _complete(self) -> Verdict:
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

    def _setback(self, failure: ServiceError, attempt: Attempt, now: float) -> Setback:
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
            gained=max(0, self._reach - attempt.reach),
        )

    def _give_up(self, failure: BaseException) -> Over:
        if isinstance(failure, ServiceError):
            self._describe(failure)
        self._protocol.move(Move.GIVEN_UP)
        return Over(failure)

    def _describe(self, failure: ServiceError) -> None:
        """Add to a failure what only the recognition knows."""
        why = ""
        if failure.retryable and self._options.reconnect and not self._ledger.is_resumable:
            why = f"a stream of {self._options.format} cannot be resumed; decode it to pcm"
        failure.with_facts(
            request_ids=self.request_ids,
            recognized=join(self._progress.text),
            unsettled=self._ledger.unsettled,
            hint=why,
        )
