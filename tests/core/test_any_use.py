"""Whatever is done with the machine, in any order: documented errors, progress, bounded memory."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from paraformer_async._core.messages import (
    Audio,
    Event,
    ResultGenerated,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.protocol import TRANSITIONS, ClientProtocol, Phase
from paraformer_async._core.recognition import BATCH, Again, Over, Recognition
from paraformer_async._core.wire import encode
from paraformer_async.errors import (
    ConnectionLostError,
    HandshakeError,
    LocalProtocolError,
    ServiceError,
    UsageError,
)
from paraformer_async.middleware import Heartbeat, LatencyMeter, Middleware, Stack
from paraformer_async.options.options import Options
from paraformer_async.options.policies import Reconnect
from paraformer_async.options.service import LARGEST_FRAME
from paraformer_async.results import RecognitionResult, Sentence, Usage

RATE = 8000
KEEP = 2.0
TIMES = st.integers(-100, 10_000) | st.sampled_from([0, 10**9, -(10**9), 2**63 - 1])
SENTENCES = st.builds(
    Sentence,
    begin_time=TIMES,
    end_time=st.none() | TIMES,
    text=st.text(max_size=3),
    sentence_end=st.none() | st.booleans(),
    heartbeat=st.sampled_from([False, False, False, True]),
    sentence_id=st.none() | st.integers(-1, 3) | st.text(max_size=1),
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(ResultGenerated, st.none() | SENTENCES, st.none() | st.builds(Usage)),
    st.just(TaskStarted()),
    st.just(TaskFinished()),
    st.sampled_from(
        [
            TaskFailed("InternalError", "no luck"),
            TaskFailed("NO_VALID_AUDIO_ERROR", "silence"),
            TaskFailed("InvalidParameter", "no"),
            TaskFailed("Throttling.RateQuota", "slowly"),
        ]
    ),
)
FAILURES = st.sampled_from(
    [ConnectionLostError(1006), ConnectionLostError(1008), HandshakeError(503)]
)
# What leads from one phase to another: a row of the table, or a breach of the protocol.
CONNECTED = (Phase.IDLE, Phase.STARTING, Phase.RUNNING, Phase.FINISHING, Phase.FAILED)
STEPS = {(phase, after) for (phase, _), after in TRANSITIONS.items()}
STEPS |= {(phase, Phase.FAILED) for phase in CONNECTED}


class Watched(ClientProtocol):
    """Checks each change of the phase."""

    _phase: Phase | None = None

    @property
    def phase(self) -> Phase:
        """The phase."""
        assert self._phase is not None
        return self._phase

    @phase.setter
    def phase(self, after: Phase) -> None:
        assert self._phase is None or (self._phase, after) in STEPS
        self._phase = after


class AnyUse(RuleBasedStateMachine):
    """Every verb of the machine, at any time that its contract allows."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.ids = 0
        self.user_has_ended = False
        self.bytes = 0
        self.largest = 0
        middleware: list[Middleware] = [Heartbeat(3.0), LatencyMeter()]
        self.options = Options(
            model="any",
            sample_rate=RATE,
            heartbeat=True,
            buffer=1.0,
            reconnect=Reconnect(attempts=3, backoff=lambda _: 0.1, keep=KEEP, lost="gap"),
        )
        self.machine = Recognition(self.options, Stack(middleware))
        self.machine._protocol = Watched(Phase.NEW)

    @property
    def is_over(self) -> bool:
        """Whether all is over."""
        return self.machine.phase in (Phase.DONE, Phase.GIVEN_UP)

    def attempt(self, call: Any, *args: Any) -> Any:
        """Call the machine as the shell does: what it raises goes to `lost`."""
        try:
            return call(*args)
        except ServiceError as error:
            if isinstance(error, LocalProtocolError):
                raise  # it may send nothing that the protocol does not allow
            self.fail(error)
            return []

    def fail(self, error: BaseException) -> None:
        """End the attempt."""
        verdict = self.machine.lost(error, self.now)
        if isinstance(verdict, Again):
            assert Phase.WAITING is self.machine.phase
            assert verdict.after >= 0
        else:
            assert isinstance(verdict, Over)
            assert (verdict.error is None) == (self.machine.phase is Phase.DONE)

    @rule(size=st.integers(0, 30_000))
    def send(self, size: int) -> None:
        """Send audio; the user waits when the machine is full."""
        if self.machine.is_full:
            return
        try:
            self.machine.send(bytes(size), self.now)
        except UsageError:
            assert self.user_has_ended or self.is_over
        else:
            self.largest = max(self.largest, size)
            self.bytes += size

    @rule(kind=st.sampled_from(["flush", "update", "continue"]))
    def flush(self, kind: str) -> None:
        """Begin another task, or continue this one with another input."""
        try:
            if kind == "flush":
                self.machine.flush(self.now)
            elif kind == "update":
                self.machine.update(self.options, self.now)
            else:
                self.machine.continue_task(self.options, self.now)
        except UsageError:
            assert self.user_has_ended or self.is_over

    @precondition(lambda self: self.ids > 3)
    @rule()
    def finish(self) -> None:
        """End the audio."""
        self.machine.finish(self.now)
        self.user_has_ended = True

    @precondition(lambda self: self.machine.phase in (Phase.NEW, Phase.WAITING))
    @rule(is_reused=st.booleans())
    def connect(self, is_reused: bool) -> None:
        """Open a connection."""
        self.ids += 1
        self.machine.connected(f"{self.ids:032x}", self.now, is_reused=is_reused)

    @rule()
    def pump(self) -> None:
        """Write what may leave."""
        phase = self.machine.phase
        frames = self.attempt(self.machine.data_to_send, self.now)
        audio = sum(len(frame) for frame in frames if not isinstance(frame, str))
        # The last frame may exceed it, as does what a heartbeat adds at a time.
        assert audio <= BATCH + LARGEST_FRAME + 20 * 3200
        if phase in (Phase.NEW, Phase.WAITING, Phase.STARTING, Phase.DONE, Phase.GIVEN_UP):
            assert [] == frames

    @rule(unsent=st.integers(0, 100_000))
    def block(self, unsent: int) -> None:
        """Be full."""
        if self.machine.phase in (Phase.RUNNING, Phase.FINISHING):
            self.machine.blocked(unsent, self.now)

    @rule()
    def unblock(self) -> None:
        """Take frames again."""
        self.machine.unblocked()

    @rule(event=EVENTS, whose=st.sampled_from(["own", "own", "own", "foreign", "none", "upper"]))
    def receive(self, event: Event, whose: str) -> None:
        """Receive an event."""
        task = f"{self.ids:032x}"
        ids = {"own": task, "foreign": "f" * 32, "none": "", "upper": task.upper()}
        frame = encode(event, ids[whose])
        self.take(self.attempt(self.machine.receive, frame, self.now))

    @rule()
    def start(self) -> None:
        """Do what a service does."""
        if self.machine.phase is Phase.IDLE:
            self.pump()
        if self.machine.phase is Phase.STARTING:
            frame = encode(TaskStarted(), f"{self.ids:032x}")
            self.take(self.attempt(self.machine.receive, frame, self.now))

    @rule(junk=st.binary(max_size=30) | st.text(max_size=30))
    def receive_junk(self, junk: str | bytes) -> None:
        """Receive anything."""
        self.take(self.attempt(self.machine.receive, junk, self.now))

    @rule(failure=FAILURES)
    def lose(self, failure: ServiceError) -> None:
        """Lose the connection, or find none."""
        self.fail(failure)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        """Let time pass: calling `expired` at the deadline always makes progress."""
        until = self.now + seconds
        for _ in range(100):
            due = self.machine.deadline()
            if due > until:
                break
            self.now = max(self.now, due)
            self.attempt(self.machine.expired, self.now)
            self.pump()
        else:
            raise AssertionError("the deadline stays in the past")
        self.now = until

    def take(self, results: list[RecognitionResult]) -> None:
        """Check results: their times lie within the user's audio."""
        for one in results:
            assert one.sentence.begin_time >= 0
            assert one.sentence.begin_time <= self.bytes / RATE * 500 + 1
            assert (one.sentence.end_time or 0) <= self.bytes / RATE * 500 + 1

    @invariant()
    def memory_is_bounded(self) -> None:
        """No more is held than what is kept, the buffer, and one chunk beyond it."""
        machine = self.machine
        ledger = machine._ledger
        kept = sum(len(one.data) for one in ledger._kept.pieces)
        of_gaps = sum(len(piece) for gap in ledger._gaps.in_order for piece in gap.pieces)
        assert (kept, of_gaps) == (ledger._kept.size, ledger._gaps.kept)
        assert kept + of_gaps <= KEEP * RATE * 2
        waiting = sum(
            len(one) for one in machine._buffer.items if isinstance(one, bytes | memoryview)
        )
        assert waiting == machine._buffer.size <= machine._buffer.limit + self.largest
        replay = [one for one in machine.replay if isinstance(one, Audio)]
        assert sum(len(one.data) for one in replay) <= KEEP * RATE * 2

    @invariant()
    def nothing_is_awaited_when_all_is_over(self) -> None:
        """After the end there is no wait of the machine's own."""
        if self.is_over:
            assert not self.machine._deadlines.until


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=150, stateful_step_count=50, derandomize=True)
