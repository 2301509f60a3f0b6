"""A recognition that sends compressed audio as it is, cut at its packets."""

import logging
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async._core.messages import (
    Audio,
    Command,
    FinishTask,
    ResultGenerated,
    RunTask,
    TaskFinished,
)
from paraformer_async._core.packets import cutter_of
from paraformer_async.errors import AudioError, ConnectionLostError
from paraformer_async.middleware import Middleware
from paraformer_async.results import Sentence
from tests.core.packet_streams import mp3_frame, packets_of, seeded, stream_of
from tests.core.test_recognition import Table


def final(begin: int, end: int) -> ResultGenerated:
    """Return a final sentence."""
    return ResultGenerated(Sentence(begin_time=begin, end_time=end, text="x", sentence_end=True))


def audio_of(commands: Iterable[Command]) -> bytes:
    """Return the audio of a task."""
    return b"".join(bytes(one.data) for one in commands if isinstance(one, Audio))


def packets_in(format: str, commands: Iterable[Command]) -> list[bytes]:
    """Return the packets of a task."""
    return [packet.data for packet in cutter_of(format).feed(audio_of(commands))]


def passing(format: str, **options: Any) -> Table:
    """Return a recognition that passes *format* through."""
    return Table(format=format, passthrough=True, **options)


@pytest.mark.parametrize("format", ["mp3", "aac", "amr", "opus", "speex"])
def test_a_task_continues_at_a_packet(format: str) -> None:
    """After a drop, the next task gets the head, and every packet after the last final."""
    table = passing(format)
    packets = packets_of(format, 100)
    table.machine.send(stream_of(format, packets), 0.0)
    assert packets == packets_in(format, table.start())
    table.deliver(final(0, 1000))
    table.lose()
    again = table.start()
    duration = {"mp3": 36, "aac": 64}.get(format, 20)
    assert packets[1000 // duration :] == packets_in(format, again)
    (result,) = table.deliver(final(100, 500))
    begin = 1000 - 1000 % duration
    assert (begin + 100, begin + 500) == (result.sentence.begin_time, result.sentence.end_time)


# By the length of a packet of Opus in ms: its first byte (RFC 6716, section 3.1).
_OPUS = {2.5: 0x80, 5: 0x88, 10: 0x90, 20: 0x98, 40: 0x50, 60: 0x58}


_LENGTHS = {first: length for length, first in _OPUS.items()}


@given(
    st.lists(st.sampled_from(tuple(_OPUS)), min_size=2, max_size=60),
    st.integers(1, 60),
    st.integers(0, 60),
)
@settings(max_examples=100, derandomize=True)
def test_packets_of_varying_length(lengths: list[float], end: int, begin: int) -> None:
    """A task continues at the very packet at which a final has ended, however long each one is."""
    packets = [bytes((_OPUS[one], number)) for number, one in enumerate(lengths)]
    end = min(end, len(packets) - 1)
    begin = min(begin, end - 1)
    at = [sum(lengths[:number]) for number in range(len(packets) + 1)]
    table = passing("opus")
    table.machine.send(stream_of("opus", packets), 0.0)
    assert packets == packets_in("opus", table.start())
    table.deliver(final(round(at[begin]), round(at[end])))
    table.lose()
    pause = packets[:begin] if at[begin] >= 200 else []  # perhaps a final that is late
    left = pause + packets[end:]
    assert left == packets_in("opus", table.start())
    last = sum(lengths) - lengths[-1]
    sent = sum(_LENGTHS[one[0]] for one in left)
    (result,) = table.deliver(final(round(sent - lengths[-1]), round(sent)))
    times = result.sentence.begin_time, result.sentence.end_time
    assert (last, sum(lengths)) == pytest.approx(times, abs=1)


def test_a_chunk_is_sent_at_once() -> None:
    """A live stream of 20 ms packets waits for nothing: each is a frame as soon as it is whole."""
    table = passing("opus")
    packets = packets_of("opus", 5)
    table.machine.send(stream_of("opus", packets[:1]), 0.0)
    assert packets[:1] == packets_in("opus", table.start())
    heads = len(stream_of("opus", []))
    table.machine.send(stream_of("opus", packets[1:2])[heads:], 0.0)
    (frame,) = table.flush()
    assert isinstance(frame, Audio)
    assert packets[1] in bytes(frame.data)


def test_a_flush_begins_a_stream_of_its_own() -> None:
    """Each task receives the head of the stream and its own packets."""
    table = passing("amr")
    first, second = packets_of("amr", 10), packets_of("amr", 20, seed=2)
    table.machine.send(stream_of("amr", first), 0.0)
    table.machine.flush(0.0)
    table.machine.send(b"".join(second), 0.0)
    table.machine.finish(0.0)
    assert stream_of("amr", first) == audio_of(table.start())
    table.deliver(final(0, 180), TaskFinished())
    assert stream_of("amr", second) == audio_of(table.start())
    (result,) = table.deliver(final(0, 300))
    assert (200, 500) == (result.sentence.begin_time, result.sentence.end_time)


def test_mp3_brings_the_bytes_that_its_first_frame_uses() -> None:
    """Where frames before are missing, a silent one leads; it moves no time, and is counted."""
    content = seeded(1)
    frames = [mp3_frame(content, uses=50 if number else 0) for number in range(40)]
    table = passing("mp3")
    table.machine.send(b"".join(frames), 0.0)
    table.start()
    table.deliver(final(0, 720))
    for _ in range(2):
        table.lose()
        lead, *others = packets_in("mp3", table.start())
        assert frames[20:] == others
        assert frames[19][-50:] == lead[-50:]
        (result,) = table.deliver(ResultGenerated(Sentence(begin_time=36, text="x")))
        assert 720 == result.sentence.begin_time
    table.machine.send(b"".join(frames[:1]), 0.0)
    table.machine.flush(0.0)
    table.machine.send(b"".join(frames[1:3]), 0.0)
    table.flush()
    table.deliver(TaskFinished())
    lead, *others = packets_in("mp3", table.start())
    assert frames[1:3] == others
    assert frames[0][-50:] == lead[-50:]
    (result,) = table.deliver(final(36, 72))
    assert 41 * 36 == result.sentence.begin_time
    assert 0.036 == pytest.approx(table.machine.overhead.injected)


def test_the_buffer_is_bounded_in_seconds() -> None:
    """Once the first packet is known, so is how long the audio is that waits."""
    table = passing("amr", buffer=1.0)
    table.machine.send(stream_of("amr", packets_of("amr", 49)), 0.0)
    assert not table.machine.is_full
    table.machine.send(packets_of("amr", 1)[0], 0.0)
    assert table.machine.is_full


def test_no_more_is_sent_than_is_kept() -> None:
    """A source that is faster than real time waits, so that nothing is lost with a connection."""
    table = passing("amr")
    packets = packets_of("amr", 50 * 120)
    for packet in packets:
        table.machine.send(packet, 0.0)
    sent = packets_in("amr", table.start())
    assert 50 * 30 < len(sent) < 50 * 60
    table.lose()
    assert sent == packets_in("amr", table.start())


def test_what_is_not_of_the_format_is_an_error() -> None:
    """Audio of another kind is refused where it is sent, or at its end if that was short."""
    table = passing("amr")
    with pytest.raises(AudioError, match="does not begin as AMR-NB"):
        table.machine.send(b"RIFF", 0.0)
    table = passing("mp3")
    table.machine.send(b"no mp3", 0.0)
    with pytest.raises(AudioError, match="no whole packet of it: 6 bytes were received"):
        table.machine.finish(0.0)


def test_a_packet_that_was_cut_off_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """What is left out at the end is logged, once."""
    table = passing("mp3")
    table.machine.send(b"".join(packets_of("mp3", 3)) + b"\xff\xf3", 0.0)
    with caplog.at_level(logging.WARNING):
        table.machine.finish(0.0)
        table.machine.finish(0.0)
    assert ["2 bytes of the mp3 stream are left out: they are no whole packet"] == caplog.messages


def test_no_audio_at_all_is_the_services_to_judge() -> None:
    """A stream that ends before anything was sent ends like one of PCM."""
    table = passing("mp3")
    table.machine.finish(0.0)
    assert [RunTask, FinishTask] == [type(one) for one in (table.start() and table.received)]


def test_middleware_sees_the_packets() -> None:
    """Middleware receives the audio, and may drop it; its bytes are the packets."""
    seen: list[bytes] = []

    class Seeing(Middleware):
        def outgoing(self, command: Command, now: float) -> Iterable[Command]:
            del now
            if isinstance(command, Audio):
                seen.append(bytes(command.data))
            return (command,)

    table = Table(Seeing(), format="amr", passthrough=True)
    packets = packets_of("amr", 3)
    table.machine.send(stream_of("amr", packets), 0.0)
    table.start()
    assert [b"".join(packets)] == seen


def test_without_reconnection_it_is_cut_all_the_same() -> None:
    """Passed through without a policy, the packets are the same, and a drop is the end."""
    table = passing("amr", reconnect=None)
    packets = packets_of("amr", 3)
    table.machine.send(stream_of("amr", packets), 0.0)
    assert packets == packets_in("amr", table.start())
    assert isinstance(table.lose().error, ConnectionLostError)  # type: ignore[union-attr]
