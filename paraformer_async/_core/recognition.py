"""
One recognition as a state machine, without a clock, a socket or a task.

    send, flush, update, continue_task, finish → buffer ─stack→ ledger ─protocol→ data_to_send
    receive → protocol ─→ ledger (the user's times) ─stack→ results

The caller moves frames, and calls `expired` when `deadline` has passed:

    machine.connected(request_id, now)      # a connection is open
    transport.write(machine.data_to_send(now))
    results = machine.receive(frame, now)   # then data_to_send again
    machine.expired(now)                    # then data_to_send again
    machine.lost(failure, now)              # Again(after, …): connect again; Over(error)

Its state is one phase of `protocol.TRANSITIONS`. The caller passes whatever a method raises (a
deadline, a failure of the service, an exception of the user's middleware) to `lost`, which decides
what follows. Middleware sees one recognition, however many tasks it takes: one `run-task`, and no
repetitions.
"""

from collections.abc import Callable
from math import inf

from msgspec.structs import replace

from paraformer_async._core.buffer import Mark, Seam
from paraformer_async._core.envelopes import EVENTS, NOTHING, UNREADABLE, ResultHeader
from paraformer_async._core.framing import FRAME_MS
from paraformer_async._core.incoming import Incoming
from paraformer_async._core.messages import (
    Event,
    ResultGenerated,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.middleware import Stack
from paraformer_async._core.outgoing import BATCH
from paraformer_async._core.protocol import ENDS, Move, Phase
from paraformer_async._core.retries import Retries, Setback
from paraformer_async._core.task_log import TaskLog
from paraformer_async._core.verdict import (
    Again,
    Attempt,
    Over,
    RaisedByUser,
    Verdict,
    found_no_speech,
)
from paraformer_async._core.wire import decode_event, result_of
from paraformer_async.errors import (
    AudioLostError,
    ConnectionLostError,
    DeadlineError,
    RemoteProtocolError,
    ServiceError,
    TaskFailedError,
)
from paraformer_async.options.options import Options
from paraformer_async.results import (
    AudioGap,
    RecognitionResult,
    Sentence,
)
from paraformer_async.transcript import join

__all__ = ["BATCH", "Again", "Over", "Recognition"]

_RESULTS = (Phase.RUNNING, Phase.FINISHING)
_FINISHED = TaskFinished()
_UNCONNECTED = (Phase.NEW, Phase.WAITING, *ENDS)


class Recognition(Incoming):
    """
    The state machine of one recognition.

    Args:
        options: The options of the recognition.
        stack: Its middleware.
        frame_ms: Length of the frames in which PCM is sent, in ms.
        can_rewind: Whether the source can deliver its audio again from any position, so that audio
            that is not kept is not lost.
        log: The log of the recognition.

    Attributes:
        request_ids: Ids of the tasks so far, the current one last; empty before the first.
        has_nearer_deadline: Whether `deadline` may be earlier than before. The caller that has
            checked it resets this.
        has_binary: Whether the service sent an event in a binary frame; its error names that.
    """

    has_nearer_deadline: bool  # assigned here, too: without it, pyright finds the type ambiguous

    def __init__(
        self,
        options: Options,
        stack: Stack,
        *,
        frame_ms: int = FRAME_MS,
        can_rewind: bool = False,
        log: TaskLog | None = None,
    ) -> None:
        super().__init__(options, stack, frame_ms=frame_ms, can_rewind=can_rewind, log=log)
        self._retries = Retries(options.reconnect)
        self._attempt = Attempt()
        self.has_binary: bool = False

    # What the user sees.

    @property
    def phase(self) -> Phase:
        """The phase of the recognition."""
        return self._protocol.phase

    @property
    def model(self) -> str:
        """The model of the current task, or of the next one if there is none."""
        return self._opening.options.model

    # The connection.

    def connected(
        self,
        request_id: str,
        now: float,
        *,
        is_reused: bool = False,
        hide: Callable[[str], str] = str,
    ) -> None:
        """
        Begin the next task: the first one, one after a failure, or one after a seam.

        Args:
            request_id: Id of the task; a new one for each.
            now: The time.
            is_reused: Whether the connection was idle, and may have become stale.
            hide: Returns a text of the service without the secrets that opened the connection.
        """
        self._protocol.hide = hide
        self._protocol.move(Move.CONNECTED)
        is_retry = self._attempt.is_retry
        self._attempt = Attempt(
            self._reach, is_connected=True, is_reused=is_reused, is_retry=is_retry
        )
        self.request_ids.append(request_id)
        self.log.request_id = request_id
        self._begin("started", now)  # even if middleware holds run-task back
        if is_reused:
            self._begin("reused", now)

    def receive(self, frame: str | bytes, now: float) -> list[RecognitionResult]:
        """
        Handle a frame of the service, and return results for the user.

        Raises:
            ServiceError: The task has failed, or the service broke the protocol.
            AudioLostError: The task continues a failed one, and not all unsettled audio is kept.
            BaseException: Any exception of the user's middleware.
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
        return self._take_result(result_of(message.payload or NOTHING), now)

    def deadline(self) -> float:
        """Return when to call `expired`; infinity for never."""
        waits = min(self._deadlines.soonest(), self._pace.held_until, self._tail_due)
        # While the timer's mark is in the buffer, or audio is read again, middleware cannot act;
        # after the end, what it raised would be dropped.
        is_idle = self._buffer.has_timer or self._is_rereading or self._protocol.phase in ENDS
        stack = None if is_idle else self._stack.deadline()
        return waits if stack is None else min(waits, stack)

    def expired(self, now: float) -> None:
        """
        Handle the deadlines that have passed, if any.

        Raises:
            DeadlineError: A wait has expired.
            BaseException: Any exception of the user's middleware.
        """
        if wait := self._deadlines.overdue(now):
            self._deadlines.end(wait)
            raise DeadlineError(wait, self._deadlines.limit(wait))
        self._pace.release(now)
        if self._tail_due <= now:
            self._tail_due = inf
            self._buffer.flush()
        if not (self._buffer.has_timer or self._is_rereading):
            due = self._stack.deadline()
            if due is not None and due <= now:
                self._buffer.mark_timer()

    def is_excused(self, failure: ServiceError, now: float) -> bool:
        """
        Return whether *failure*, which ends the current task, is no evidence against its address.

        The connection was idle and had become stale; or it was lost, but had been worth it: results
        reached half a second further, or the task ran for 5 s.
        """
        setback = self._setback(failure, self._attempt, now)
        was_lost = isinstance(failure, ConnectionLostError)
        return setback.was_stale or (setback.has_progressed and was_lost)

    def lost(self, failure: BaseException, now: float, *, is_last: bool = False) -> Verdict:
        """
        Decide what follows after an attempt has ended with *failure*.

        Args:
            failure: An error of connecting or of the connection, or raised by a method above.
            now: The time.
            is_last: Whether the caller would wait no longer to repeat the attempt.

        Raises:
            BaseException: Any exception of the user's middleware, which receives the end.
        """
        attempt, self._attempt = self._attempt, Attempt()
        self._deadlines.clear()
        self.replay.clear()
        error = failure.error if isinstance(failure, RaisedByUser) else failure
        if self._protocol.phase in ENDS:
            return Over(None if self._protocol.phase is Phase.DONE else error)
        if not isinstance(failure, ServiceError):
            return self._give_up(error)
        if self._end is Mark.ROLLOVER and self._is_rolled_over_despite(failure):
            self._begin_fresh()
            return Again(0.0)
        if self._is_complete_despite(failure):
            return Again(0.0) if self._crosses_seam(now) else Over(results=self._complete(now))
        setback = self._setback(failure, attempt, now)
        delay = self._retries.delay(setback, now)
        # Of a task on a stale connection, nothing was sent.
        if delay is None or is_last or not (setback.was_stale or self._ledger.is_resumable):
            failure = self._lost_audio(failure) or failure
            self._describe(failure)
            return self._give_up(failure, self._shown_failure(failure, now))
        self._describe(failure)
        self._attempt.is_retry = True
        self._protocol.move(Move.AGAIN)
        return Again(delay, failure, self._retries.failures, self._rewind())

    def ends_between_tasks(self, now: float) -> Over | None:
        """
        Complete the recognition if another task would be sent no audio; return `None` if it is not.

        That is, the audio has ended while the next task was waited for, and finals cover all of it.
        Raises what middleware raises.
        """
        is_waiting = self._protocol.phase is Phase.WAITING
        if is_waiting and self._ledger.is_settled and not self._is_rereading:
            self._ledger.seal()
            if self._ends_here(now):
                return Over(results=self._complete(now))
        return None

    def abandon(self) -> None:
        """End the recognition, unless it has ended: nothing is retried."""
        if self._protocol.phase not in ENDS:
            self._deadlines.clear()
            self.replay.clear()
            self._protocol.move(Move.GIVEN_UP)
            self._buffer.is_ended = True

    # Private.

    @property
    def _reach(self) -> int:
        return max(self._progress.reach, self._ledger.settled)

    def _receive_other(self, frame: str | bytes, now: float) -> list[RecognitionResult]:
        """Handle a frame that is not a well-formed result of the running task."""
        if self._protocol.phase in _UNCONNECTED:
            return []  # from a connection that was given up
        self._deadlines.end("reused")
        event = self._protocol.receive(frame)
        if event is None:
            return []
        if isinstance(event, TaskFailed) and self._is_left_over(frame):
            raise RemoteProtocolError("an earlier task of the connection failed", retryable=True)
        if isinstance(event, ResultGenerated):
            return self._take_result(event, now)
        return self._turn(event, now)

    def _is_left_over(self, frame: str | bytes) -> bool:
        """Whether *frame* belongs to an earlier task of a reused connection."""
        is_reused = self._attempt.is_reused
        return is_reused and self._protocol.is_of_another(decode_event(frame)[0])

    def _turn(self, event: Event, now: float) -> list[RecognitionResult]:
        """Handle the start or the end of a task."""
        if isinstance(event, TaskStarted):
            return self._started(event, now)
        if isinstance(event, TaskFailed):
            hide = self._protocol.hide
            raise TaskFailedError(hide(event.error_code), hide(event.error_message))
        self._progress.note_usage(event.usage if isinstance(event, TaskFinished) else None)
        self._retries.finished()
        if self._end is Mark.ROLLOVER:
            return self._rolled_over(now)
        return [] if self._crosses_seam(now) else [*self._complete(now, event)]

    def _started(self, event: TaskStarted, now: float) -> list[RecognitionResult]:
        self._deadlines.end("started")
        self._attempt.started_at = now
        self._rollovers.begin(self._ledger.size)
        self.has_nearer_deadline = True  # that of middleware, which could not act before
        results: list[RecognitionResult] = []
        if len(self.request_ids) > 1:
            results += self._take_over(now)
        if not self._progress.has_started:
            self._progress.has_started = True
            results += self._shown(event, now)
        return results

    def _take_over(self, now: float) -> list[RecognitionResult]:
        """Queue the audio that no final covers for the task, and finish-task if it was sent."""
        lost = self._ledger.lost
        if lost and self._options.reconnect and self._options.reconnect.lost == "raise":
            raise AudioLostError(lost[0].begin_time, lost[-1].end_time)
        if lost:
            self._utterance.end_task()  # the sentence in progress cannot continue after it
        self._progress.begin_task()
        self._utterance.begin_task()
        self._corrections.begin_task()
        self.replay.extend(self._ledger.restart())
        if self._attempt.is_retry and not self._ledger.is_fresh:
            self.replay.append(Mark.RESUMED)
        self._attempt.is_retry = False
        self.replay.extend(self._closing)
        if self._end is not None and not self._closing:  # middleware still holds it back
            self._begin_finish(now)
        return [AudioGap.between(*span) for span in lost]

    def _rolled_over(self, now: float) -> list[RecognitionResult]:
        """Drop the last final of a task that has rolled over, or take it; a fresh one follows."""
        ledger, held = self._ledger, self._rollovers.held
        ledger.close_gaps(held.sentence if held else None)
        results: list[RecognitionResult] = []
        is_done = False
        if held is None or held.sentence is None:
            self._pass_over_rest()
        elif self._rollovers.can_repeat(held.sentence) and not ledger.lost:
            begun = replace(held.sentence, end_time=None, sentence_end=False, words=())
            ledger.settle(begun, is_final=False)
        else:
            results = self._take_whole(held, now)
            is_done = True
        if is_done or ledger.lost:
            ledger.seal()
        self._begin_fresh()
        return results

    def _pass_over_rest(self) -> None:
        """Note that a finished task has recognized nothing after its last final."""
        silence = Sentence(begin_time=int(self._ledger.sent), heartbeat=True)
        self._ledger.settle(silence, is_final=False)

    def _is_rolled_over_despite(self, failure: ServiceError) -> bool:
        """
        Whether a task that was to roll over had no speech for another one to repeat.

        After any other failure there is another task anyway, which receives all unsettled audio.
        """
        if found_no_speech(failure):
            self._pass_over_rest()
            return True
        self._end = None
        self._closing = []
        return False

    def _begin_fresh(self) -> None:
        """Continue in another task, on the same connection if there is one."""
        self._deadlines.clear()
        self._end = None
        self._closing = []
        self._protocol.move(Move.AGAIN)

    def _crosses_seam(self, now: float) -> bool:
        """Go on in another task, if this one has ended at a seam with audio after it."""
        self._deadlines.clear()
        end = self._end
        if not isinstance(end, Seam):
            return False
        self._end = None
        self._closing = []
        self._ledger.seal()
        self._utterance.end_task()
        self._opening.use(end.options)
        if self._ends_here(now):
            return False
        self._protocol.move(Move.AGAIN)
        return True

    def _complete(self, now: float, event: Event = _FINISHED) -> tuple[RecognitionResult, ...]:
        """Be done: all results were received. Return what middleware has held back until now."""
        results = self._shown_last(event, now)
        if self._protocol.phase not in ENDS:  # middleware may have given up its stream
            self._protocol.move(Move.COMPLETED)
            self._buffer.is_ended = True
        return results

    def _shown_last(self, event: Event, now: float) -> tuple[RecognitionResult, ...]:
        """Pass the end through middleware, and return the results for the user."""
        try:
            return tuple(self._shown(event, now))
        except BaseException:
            self.abandon()  # it is raised to the user, whatever it is
            raise

    def _shown_failure(self, failure: ServiceError, now: float) -> tuple[RecognitionResult, ...]:
        """Pass a failed task through middleware; other failures are no event."""
        if not isinstance(failure, TaskFailedError):
            return ()
        return self._shown_last(TaskFailed(failure.error_code, failure.error_message), now)

    def _is_complete_despite(self, failure: ServiceError) -> bool:
        """
        Whether only `task-finished` is missing, in spite of a *failure*.

        That is, the audio has ended, and the task failed in a way that is no fault of the audio,
        after final results that cover all of it; or the service found no speech in the rest, which
        was sent in a task of its own.
        """
        if not self._closing:
            return False
        is_without_speech = found_no_speech(failure)
        if self._ledger.is_settled:
            is_lost = isinstance(failure, ConnectionLostError)
            return is_lost or failure.retryable or is_without_speech
        ledger, is_later = self._ledger, len(self.request_ids) > 1
        # All audio was sent in earlier tasks, and none was left for this one.
        is_bare = ledger.given != 0 and (ledger.is_fresh or ledger.unsettled == 0)
        is_rest = is_later and (bool(self._progress.text) or is_bare)
        return is_without_speech and (is_rest or isinstance(self._end, Seam))

    def _setback(self, failure: ServiceError, attempt: Attempt, now: float) -> Setback:
        if not attempt.is_connected:
            return Setback(failure)
        # A stale connection may also just be silent, or deliver what is left of an earlier task.
        was_lost = isinstance(failure, ConnectionLostError | DeadlineError | RemoteProtocolError)
        started_at = attempt.started_at
        return Setback(
            failure,
            was_connected=True,
            was_stale=attempt.is_reused and started_at is None and was_lost,
            has_started=started_at is not None,
            ran_for=0.0 if started_at is None else now - started_at,
            gained=max(0, self._reach - attempt.reach),
        )

    def _lost_audio(self, failure: ServiceError) -> AudioLostError | None:
        """Return the error for an outage that has outlasted what is kept of live audio."""
        if self._can_rewind or not self._retries.is_outlasted:
            return None
        span = self._ledger.open_span(self._buffer.size + len(self._buffer.rest))
        if span is None:
            return None
        lost = AudioLostError(*span, outage=failure.message)
        lost.__cause__ = failure
        return lost

    def _give_up(self, failure: BaseException, results: tuple[RecognitionResult, ...] = ()) -> Over:
        self.abandon()
        return Over(failure, results)

    def _describe(self, failure: ServiceError) -> None:
        """Add the facts of the recognition to a failure."""
        why = ""
        if failure.retryable and self._options.reconnect and not self._ledger.is_resumable:
            why = f"a stream of {self._options.format} cannot be resumed; decode it to pcm"
        elif self.has_binary:
            why = "the service sends its messages in binary frames; check the address in endpoint="
        failure.with_facts(
            request_ids=self.request_ids,
            recognized=join(self._progress.text),
            unsettled=self._ledger.unsettled,
            hint=why,
        )
