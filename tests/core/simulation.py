"""
A recognition and its service in one thread: a network that a test delays and cuts by hand.

    machine ─data_to_send→ uplink ─serve→ Service ─→ downlink ─deliver→ machine.receive

The service is the protocol in the service's role and the reader of marked audio, so its results
show which audio it received. Nothing waits, and the clock is a number.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from paraformer_async._core.messages import (
    Audio,
    Command,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.protocol import Phase, ServerProtocol
from paraformer_async._core.recognition import Again, Over, Recognition
from paraformer_async.errors import ConnectionLostError, ServiceError
from paraformer_async.middleware import Middleware, Stack
from paraformer_async.options.options import Options
from paraformer_async.options.policies import Reconnect
from paraformer_async.results import RecognitionResult, Sentence, Usage
from paraformer_async.testing.marking import MarkReader

RATE = 8000
PER_MS = RATE // 1000 * 2  # bytes


class Injector(Middleware):
    """Injects silence where the test wants it."""

    def __init__(self) -> None:
        self._wanted: deque[int] = deque()
        self._due: float | None = None

    def inject(self, ms: int, now: float) -> None:
        """Have *ms* of silence sent, after the audio that was sent before."""
        self._wanted.append(ms)
        self._due = now

    def deadline(self) -> float | None:
        """Return when there is silence to inject."""
        return self._due

    def expired(self, now: float) -> Iterable[Command]:
        """Inject it, in frames of at most 100 ms."""
        self._due = None
        while self._wanted:
            ms = self._wanted.popleft()
            while ms > 0:
                yield Audio(bytes(min(ms, 100) * PER_MS), injected=True)
                ms -= 100


class Service:
    """
    The service's end of one connection.

    Args:
        sentence_ms: Length of its sentences.
        silence_ms: Silence that ends a sentence.

    Attributes:
        tasks: The audio of each task, header included.
        downlink: Frames on their way to the machine.
    """

    def __init__(self, sentence_ms: int, silence_ms: int, header: int = 0) -> None:
        self.protocol = ServerProtocol()
        self.tasks: list[bytearray] = []
        self.commands: list[Command] = []
        self.downlink: deque[str] = deque()
        self._sentence_ms = sentence_ms
        self._silence_ms = silence_ms
        self._header = header
        self._reader = MarkReader(RATE, sentence_ms, silence_ms)

    def take(self, frame: str | bytes | memoryview) -> None:
        """Take a frame of the client, and answer."""
        command = self.protocol.receive(frame if isinstance(frame, str) else bytes(frame))
        assert command is not None
        if self.protocol.phase is Phase.FAILED:
            return  # it was under way
        self.commands.append(command)
        match command:
            case RunTask():
                self.tasks.append(bytearray())
                self._reader = MarkReader(RATE, self._sentence_ms, self._silence_ms)
                self._send(TaskStarted())
            case Audio(data=data):
                heard = self.tasks[-1]
                before = max(0, self._header - len(heard))
                heard += data
                self._say(self._reader.feed(bytes(data)[before:]))
            case FinishTask():
                self._say(self._reader.finish())
                if self.tasks[-1]:
                    self._send(TaskFinished(Usage(self._seconds)))
                else:
                    self.fail("NO_VALID_AUDIO_ERROR", "no audio")

    def fail(self, code: str = "InternalError", message: str = "no luck") -> None:
        """Fail the task, if there is one."""
        if self.protocol.phase is not Phase.IDLE:
            self._send(TaskFailed(code, message))

    @property
    def _seconds(self) -> int:
        return -(-len(self.tasks[-1]) // (PER_MS * 1000))

    def _say(self, sentences: Iterable[Sentence]) -> None:
        for sentence in sentences:
            usage = Usage(self._seconds) if sentence.is_final else None
            self._send(ResultGenerated(sentence, usage))

    def _send(self, event: TaskStarted | ResultGenerated | TaskFinished | TaskFailed) -> None:
        frame = self.protocol.send(event)
        assert isinstance(frame, str)
        self.downlink.append(frame)


class Always:
    """Stands for the budget of retries, which has tests of its own: tries again for ever."""

    failures = 1

    def finished(self) -> None:
        """Nothing has to be given back."""

    def delay(self, setback: object, now: float) -> float | None:
        """Try at once whatever may succeed."""
        del now
        return 0.0 if setback.failure.retryable else None  # type: ignore[attr-defined]


class Outcome(NamedTuple):
    """What a recognition came to."""

    finals: list[tuple[int, int | None, str, tuple[tuple[int, int], ...]]]
    error: BaseException | None


class World:
    """
    One recognition, its service and the network between.

    Attributes:
        results: What the user has received.
        services: The service's ends of all connections so far.
        is_throttled: Whether the transport takes nothing.
        sent: Bytes of audio that the machine has sent.
        make_service: What makes the service's end of a connection.
    """

    make_service: type[Service] = Service

    def __init__(
        self,
        *middleware: Middleware,
        sentence_ms: int = 400,
        silence_ms: int = 800,
        header: int = 0,
        frame_ms: int = 100,
        can_rewind: bool = False,
        **options: object,
    ) -> None:
        self.injector = Injector()
        options.setdefault("sample_rate", RATE)
        options.setdefault("model", "any")
        options.setdefault("reconnect", Reconnect(backoff=lambda _: 0.0))
        self.options = Options(**options)  # type: ignore[arg-type]
        stack = Stack([*middleware, self.injector])
        self.machine = Recognition(
            self.options,
            Stack(list(middleware)) if can_rewind else stack,
            frame_ms=frame_ms,
            can_rewind=can_rewind,
        )
        self.machine._retries = Always()  # type: ignore[assignment]
        self.now = 0.0
        self.results: list[RecognitionResult] = []
        self.services: list[Service] = []
        self.uplink: deque[str | bytes | memoryview] = deque()
        self.is_throttled = False
        self.sent = 0
        self.error: BaseException | None = None
        self.verdicts: list[Again | Over] = []
        self.rewind_to: int | None = None
        self._shape = (sentence_ms, silence_ms, header)
        self._ids = iter(f"{number:032x}" for number in range(1, 1_000_000))

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens."""
        return self.machine.phase is Phase.DONE or self.error is not None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self.machine.phase not in (
            Phase.NEW,
            Phase.WAITING,
            Phase.DONE,
            Phase.FAILED,
            Phase.GIVEN_UP,
        )

    @property
    def service(self) -> Service:
        """The service's end of the newest connection."""
        return self.services[-1]

    @property
    def outcome(self) -> Outcome:
        """What the recognition came to."""
        finals = [one.sentence for one in self.results if one.is_final]
        return Outcome(
            [
                (
                    one.begin_time,
                    one.end_time,
                    one.text,
                    tuple((word.begin_time, word.end_time) for word in one.words),
                )
                for one in finals
            ],
            self.error,
        )

    # What the network does.

    def connect(self, *, is_reused: bool = False) -> None:
        """Make a connection, or go over a seam on the one that is there."""
        if self.is_connected or self.is_over:
            return
        if not self.services or self._has_broken:
            self.services.append(self.make_service(*self._shape))
        self._has_broken = False
        self.machine.connected(next(self._ids), self.now, is_reused=is_reused)

    _has_broken = True

    def pump(self, times: int = 1000) -> None:
        """Have the machine send what it may, unless the transport takes nothing."""
        for _ in range(times):
            if self.is_throttled:
                self.machine.blocked(sum(map(len, self.uplink)), self.now)
                return
            frames = self._guard(self.machine.data_to_send, self.now)
            if not frames:
                return
            assert self.is_connected
            self.uplink.extend(frames)
            self.sent += sum(len(frame) for frame in frames if not isinstance(frame, str))

    def serve(self, frames: int = 1_000_000) -> None:
        """Have the service take so many frames."""
        while self.uplink and frames > 0 and not self._has_broken:
            self.service.take(self.uplink.popleft())
            frames -= 1

    def deliver(self, frames: int = 1_000_000) -> None:
        """Have the machine receive so many frames."""
        while frames > 0 and self.is_connected and self.service.downlink:
            self.receive(self.service.downlink.popleft())
            frames -= 1

    def receive(self, frame: str | bytes) -> None:
        """Have the machine receive any frame."""
        self.results += self._guard(self.machine.receive, frame, self.now) or ()

    def throttle(self, *, on: bool) -> None:
        """Have the transport take nothing, or go on."""
        if self.is_throttled and not on:
            self.machine.unblocked()
        self.is_throttled = on

    def cut(self, close_code: int = 1006) -> None:
        """Lose the connection, and everything that is on its way."""
        if self.is_connected:
            self.lose(ConnectionLostError(close_code))

    def fail(self) -> None:
        """Have the service fail the task."""
        if not self._has_broken:
            self.service.fail()

    def lose(self, failure: BaseException) -> None:
        """End the attempt."""
        if self.is_over:
            return
        self._has_broken = True
        self.uplink.clear()
        self.throttle(on=False)
        verdict = self.machine.lost(failure, self.now)
        self.verdicts.append(verdict)
        if isinstance(verdict, Again):
            self.rewind_to = verdict.rewind_to
        else:
            self.error = verdict.error
            assert verdict.error is not None or self.machine.phase is Phase.DONE

    def tick(self, seconds: float) -> None:
        """Let time pass, and the timer ring on the way."""
        until = self.now + seconds
        for _ in range(10_000):
            due = self.machine.deadline()
            if due > until or self.is_over:
                break
            self.now = max(self.now, due)
            if self.is_throttled:
                self.machine.blocked(sum(map(len, self.uplink)), self.now)
            self._guard(self.machine.expired, self.now)
            self.pump()
        else:
            raise AssertionError("the deadline does not move")
        self.now = until

    def inject(self, ms: int) -> None:
        """Have silence injected after the audio so far."""
        self.injector.inject(ms, self.now)
        self._guard(self.machine.expired, self.now)

    def settle(self) -> None:
        """Let everything arrive that is on its way, and go over seams."""
        for _ in range(10_000):
            before = (self.machine.phase, len(self.services), len(self.machine.request_ids))
            self.throttle(on=False)
            self.connect()
            self.pump()
            self.serve()
            self.deliver()
            after = (self.machine.phase, len(self.services), len(self.machine.request_ids))
            if self.is_over or (before == after and not self.machine.waiting):
                return
            if before == after and not self.uplink and not self.service.downlink:
                if self.machine.deadline() == inf:
                    return
                self.tick(self.machine.deadline() - self.now)  # audio is held back until then
        raise AssertionError("it never comes to rest")

    def _guard(self, call: object, *args: object) -> list[object]:
        """Call the machine; what it raises ends the attempt, as in the shell."""
        try:
            return call(*args)  # type: ignore[operator, no-any-return]
        except ServiceError as error:
            self.lose(error)
            return []


def final_texts(results: Sequence[RecognitionResult]) -> list[str]:
    """Return the texts of the final results."""
    return [one.text for one in results if one.is_final]
