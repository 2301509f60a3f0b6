"""A whole recognition without an event loop: drops, a seam, silence, a connection that is full."""

import pytest

from paraformer_async._core.messages import RunTask
from paraformer_async._core.protocol import Phase
from paraformer_async.middleware import Heartbeat, LatencyMeter
from paraformer_async.testing.marking import BLOCK_MS, marked, marks_of
from tests.core.simulation import PER_MS, RATE, World

AUDIO = marked(6000, sample_rate=RATE)


class Talk(World):
    """A speaker in real time."""

    def add_speech(self, begin_ms: int, end_ms: int) -> None:
        """Send the audio between two times, in chunks of 70 ms, as it is recorded."""
        for at in range(begin_ms, end_ms, 70):
            piece = AUDIO[at * PER_MS : min(at + 70, end_ms) * PER_MS]
            self.machine.send(piece, self.now)
            self.pump()
            self.tick(len(piece) / PER_MS / 1000)


def test_a_whole_recognition() -> None:
    """Two drops, a flush, heartbeats and throttling: each mark once, in order, at its time."""
    latency = LatencyMeter()
    world = Talk(Heartbeat(5.0), latency, sentence_ms=600, heartbeat=True)

    begin_late(world)
    fill_up(world)
    break_off(world)
    flush(world)
    fall_silent(world)
    break_off_at_the_end(world)

    assert world.error is None
    assert Phase.DONE is world.machine.phase
    check_finals(world)
    check_services(world)
    assert latency.measured.first_packet is not None
    assert latency.measured.last_packet is not None
    assert 2 == len(world.verdicts)
    usage = world.machine.usage
    assert usage is not None
    assert usage.duration >= 6


def begin_late(world: Talk) -> None:
    """Audio comes before there is a connection, and before the first task has started."""
    world.add_speech(0, 500)
    assert Phase.NEW is world.machine.phase
    world.connect()
    world.pump()
    world.serve()
    world.tick(0.3)
    assert [(0, 1)] == [(len(task), len(world.services)) for task in world.service.tasks]
    world.deliver()
    assert Phase.RUNNING is world.machine.phase


def fill_up(world: Talk) -> None:
    """The connection takes nothing for a while, and goes on."""
    world.pump()
    world.serve()
    world.throttle(on=True)
    world.add_speech(500, 1200)
    assert world.machine.waiting
    assert "send" in world.machine._deadlines
    world.throttle(on=False)
    world.pump()
    world.serve()
    world.deliver()


def break_off(world: Talk) -> None:
    """A drop takes results that were on their way, and frames that were not read."""
    world.add_speech(1200, 2000)
    world.serve(5)
    assert world.uplink
    assert world.service.downlink
    world.cut(1011)
    world.add_speech(2000, 2300)
    world.tick(0.5)
    assert Phase.WAITING is world.machine.phase
    world.connect()
    world.settle()


def flush(world: Talk) -> None:
    """The utterance ends with a flush; what follows is in another task on the same connection."""
    world.add_speech(2300, 3000)
    connections = len(world.services)
    world.machine.flush(world.now)
    world.add_speech(3000, 3210)
    assert Phase.FINISHING is world.machine.phase
    world.settle()
    assert Phase.RUNNING is world.machine.phase
    assert connections == len(world.services)


def fall_silent(world: Talk) -> None:
    """The source is quiet for 12 s; silence keeps the task alive and ends the sentence."""
    world.tick(12.0)
    world.settle()
    assert world.machine._ledger.injected >= 1000
    assert list(range(3200 // BLOCK_MS)) == marks_of(world.results)[: 3200 // BLOCK_MS]


def break_off_at_the_end(world: Talk) -> None:
    """Another drop comes when the end has been sent, and not all results have been received."""
    world.add_speech(3210, 6000)
    world.machine.finish(world.now)
    world.pump()
    world.serve()
    world.deliver(4)
    assert Phase.FINISHING is world.machine.phase
    world.cut()
    world.settle()


def check_finals(world: World) -> None:
    """The finals are complete and in order, their times the user's, and their tasks named."""
    finals = [one for one in world.results if one.is_final]
    assert list(range(6000 // BLOCK_MS)) == marks_of(finals)
    for word in (word for one in finals for word in one.sentence.words):
        begin = int(word.text) * BLOCK_MS
        # A third of a block may be missing where a task begins.
        assert abs(begin - word.begin_time) <= BLOCK_MS / 3
        assert abs(begin + BLOCK_MS - word.end_time) <= BLOCK_MS / 3
    ends = [one.sentence.end_time or 0 for one in finals]
    assert sorted(ends) == ends
    ids = world.machine.request_ids
    assert 4 == len(ids) == len(set(ids))
    places = [ids.index(one.request_id) for one in finals]
    assert sorted(places) == places


def check_services(world: World) -> None:
    """Each task began alike; together they received all audio, in order, and none was left out."""
    assert [1, 2, 1] == [len(service.tasks) for service in world.services]
    begins = [one for each in world.services for one in each.commands if isinstance(one, RunTask)]
    assert [begins[0]] * 4 == begins
    assert True is begins[0].parameters["heartbeat"]
    covered = 0
    for task in (task for service in world.services for task in service.tasks):
        heard = without_silence(task)
        begin = AUDIO.find(heard)
        assert 0 <= begin <= covered
        covered = max(covered, begin + len(heard))
    assert len(AUDIO) == covered


def without_silence(task: bytearray) -> bytes:
    """Return the audio of a task without the silence that was injected."""
    samples = (bytes(task[at : at + 2]) for at in range(0, len(task), 2))
    return b"".join(sample for sample in samples if any(sample))


@pytest.mark.parametrize("frame_ms", [20, 100, 200])
@pytest.mark.parametrize("size", [160, 320, 480, 1600, 4000, 333, 4097])  # bytes
def test_the_last_words_of_a_source_that_falls_silent(size: int, frame_ms: int) -> None:
    """They are final as soon as a pause has passed, and the time in which a frame is filled."""
    world = World(Heartbeat(5.0), sentence_ms=60_000, heartbeat=True, frame_ms=frame_ms)
    world.connect()
    world.settle()
    for at in range(0, len(AUDIO), size):
        piece = AUDIO[at : at + size]
        world.tick(len(piece) / PER_MS / 1000)
        world.machine.send(piece, world.now)
        world.pump()
    assert [] == marks_of(world.results)
    world.tick(0.8 + frame_ms / 1000)
    world.serve()
    world.deliver()
    assert list(range(6000 // BLOCK_MS)) == marks_of(world.results)


def test_its_state_is_so_small_that_no_dict_is_needed() -> None:
    """CPython looks the attributes of an object up in a dict of its own if there are 30 or more."""
    talk = Talk()
    for state in (talk.machine, talk.machine._ledger):
        assert len(vars(state)) < 30
