"""A recognition that is cut anywhere gets the finals and times of the unbroken run."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async.options.policies import Reconnect
from paraformer_async.testing.marking import BLOCK_MS, marked, marks_of
from tests.core.simulation import RATE, World

# Of a WAV stream at 8 kHz, with a chunk that makes it longer than a sample or a block.
HEADER = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
    b"\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00"
    b"LIST\x40\x02\x00\x00" + bytes(0x240) + b"data\xff\xff\xff\xff"
)
# What the user does: ("audio", bytes), ("flush", 0), ("update", 0), ("inject", ms), ("finish", 0).
Action = tuple[str, Any]


PARTS = st.lists(
    st.tuples(
        st.sampled_from(["voice", "voice", "voice", "silence", "flush", "update", "inject"]),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=8,
)
SIZES = st.lists(st.integers(1, 4000), min_size=3, max_size=20)
RECORDINGS = st.tuples(PARTS, SIZES)


def actions_of(recording: tuple[list[tuple[str, int]], list[int]]) -> list[Action]:
    """Return what a user does, from the first audio to the end; the audio in chunks of any size."""
    parts, sizes = recording
    chunks = iter(sizes)
    actions: list[Action] = []
    first = 0
    for kind, length in [("voice", 5), *parts]:
        ms = length * BLOCK_MS
        if kind in ("voice", "silence"):
            audio = marked(ms, sample_rate=RATE, first=first)
            if kind == "silence":
                audio = bytes(len(audio))
            else:
                first += length
            while audio:
                size = next(chunks, 1234)
                actions.append(("audio", audio[:size]))
                audio = audio[size:]
        else:
            actions.append((kind, ms))
    return [*actions, ("finish", 0)]


KINDS = [
    *["act", "pump", "serve", "deliver", "all"] * 4,
    *["connect", "cut"] * 3,
    *["fail", "tick", "throttle", "loosen"],
]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 9)), min_size=30, max_size=90)
SHAPES = st.fixed_dictionaries(
    {
        "sentence_ms": st.sampled_from([60, 200, 400, 1000, 60_000]),
        "silence_ms": st.sampled_from([100, 300, 800]),
        "frame_ms": st.sampled_from([20, 100, 130]),
    }
)


def act(world: World, actions: list[Action]) -> bool:
    """Do the next thing that the user does; whether anything was done."""
    if not actions or world.is_over:
        return False
    kind, what = actions[0]
    if kind == "inject" and world.machine._buffer.has_timer:
        return False  # the silence before it has not had its turn
    actions.pop(0)
    match kind:
        case "audio":
            world.machine.send(what, world.now)
        case "flush":
            world.machine.flush(world.now)
        case "update":
            world.machine.update(world.options, world.now)
        case "inject":
            world.inject(what)
        case "finish":
            world.machine.finish(world.now)
    return True


def step(world: World, kind: str, count: int, actions: list[Action]) -> None:
    """Let one thing happen."""
    match kind:
        case "act":
            for _ in range(count):
                act(world, actions)
        case "all":
            world.connect()
            world.pump()
            world.serve()
            world.deliver()
        case "pump" | "serve" | "deliver":
            getattr(world, kind)(count)
        case "throttle" | "loosen":
            world.throttle(on=kind == "throttle" and world.is_connected)
        case "tick":
            world.tick(count)
        case _:
            getattr(world, kind)()


def run(actions: Sequence[Action], steps: Sequence[tuple[str, int]], **shape: Any) -> World:
    """Recognize: first with *steps*, and then without any further trouble."""
    world, left = World(**shape), list(actions)
    world.connect()
    for kind, count in steps:
        step(world, kind, count, left)
        rewind(world, actions, left)
    for _ in range(10_000):
        did = act(world, left)
        world.settle()
        rewind(world, actions, left)
        if not did and (world.is_over or not left):
            break
    return world


def rewind(world: World, actions: Sequence[Action], left: list[Action]) -> None:
    """Have the audio come once more from where the machine wants it."""
    if world.rewind_to is None:
        return
    audio = b"".join(what for kind, what in actions if kind == "audio")[world.rewind_to :]
    world.rewind_to = None
    left[:] = [("audio", audio[at : at + 999]) for at in range(0, len(audio), 999)]
    left.append(("finish", 0))


def check_overhead(world: World) -> None:
    """All audio that was sent is the user's, or counted as sent in addition."""
    overhead = world.machine.overhead
    assert world.machine._ledger.given is not None
    seconds = world.machine._ledger.given / 1000 + overhead.replayed + overhead.injected
    assert world.sent == pytest.approx(seconds * RATE * 2)


def unbroken(actions: Sequence[Action], **shape: Any) -> World:
    """Recognize without any trouble, each thing after the other."""
    return run(actions, (), **shape)


@settings(max_examples=300, derandomize=True)
@given(RECORDINGS, STEPS, SHAPES)
def test_a_cut_changes_nothing(
    recording: Any, steps: list[tuple[str, int]], shape: dict[str, int]
) -> None:
    """Cut anywhere, any number of times: the same finals at the same times, once and in order."""
    actions = actions_of(recording)
    expected = unbroken(actions, **shape)
    world = run(actions, steps, **shape)
    assert expected.outcome.finals == world.outcome.finals
    assert type(expected.error) is type(world.error)
    check_overhead(world)


@pytest.mark.parametrize("kind", ["pcm", "wav"])
@settings(max_examples=100, derandomize=True)
@given(RECORDINGS, STEPS, SHAPES, st.sampled_from([0.1, 0.5, 2.0]))
def test_a_cut_of_a_file_changes_nothing(
    kind: str,
    recording: Any,
    steps: list[tuple[str, int]],
    shape: dict[str, int],
    keep: float,
) -> None:
    """However little is kept, audio that can be read again gets the finals of the unbroken run."""
    actions = [each for each in actions_of(recording) if each[0] in ("audio", "finish")]
    if kind == "wav":
        actions.insert(0, ("audio", HEADER))
    options: dict[str, Any] = {
        "format": kind,
        "can_rewind": True,
        "header": len(HEADER) if kind == "wav" else 0,
        "reconnect": Reconnect(keep=keep),
    }
    expected = unbroken(actions, **shape, **options)
    world = run(actions, steps, **shape, **options)
    assert expected.outcome.finals == world.outcome.finals
    assert world.error is expected.error is None
    if kind == "pcm":
        check_overhead(world)


@settings(max_examples=100, derandomize=True)
@given(RECORDINGS, SHAPES)
def test_the_unbroken_run_is_right(recording: Any, shape: dict[str, int]) -> None:
    """The service of these tests returns each mark once, in order, at its time."""
    world = unbroken(actions_of(recording), **shape)
    times, at = {}, 0
    first = 0
    for kind, length in [("voice", 5), *recording[0]]:
        if kind == "voice":
            times |= {first + n: at + n * BLOCK_MS for n in range(length)}
            first += length
        at += length * BLOCK_MS if kind in ("voice", "silence") else 0
    assert list(times) == marks_of(world.results)
    for result in filter(lambda one: one.is_final, world.results):
        for word in result.sentence.words:
            begin = times[int(word.text)]
            assert (begin, begin + BLOCK_MS) == (word.begin_time, word.end_time)
    assert world.error is None or not world.results
