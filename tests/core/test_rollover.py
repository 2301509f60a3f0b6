"""Rolling over: streams of hours go on in fresh tasks, and nobody can see where."""

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async import InvalidOptionError
from paraformer_async._core.messages import (
    Command,
    FinishTask,
    ResultGenerated,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.protocol import Phase
from paraformer_async._core.recognition import BATCH, Again, Over, Recognition
from paraformer_async._core.wire import encode
from paraformer_async.middleware import Heartbeat, Stack
from paraformer_async.options.options import Options
from paraformer_async.options.policies import Reconnect, Rollover
from paraformer_async.results import RecognitionResult, Sentence, Usage
from paraformer_async.testing.marking import BLOCK_MS, marks_of
from tests.core.simulation import World
from tests.core.test_cut_anywhere import HEADER, RECORDINGS, STEPS, actions_of, run
from tests.core.test_recognition import (
    AT_ONCE,
    FRAME,
    NO_SPEECH,
    Outages,
    Table,
    final,
    partial,
    size,
)

BRIEF = Rollover(seconds=2.0, grace=0.2)


def times_of(world: World) -> list[tuple[str, int, int]]:
    """Return each word of the finals with its times."""
    return [
        (word.text, word.begin_time, word.end_time)
        for one in world.results
        if one.is_final
        for word in one.sentence.words
    ]


def table(**policy: Any) -> Table:
    """Return a table whose machine rolls over, with a task that has started."""
    made = Table(rollover=Rollover(**policy), heartbeat=False)
    made.start()
    return made


def give(made: Table, frames: int) -> list[Command]:
    """Send so many frames of 100 ms; return what the service received."""
    for _ in range(frames):
        made.machine.send(FRAME, made.now)
    return made.flush()


def sentence(begin: int, end: int, text: str = "one") -> ResultGenerated:
    """Make a final result between two times."""
    return ResultGenerated(Sentence(begin, end, text, sentence_end=True))


def texts(results: Sequence[RecognitionResult]) -> list[str]:
    """Return the texts of results."""
    return [one.text for one in results]


class TestWhen:
    """When a task ends."""

    def test_at_the_end_of_a_sentence(self) -> None:
        """Once a sentence ends after the time, the task is finished, and audio waits."""
        made = table(seconds=1.0)
        give(made, 20)
        made.deliver(final(900))
        assert [] == made.flush()
        made.deliver(sentence(1000, 1100))
        assert made.machine.has_nearer_deadline  # so that the caller flushes
        assert [FinishTask()] == made.flush()
        assert [] == give(made, 3)
        made.deliver(TaskFinished())
        assert Phase.WAITING is made.phase
        service = made.service
        assert 3 * len(FRAME) < size(made.start())
        assert service is made.service

    def test_at_the_limit(self) -> None:
        """Without the end of a sentence, it is finished with the batch that exceeds the grace."""
        made = table(seconds=1.0, grace=0.5)
        *audio, end = give(made, 40)
        assert (AT_ONCE, FinishTask()) == (len(audio), end)

    def test_by_tokens(self) -> None:
        """The tokens that the service has counted end a task like its length."""
        made = table(tokens=100, grace=0.5)
        give(made, 20)
        made.deliver(ResultGenerated(Sentence(0, None, "o"), Usage(total_tokens=99)))
        assert [] == made.flush()
        made.deliver(ResultGenerated(None, Usage(total_tokens=100)))
        assert [] == made.flush()
        made.deliver(final(100))
        assert [FinishTask()] == made.flush()

    def test_by_tokens_at_the_limit(self) -> None:
        """After the tokens, the grace begins."""
        made = table(tokens=100, grace=0.5)
        give(made, 20)
        made.deliver(ResultGenerated(None, Usage(total_tokens=100)))
        *audio, end = give(made, 20)
        assert (AT_ONCE, FinishTask()) == (len(audio), end)

    def test_not_while_audio_is_sent_again(self) -> None:
        """A task that takes over ends only after all that was unsettled."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 14)
        assert isinstance(made.lose(), Again)
        give(made, 20)
        made.connect()
        made.flush()
        made.deliver(TaskStarted())
        *audio, end = made.flush()
        assert (BATCH, FinishTask()) == (size(audio), end)

    def test_silence_of_middleware_counts(self) -> None:
        """What middleware adds is audio of the task, too."""
        made = Table(Heartbeat(0.1), rollover=Rollover(seconds=1.0, grace=0.5), heartbeat=True)
        made.start(1)
        for _ in range(100):
            made.now = max(made.now, made.machine.deadline())
            made.machine.expired(made.now)
            if FinishTask() in made.flush():
                return
        raise AssertionError("it never ends")


class TestTheLastFinal:
    """What the end of a task makes of the sentence that has begun."""

    def end(self) -> Table:
        """Have the task end at 2.0 s; a sentence has ended at 0.9 s."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 10)
        made.deliver(final(900, "whole"))
        give(made, 10)
        return made

    def test_a_piece_is_dropped_and_repeated(self) -> None:
        """The piece is not shown, and its audio is sent again from the last whole sentence on."""
        made = self.end()
        assert ["o"] == texts(made.deliver(partial(1000)))
        assert [] == made.deliver(sentence(1000, 1500, "piece"), TaskFinished())
        assert 11 * len(FRAME) == size(made.start())
        (result,) = made.deliver(sentence(100, 900, "piece of cake"))
        assert ("piece of cake", 1000, 1800) == (
            result.text,
            result.sentence.begin_time,
            result.sentence.end_time,
        )

    def test_all_but_the_last_are_whole(self) -> None:
        """A final is whole if another sentence follows, be it final or not."""
        made = self.end()
        assert [] == made.deliver(sentence(900, 1100, "a"))
        assert ["a", "o"] == texts(made.deliver(partial(1200)))
        assert [] == made.deliver(sentence(1200, 1300, "b"))
        assert ["b"] == texts(made.deliver(sentence(1300, 1500, "c")))
        made.deliver(TaskFinished())
        assert 7 * len(FRAME) == size(made.start())

    def test_finals_out_of_order_and_corrections(self) -> None:
        """An earlier final is whole; the same one again replaces what is held."""
        made = self.end()
        made.deliver(sentence(1200, 1400, "b"))
        assert ["a"] == texts(made.deliver(sentence(900, 1100, "a")))
        assert [] == made.deliver(sentence(1200, 1400, "B"))
        assert ["B"] == texts(made.deliver(sentence(1400, 1500, "c")))

    def test_heartbeats_hold_nothing(self) -> None:
        """What is no sentence passes."""
        made = self.end()
        made.deliver(ResultGenerated(Sentence(1000, heartbeat=True)), ResultGenerated())
        made.deliver(TaskFinished())
        assert Phase.WAITING is made.phase

    def test_a_sentence_as_long_as_a_task_is_divided(self) -> None:
        """The only final of a task is shown: another task could not do better."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 20)
        assert [] == made.deliver(sentence(0, 1500, "long"))
        assert ["long"] == texts(made.deliver(TaskFinished()))
        assert 4 * len(FRAME) == size(made.start())

    def test_a_sentence_that_begins_late_is_whole(self) -> None:
        """After silence, the only sentence is repeated, from a second before it on."""
        made = table(seconds=4.0, grace=0.5)
        give(made, 50)
        assert [] == made.deliver(sentence(4000, 4500, "piece"), TaskFinished())
        assert 20 * len(FRAME) == size(made.start())

    def test_repetitions_are_no_reason_to_end(self) -> None:
        """A task that was sent nothing but repetitions goes on, however long they are."""
        made = table(seconds=2.0, grace=0.5)
        give(made, 20)
        beyond = sentence(99_000, 99_500, "beyond")  # so that it settles nothing
        made.deliver(sentence(0, 99_000, "nonsense"))
        assert [FinishTask()] == made.flush()
        assert [] == made.deliver(beyond, TaskFinished())
        made.start()
        *_, end = give(made, 9)
        assert FinishTask() == end
        assert [] == made.deliver(beyond, TaskFinished())
        again = made.start()
        assert (29 * len(FRAME), False) == (size(again), FinishTask() in again)
        *_, end = give(made, 1)
        assert FinishTask() == end

    def test_a_correction_meanwhile(self) -> None:
        """A correction, or a repetition, of a whole sentence is no piece of one."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 10)
        first = ResultGenerated(Sentence(0, 1000, "hello", sentence_end=True, sentence_id=1))
        assert ["hello"] == texts(made.deliver(first))
        assert [FinishTask()] == made.flush()
        corrected = ResultGenerated(Sentence(0, 1000, "Hello.", sentence_end=True, sentence_id=1))
        (shown,) = made.deliver(corrected)
        assert ("Hello.", True) == (shown.text, shown.replaces)
        assert [] == made.deliver(corrected, TaskFinished())
        assert 0 == size(made.start())

    def test_another_version_of_the_piece(self) -> None:
        """A final that is held is replaced by its own next version, wherever that begins."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 20)
        first, second = (
            ResultGenerated(Sentence(at, 1500, "piece", sentence_end=True, sentence_id=2))
            for at in (1100, 1000)
        )
        made.deliver(sentence(0, 900))
        assert FinishTask() == made.received[-1]
        partial = ResultGenerated(Sentence(1200, None, "o", sentence_end=False, sentence_id=2))
        assert ["one", "o"] == texts(made.deliver(first, partial, second))
        assert [] == made.deliver(TaskFinished())

    def test_sentences_of_the_same_number(self) -> None:
        """Some services give all sentences the same number: a later one is no other version."""
        made = self.end()
        first, second, third = (
            ResultGenerated(Sentence(at, at + 100, text, sentence_end=True, sentence_id=1))
            for at, text in ((1000, "a"), (1200, "b"), (1400, "c"))
        )
        assert [] == made.deliver(first)
        assert ["a"] == texts(made.deliver(second))
        assert ["b"] == texts(made.deliver(third))
        made.deliver(TaskFinished())
        assert 7 * len(FRAME) == size(made.start())

    def test_pauses_are_not_sent_again(self) -> None:
        """No final of a finished task is late: what lies between its sentences is silence."""
        made = table(seconds=8.0, grace=5.0)
        give(made, 90)
        for at in range(0, 8000, 2000):
            made.deliver(sentence(at, at + 1000))
        made.deliver(sentence(8000, 8500))
        assert [FinishTask()] == made.flush()
        made.deliver(TaskFinished())
        assert 5 * len(FRAME) >= size(made.start())

    def test_nothing_after_the_last_sentence(self) -> None:
        """What was passed over is not sent again, but a second in which a word may begin."""
        made = table(seconds=1.0, grace=3.0)
        give(made, 40)
        made.deliver(TaskFinished())
        assert 10 * len(FRAME) == size(made.start())

    def test_what_is_not_kept_is_not_repeated(self) -> None:
        """If the audio of the last final is not kept any more, it is shown."""
        made = Table(rollover=Rollover(seconds=3.0, grace=1.0), reconnect=Reconnect(keep=0.5))
        made.start(1)
        made.deliver(final(100))
        self.speak(made)
        assert [] == made.deliver(sentence(200, 4000, "long"))
        assert ["long"] == texts(made.deliver(TaskFinished()))

    def test_what_is_never_final_is_not_missed(self) -> None:
        """A partial result that never becomes final is no reason to miss audio that is gone."""
        made = Table(rollover=Rollover(seconds=3.0, grace=1.0), reconnect=Reconnect(keep=0.5))
        made.start(1)
        made.deliver(partial(0))
        self.speak(made)
        assert [] == made.deliver(TaskFinished())
        assert [] == made.start()

    def speak(self, made: Table) -> None:
        """Send audio in real time until the task ends."""
        while made.phase is Phase.RUNNING:
            made.now += 0.1
            give(made, 1)


class TestFailures:
    """What goes wrong while a task ends."""

    def test_a_break(self) -> None:
        """Another connection begins the fresh task; what was held is recognized again."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 20)
        made.deliver(sentence(0, 1400, "a"))
        assert isinstance(made.lose(), Again)
        assert 20 * len(FRAME) == size(made.start())  # what was sent again is no reason to end
        assert ["a", "o"] == texts(made.deliver(sentence(0, 1400, "a"), partial(1450)))

    def test_audio_that_is_repeated_ends_no_outage(self) -> None:
        """Middleware is not notified of audio that is sent again without a failure."""
        noting = Outages()
        made = Table(noting, rollover=Rollover(seconds=1.0, grace=0.5))
        made.start(20)
        made.deliver(TaskFinished())
        assert 0 < size(made.start())
        assert [] == noting.ends

    @pytest.mark.parametrize("reason", NO_SPEECH)
    def test_no_speech(self, reason: tuple[str, str]) -> None:
        """A task that was all silence may fail for it; that is no failure of the stream."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 20)
        assert Again(0.0) == made.fail(*reason)
        assert 14 * len(FRAME) == size(made.start())

    def test_another_failure(self) -> None:
        """Any other failure is what it would be at another time."""
        made = table(seconds=1.0, grace=0.5)
        give(made, 20)
        assert isinstance(made.fail("InvalidParameter"), Over)


RECORDING = RECORDINGS.filter(lambda one: sum(length for _, length in one[0]) > 40)
SHAPES = st.fixed_dictionaries(
    {
        "sentence_ms": st.sampled_from([60, 200, 400]),
        "silence_ms": st.sampled_from([100, 300]),
        "frame_ms": st.sampled_from([20, 100, 130]),
    }
)


@pytest.mark.parametrize("kind", ["pcm", "wav"])
@settings(max_examples=150, derandomize=True)
@given(RECORDING, STEPS, SHAPES)
def test_rolling_over_changes_nothing(
    kind: str, recording: Any, steps: list[tuple[str, int]], shape: dict[str, int]
) -> None:
    """With cuts anywhere: the same words at the same times as in one task without a cut."""
    actions = actions_of(recording)
    options: dict[str, Any] = {}
    if kind == "wav":
        actions.insert(0, ("audio", HEADER))
        options = {"format": "wav", "header": len(HEADER)}
    expected = run(actions, (), **shape, **options)
    world = run(actions, steps, **shape, **options, rollover=BRIEF)
    assert times_of(expected) == times_of(world)
    assert marks_of(expected.results) == marks_of(world.results)
    assert type(expected.error) is type(world.error)


def test_it_rolls_over() -> None:
    """In the simulation above, a stream of 30 s has many tasks on one connection."""
    actions = actions_of(([("voice", 10), ("silence", 5)] * 100, [1600] * 500))
    world = run(actions, (), sentence_ms=200, silence_ms=100, rollover=BRIEF)
    assert 1 == len(world.services)
    assert 10 <= len(world.service.tasks) <= 20
    assert list(range(5 + 1000)) == marks_of(world.results)
    sent = sum(map(len, world.service.tasks))
    assert sent < 1.7 * sum(len(what) for kind, what in actions if kind == "audio")
    assert 0 == world.machine._ledger.given % BLOCK_MS  # type: ignore[operator]


class Hours:
    """A stream of hours, in frames of 1 s, and a service with a sentence each 10 s."""

    def __init__(self) -> None:
        options = Options(model="any", sample_rate=8000, rollover=Rollover(seconds=600))
        self.machine = Recognition(options, Stack([]), frame_ms=1000)
        self.frame = bytes(16_000)
        self.now = 0.0
        self.ends: list[int] = []
        self.tasks = 0
        self._heard = 0  # seconds of the task
        self._connect()

    def _connect(self) -> None:
        self.tasks += 1
        self.machine.connected(f"{self.tasks:032x}", self.now)
        self._send()
        self._answer(TaskStarted())

    def _answer(self, event: Any) -> None:
        frame = encode(event, f"{self.tasks:032x}")
        assert isinstance(frame, str)
        results = self.machine.receive(frame, self.now)
        self.ends += [one.sentence.end_time or 0 for one in results if one.is_final]

    def _send(self) -> None:
        for frame in self.machine.data_to_send(self.now):
            if isinstance(frame, str):
                if '"run-task"' in frame:
                    self._heard = 0
                elif '"finish-task"' in frame:
                    self._answer(TaskFinished())
                    self._connect()
                    self._send()
                continue
            self._heard += 1
            begin = self._heard // 10 * 10_000
            self._answer(ResultGenerated(Sentence(begin, None, "word")))
            if self._heard % 10 == 9:
                end = self._heard * 1000
                self._answer(ResultGenerated(Sentence(end - 9000, end, "word", sentence_end=True)))

    def run(self, hours: int) -> None:
        """Let so many hours pass."""
        for _ in range(hours * 3600):
            self.now += 1.0
            self.machine.send(self.frame, self.now)
            self._send()
            while self.machine.waiting or self.machine.has_nearer_deadline:
                self.machine.has_nearer_deadline = False
                self._send()


def test_six_hours() -> None:
    """A stream of six hours rolls over every ten minutes, and its memory does not grow."""
    stream = Hours()
    stream.run(1)
    tracemalloc.start()
    try:
        stream.run(1)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        stream.run(4)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 30 <= stream.tasks <= 40
    assert sorted(set(stream.ends)) == stream.ends
    assert stream.ends[-1] > (6 * 3600 - 20) * 1000
    # What grows is one number here and one text in the machine for each sentence, and the ids.
    assert after - before < 500_000
    assert peak - before < 2_000_000


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"grace": 1.0},
        {"seconds": 0},
        {"seconds": float("nan")},
        {"seconds": 1, "tokens": 0},
        {"tokens": 1.5},
        {"seconds": 1, "grace": -1},
    ],
)
def test_policies_that_cannot_work(policy: dict[str, Any]) -> None:
    """A policy without a bound, or with one that is none, is refused."""
    with pytest.raises(InvalidOptionError, match="rollover"):
        Rollover(**policy)


@pytest.mark.parametrize("options", [{"format": "mp3", "reconnect": None}, {"reconnect": None}, {}])
def test_options_that_cannot_roll_over(options: dict[str, Any]) -> None:
    """Audio that is not kept cannot continue in another task, compressed or not."""
    policy: Any = BRIEF if options else 600
    with pytest.raises(InvalidOptionError) as caught:
        Options(**options, rollover=policy)
    assert "rollover" == caught.value.option
