"""Compressed audio that is cut anywhere is resumed at a packet, as PCM is at a sample."""

from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async._core.packets import cutter_of
from paraformer_async.options.policies import Rollover
from paraformer_async.testing.marking import BLOCK_MS, marks_of
from tests.core.packet_streams import stream_of
from tests.core.simulation import PER_MS, Service, World
from tests.core.test_cut_anywhere import (
    PARTS,
    SHAPES,
    SIZES,
    STEPS,
    Action,
    act,
    actions_of,
    step,
)

_FRAME = BLOCK_MS * PER_MS  # bytes of PCM that a packet stands for


def packet(format: str, pcm: bytes) -> bytes:
    """Return a packet of 20 ms that contains the mark of *pcm*."""
    head = b"\x3c" if format == "amr" else b"\x48"
    return head + pcm[:2] + bytes(29 if format == "amr" else 5)


class PacketService(Service):
    """The service's end of a connection to which packets are sent."""

    format = "amr"

    def take(self, frame: str | bytes | memoryview) -> None:
        """Take a frame of the client: the marks in its packets are its audio."""
        if isinstance(frame, str):
            if '"run-task"' in frame:
                self._cutter = cutter_of(self.format)
            super().take(frame)
        else:
            marks = [one.data[1:3] for one in self._cutter.feed(frame)]
            super().take(b"".join(mark * (_FRAME // 2) for mark in marks))


class OpusService(PacketService):
    """The same for Opus in Ogg."""

    format = "opus"


class PacketWorld(World):
    """A recognition of packets."""

    @property
    def make_service(self) -> type[Service]:  # type: ignore[override]
        """What makes the service's end of a connection."""
        return PacketService if self.options.format == "amr" else OpusService


def packed(format: str, actions: list[Action], sizes: list[int]) -> list[Action]:
    """Return the same audio as streams of packets, in chunks of any size."""
    made: list[Action] = []
    for kind, what in joined(actions):
        if kind != "audio":
            made.append((kind, what))
            continue
        pcm = [what[at : at + _FRAME] for at in range(0, len(what), _FRAME)]
        data = stream_of(format, [packet(format, each) for each in pcm])
        if made:
            data = data[len(stream_of(format, [])) :]
        for size in cycle(sizes):
            made.append(("audio", data[: size // 8 + 1]))
            data = data[size // 8 + 1 :]
            if not data:
                break
    return made


def joined(actions: list[Action]) -> list[Action]:
    """Return the actions with one for all audio between two others; nothing is injected."""
    made: list[Action] = []
    for kind, what in actions:
        if kind == "inject":
            continue
        if kind == "audio" and made and made[-1][0] == "audio":
            made[-1] = ("audio", made[-1][1] + what)
        else:
            made.append((kind, what))
    return made


def run(actions: list[Action], steps: list[tuple[str, int]], **shape: Any) -> World:
    """Recognize: first with *steps*, and then without any further trouble."""
    world, left = PacketWorld(**shape), list(actions)
    world.connect()
    for kind, count in steps:
        step(world, kind, count, left)
    for _ in range(10_000):
        did = act(world, left)
        world.settle()
        if not did and (world.is_over or not left):
            break
    return world


@pytest.mark.parametrize("format", ["amr", "opus"])
@settings(max_examples=150, derandomize=True)
@given(PARTS, SIZES, STEPS, SHAPES, st.sampled_from([None, Rollover(seconds=0.3, grace=0.2)]))
def test_a_cut_changes_nothing(
    format: str,
    parts: list[tuple[str, int]],
    sizes: list[int],
    steps: list[tuple[str, int]],
    shape: dict[str, int],
    rollover: Rollover | None,
) -> None:
    """Cut anywhere, any number of times: the same finals at the same times, once and in order."""
    actions = packed(format, actions_of((parts, sizes)), sizes)
    options: dict[str, Any] = {"format": format, "passthrough": True, "rollover": rollover}
    expected = run(actions, [], **shape, **options)
    world = run(actions, steps, **shape, **options)
    assert marks_of(expected.results) == marks_of(world.results)
    if rollover is None:
        assert expected.outcome.finals == world.outcome.finals
    assert type(expected.error) is type(world.error)
