"""
One recognition as the user sees it, whatever tasks and connections it takes.

Not I/O: what is to be sent and what is to be shown goes through here, past the user's middleware
and the ledger. Middleware sees one recognition: one `run-task`, one `finish-task`, no repetition.
"""

from collections.abc import Sequence

from paraformer_async._client.inbox import Inbox
from paraformer_async._client.outbox import Outbox
from paraformer_async._core import framing
from paraformer_async._core.ledger import Ledger, end_of
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    Resource,
    ResultGenerated,
    RunTask,
    TaskFinished,
    TaskStarted,
)
from paraformer_async.errors import (
    AudioLostError,
    ConnectionLostError,
    ServiceError,
    TaskFailedError,
)
from paraformer_async.middleware import Stack
from paraformer_async.options.options import Options
from paraformer_async.results import AudioGap, RecognitionResult, Sentence, Usage

__all__ = ["Recognition"]

# For compressed audio the outbox is bounded as if a second had this many bytes (128 kbit/s).
_COMPRESSED_BYTES_PER_SECOND = 16_000
_UNCOMPRESSED = ("pcm", "wav")
_NO_SPEECH = "NO_VALID_AUDIO_ERROR"


class Recognition:
    """
    The state of one recognition.

    Args:
        options: Its options.
        stack: Its middleware.
        frame_ms: Length of the frames in which PCM is sent, in ms.

    Attributes:
        outbox: Where the user's audio goes in.
        inbox: Where the results come out.
        is_finished: Whether the end of the audio was given, to be sent.
        is_done: Whether the service has said everything.
        text: What was said for good so far, a sentence each.
    """

    def __init__(self, options: Options, stack: Stack, *, frame_ms: int = framing.FRAME_MS) -> None:
        raw = options.format in _UNCOMPRESSED
        rate = framing.bytes_per_second(options.sample_rate) if raw else None
        self._options = options
        self._stack = stack
        self._ledger = Ledger(
            rate,
            keep=options.reconnect.keep if options.reconnect else 0.0,
            is_wav=options.format == "wav",
        )
        self._opening: list[Command] = []
        self._closing: list[Command] = []
        self.outbox = Outbox(
            framing.Framer(options.sample_rate, frame_ms) if raw else framing.Splitter(),
            limit=max(1, int(options.buffer * (rate or _COMPRESSED_BYTES_PER_SECOND))),
        )
        self.inbox = Inbox()
        self.is_finished = False
        self.is_done = False
        self._is_started = False
        self._is_resumed = False
        self._billed: Usage | None = None  # in the present task
        self._billed_before = 0  # in those that broke
        self._said: Sentence | None = None  # last
        self._reached = 0  # before the present task
        self.text: list[str] = []

    @property
    def unsettled(self) -> float | None:
        """Seconds of audio that were sent and no final result covers; `None` if compressed."""
        return self._ledger.unsettled

    @property
    def reach(self) -> int:
        """How far into the user's audio results have come, in ms."""
        return max(self._reached, self._ledger.settled, end_of(self._said) if self._said else 0)

    @property
    def usage(self) -> Usage | None:
        """What the service bills for all tasks so far; `None` until it said so."""
        if self._billed is None and not self._billed_before:
            return None
        return Usage(self._billed_before + (self._billed.duration if self._billed else 0))

    @property
    def is_resumable(self) -> bool:
        """Whether another task can take over."""
        return self._ledger.is_resumable

    def is_complete_despite(self, failure: ServiceError) -> bool:
        """
        Whether nothing is missing but `task-finished`, although there was a *failure*.

        The audio has ended, and all of it is covered by final results when the connection breaks;
        or the service found the rest, which a task of its own heard, to be no speech.
        """
        if not self.is_finished:
            return False
        if isinstance(failure, TaskFailedError):
            has_more = self._is_resumed and bool(self.text)  # alone, no speech is the failure
            return has_more and failure.error_code == _NO_SPEECH
        return self._ledger.is_settled and isinstance(failure, ConnectionLostError)

    def open(self, now: float) -> list[Command]:
        """Give the commands that begin a task: the same for each."""
        if not self._opening:
            options = self._options
            resources = (Resource(options.phrase_id),) if options.phrase_id else ()
            task = RunTask(options.model, options.task_parameters(), resources)
            self._opening = list(self._stack.outgoing(task, now))
        return self._opening

    def resume(self) -> list[Command]:
        """
        Give what a task that takes over must hear before anything else, and the end if it was sent.

        Raises:
            AudioLostError: More audio was unsettled than is kept, and that is not to be passed.
        """
        if lost := self._ledger.lost:
            if self._options.reconnect and self._options.reconnect.lost == "raise":
                raise AudioLostError(*lost)
            self.inbox.put(AudioGap.between(*lost))
        self._is_resumed = True
        self._reached = self.reach
        self._billed_before += self._billed.duration if self._billed else 0
        self._billed = None
        return [*self._ledger.restart(), *self._closing]

    def take_out(self, frame: bytes | memoryview, now: float) -> Sequence[Command]:
        """Give the commands for a frame of the user's audio."""
        commands = tuple(self._stack.outgoing(Audio(frame), now))
        for command in commands:
            if isinstance(command, Audio):
                self._ledger.record(command)
            else:
                self._close_by(command)
        return commands

    def expire(self, now: float) -> Sequence[Command]:
        """Give the commands that middleware wants sent by now."""
        commands = self._stack.expired(now)
        self._record(commands)
        return commands

    def close(self, now: float) -> Sequence[Command]:
        """Give the commands that end the audio; none if middleware has ended it before."""
        if self.is_finished:
            return ()
        commands = tuple(self._stack.outgoing(FinishTask(), now))
        self._record(commands)
        return commands

    @property
    def hurries(self) -> bool:
        """Whether audio or a result may bring `deadline` nearer."""
        return self._stack.hurries

    def deadline(self) -> float | None:
        """When middleware wants `expire` to be called next."""
        return self._stack.deadline()

    def take_in(self, event: Event, request_id: str, now: float) -> None:
        """Show an event to middleware, and a result to the user."""
        if isinstance(event, ResultGenerated):
            event = self._ledger.settle(event)
            sentence = event.sentence
            if sentence is not None and not sentence.heartbeat:
                self._said = sentence
                if sentence.is_final:
                    self.text.append(sentence.text)
            self._billed = event.usage or self._billed
        elif isinstance(event, TaskFinished):
            self._billed = event.usage or self._billed
        elif isinstance(event, TaskStarted):
            if self._is_started:
                return
            self._is_started = True
        for passed in self._stack.incoming(event, now):
            if isinstance(passed, ResultGenerated):
                sentence = passed.sentence
                if sentence is not None and not sentence.heartbeat:
                    self.inbox.put(RecognitionResult(sentence, request_id, passed.usage))
        self.is_done = isinstance(event, TaskFinished)

    def _record(self, commands: Sequence[Command]) -> None:
        """Enter all audio before any of it is sent: what a broken connection swallows is kept."""
        for command in commands:
            if isinstance(command, Audio):
                self._ledger.record(command)
            else:
                self._close_by(command)

    def _close_by(self, command: Command) -> None:
        """Keep a command that ends the audio, for each further task."""
        self._closing.append(command)
        self.is_finished = True
