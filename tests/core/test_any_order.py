"""Finals in any order, however late, and drops at any moment: each word once, at its time."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count, cycle
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from paraformer_async._core.protocol import Phase
from paraformer_async.options.policies import Reconnect
from paraformer_async.results import Sentence
from paraformer_async.testing.marking import BLOCK_MS, marked, marks_of
from tests.core.simulation import RATE, Service, World
from tests.core.test_cut_anywhere import KINDS, Action, act, rewind, step

SENTENCE_MS = 400
LONGEST_DELAY = 40  # frames

# (sentences, ms of silence after them, whether silence is injected there)
SPEECH = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([0, 160, 900, 3000, 12_000]), st.booleans()),
    min_size=2,
    max_size=6,
)
STEPS = st.lists(
    st.tuples(st.sampled_from([*KINDS, "cut", "all", "all"]), st.integers(1, 20)),
    min_size=30,
    max_size=90,
)
DELAYS = st.lists(st.integers(0, LONGEST_DELAY), min_size=1, max_size=8)
# Seconds that are kept, and the length of a frame in ms, which may be more than that.
KEPT = st.sampled_from([(0.3, 100), (2.0, 100), (8.0, 100), (0.3, 400), (0.1, 400), (2.0, 400)])
NUMBERINGS = st.sampled_from(["by time", "by arrival", "none"])


class Disorderly(Service):
    """
    A service that delivers each final after a delay of its own, and says where it is silent.

    Attributes:
        delays: In frames of audio, for one final after the other.
        numbering: What `sentence_id` counts.
        announced: Whether there are partial results of one sentence after the other.
    """

    delays: Iterator[int]
    numbering: str
    announced: Sequence[bool] = (True,)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: list[tuple[int, Sentence]] = []
        self._frames = 0
        self._numbers = count(1)

    def take(self, frame: str | bytes | memoryview) -> None:
        """Take a frame of the client, and answer with whatever is due."""
        tasks = len(self.tasks)
        super().take(frame)
        if len(self.tasks) > tasks:
            self._held, self._frames, self._numbers = [], 0, count(1)
        elif not isinstance(frame, str) and self.protocol.phase is Phase.RUNNING:
            self._frames += 1
            self._release(self._frames)
            if not self._held and not self._reader._words:
                at = self._reader._position * 1000 // RATE
                super()._say([Sentence(at, at, heartbeat=True, sentence_id=0)])

    def _say(self, sentences: Iterable[Sentence]) -> None:
        for sentence in sentences:
            if sentence.is_final:
                self._held.append((self._frames + next(self.delays), sentence))
            elif self.announced[(sentence.sentence_id or 0) % len(self.announced)]:
                known = sentence.sentence_id if self.numbering == "by time" else None
                super()._say([replace(sentence, sentence_id=known)])
        if self.protocol.phase is not Phase.RUNNING:
            self._release(self._frames + LONGEST_DELAY)

    def _release(self, until: int) -> None:
        """Deliver the finals whose time has come, the one with the shortest delay first."""
        due = sorted((one for one in self._held if one[0] <= until), key=lambda one: one[0])
        self._held = [one for one in self._held if one[0] > until]
        numbers = {"by time": None, "by arrival": self._numbers, "none": cycle([None])}
        for _, sentence in due:
            number = numbers[self.numbering]
            known = sentence.sentence_id if number is None else next(number)
            super()._say([replace(sentence, sentence_id=known)])


def disorderly(delays: list[int], numbering: str, **shape: Any) -> type[Service]:
    """Return a service with these delays, over all of its tasks."""
    shape |= {"delays": chain(delays, cycle(delays)), "numbering": numbering}
    return type("Shaped", (Disorderly,), shape)


def actions_of(speech: list[tuple[int, int, bool]]) -> tuple[list[Action], dict[int, int]]:
    """Return what a user does, and where in their audio each mark is, in ms."""
    actions: list[Action] = []
    times: dict[int, int] = {}
    at = 0
    for sentences, silence_ms, is_injected in speech:
        first, blocks = len(times), sentences * SENTENCE_MS // BLOCK_MS
        times |= {first + number: at + number * BLOCK_MS for number in range(blocks)}
        audio = marked(sentences * SENTENCE_MS, sample_rate=RATE, first=first)
        audio += bytes(silence_ms * RATE // 1000 * 2)
        actions += [("audio", audio[place : place + 1600]) for place in range(0, len(audio), 1600)]
        at += sentences * SENTENCE_MS + silence_ms
        if is_injected:
            actions.append(("inject", 900))
    return [*actions, ("finish", 0)], times


def recognized(
    actions: list[Action],
    steps: list[tuple[str, int]],
    service: type[Service],
    **options: Any,
) -> World:
    """Recognize: first with *steps*, and then without any further trouble."""
    world, left = World(sentence_ms=SENTENCE_MS, silence_ms=100, **options), list(actions)
    world.make_service = service
    world.connect()
    for kind, times in steps:
        step(world, kind, times, left)
        rewind(world, actions, left)
    for _ in range(10_000):
        did = act(world, left)
        world.settle()
        rewind(world, actions, left)
        if not did and (world.is_over or not left):
            break
    return world


def check(world: World, times: dict[int, int]) -> None:
    """Check that each mark was recognized once, where it is in the user's audio."""
    assert world.error is None
    assert list(times) == sorted(marks_of(world.results))
    for result in filter(lambda one: one.is_final, world.results):
        words = result.sentence.words
        for word in words:
            begin = times[int(word.text)]
            # A third of a block may be missing where a task begins.
            assert abs(begin - word.begin_time) <= BLOCK_MS / 3
            assert abs(begin + BLOCK_MS - word.end_time) <= BLOCK_MS / 3
        assert words[0].begin_time == result.sentence.begin_time
        assert words[-1].end_time == result.sentence.end_time


@settings(max_examples=300, derandomize=True)
@given(SPEECH, STEPS, DELAYS, NUMBERINGS)
def test_no_order_of_finals_costs_a_word(
    speech: list[tuple[int, int, bool]],
    steps: list[tuple[str, int]],
    delays: list[int],
    numbering: str,
) -> None:
    """Finals may overtake each other, and connections drop: each word comes once, at its time."""
    actions, times = actions_of(speech)
    check(recognized(actions, steps, disorderly(delays, numbering)), times)


@settings(max_examples=200, derandomize=True)
@given(SPEECH, STEPS, DELAYS, NUMBERINGS, KEPT)
def test_no_order_of_finals_costs_a_word_of_a_file(
    speech: list[tuple[int, int, bool]],
    steps: list[tuple[str, int]],
    delays: list[int],
    numbering: str,
    kept: tuple[float, int],
) -> None:
    """Of audio that can be read again, only what no final covers is sent again, if not kept."""
    keep, frame_ms = kept
    actions, times = actions_of([(sentences, ms, False) for sentences, ms, _ in speech])
    service = disorderly(delays, numbering)
    options = {"can_rewind": True, "reconnect": Reconnect(keep=keep), "frame_ms": frame_ms}
    check(recognized(actions, steps, service, **options), times)


@settings(max_examples=200, derandomize=True)
@given(SPEECH, DELAYS, st.lists(st.booleans(), min_size=1, max_size=4), st.data())
def test_sentences_that_are_not_announced_cost_no_word(
    speech: list[tuple[int, int, bool]],
    delays: list[int],
    announced: list[bool],
    data: st.DataObject,
) -> None:
    """Sentences without partial results, and with late finals, are shown by their numbers."""
    actions, times = actions_of(speech)
    until_cut = data.draw(st.lists(st.integers(1, len(actions)), min_size=1, max_size=4))
    steps = [each for n in until_cut for each in (*[("act", 1), ("all", 1)] * n, ("cut", 1))]
    service = disorderly(delays, "by time", announced=announced)
    check(recognized(actions, steps, service), times)
