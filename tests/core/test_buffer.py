"""The buffer of unsent audio: frames, and the marks between them."""

import struct

import pytest

from paraformer_async._core.buffer import AudioBuffer, Mark, Seam
from paraformer_async._core.framing import Framer, Splitter

FRAME = 3200  # bytes: 100 ms at 16 kHz


def buffer(frames: int = 100) -> AudioBuffer:
    """Make a buffer with room for so many frames."""
    return AudioBuffer(Framer(16000), limit=frames * FRAME)


def items(box: AudioBuffer) -> list[bytes | Mark | Seam]:
    """Take all items, as the machine does."""
    taken: list[bytes | Mark | Seam] = []
    while box.items:
        item = box.items.popleft()
        if isinstance(item, Mark | Seam):
            taken.append(item)
            box.has_timer = box.has_timer and item is not Mark.TIMER
        else:
            box.size -= len(item)
            taken.append(bytes(item))
    assert 0 == box.size
    return taken


def test_chunks_become_frames() -> None:
    """Chunks of any size come out as whole frames, the rest at the end."""
    box = buffer()
    for chunk in (b"a" * 1000, b"b" * 5000, b"c" * 1000):
        box.add(chunk)
    assert 2 * FRAME == box.size
    box.mark_end()
    whole = b"a" * 1000 + b"b" * 5000 + b"c" * 1000
    assert [whole[:3200], whole[3200:6400], whole[6400:], Mark.END] == items(box)


def test_the_end_comes_once() -> None:
    """The end is marked once; timers may follow, for middleware that holds the end back."""
    box = buffer()
    box.mark_end()
    box.mark_end()
    box.mark_timer()
    assert box.is_ended
    assert [Mark.END, Mark.TIMER] == items(box)


def test_there_is_room_when_half_is_free() -> None:
    """Waiting senders continue when half of the limit is free, to limit wake-ups."""
    box = buffer(frames=4)
    for expected in (True, True, True, False, False):
        assert expected == box.has_room
        box.add(bytes(FRAME))


def test_the_timer_comes_after_all_audio() -> None:
    """The timer's mark follows all audio that was there, and is there once at a time."""
    box = buffer()
    box.add(b"a" * (FRAME + 10))
    box.mark_timer()
    box.mark_timer()
    assert box.has_timer
    assert [b"a" * FRAME, b"a" * 10, Mark.TIMER] == items(box)
    assert not box.has_timer
    box.mark_timer()
    assert [Mark.TIMER] == items(box)


@pytest.mark.parametrize("by", ["timer", "seam"])
def test_a_sample_is_not_divided(by: str) -> None:
    """Half a sample is held back from a mark; at the end, all leaves."""
    box = buffer()
    seam = Seam()

    def mark() -> Mark | Seam:
        if by == "timer":
            box.mark_timer()
            return Mark.TIMER
        box.mark_seam(seam)
        return seam

    box.add(b"abc")
    expected = mark()
    assert [b"ab", expected] == items(box)
    box.add(b"d")
    expected = mark()
    assert [b"cd", expected] == items(box)
    box.add(b"e")
    box.mark_end()
    assert [b"e", Mark.END] == items(box)


def test_a_seam_lies_between_the_audio() -> None:
    """A seam stands where it was marked, with the options from there on."""
    box = buffer()
    box.add(b"aa")
    box.mark_seam(seam := Seam())
    box.add(b"bb")
    box.mark_end()
    assert seam.options is None
    assert [b"aa", seam, b"bb", Mark.END] == items(box)


def test_compressed_audio_passes_as_it_comes() -> None:
    """Compressed audio is not held back to fill frames; empty chunks are none."""
    box = AudioBuffer(Splitter(), limit=100)
    for chunk in (b"abc", b"", b"d"):
        box.add(chunk)
    box.mark_end()
    assert [b"abc", b"d", Mark.END] == items(box)
    # No chunk is taken for a frame, the empty one included.
    assert box.frame_size < 0
    assert AudioBuffer(Framer(16000), limit=100, is_wav=True).frame_size < 0


def test_what_comes_again_is_forgotten() -> None:
    """When the audio comes again, nothing is left: no frame, no rest, no mark, no end."""
    box = buffer()
    box.add(bytes(FRAME + 7))
    box.mark_timer()
    box.add(bytes(9))
    box.mark_end()
    box.clear()
    assert (0, False, False, b"") == (box.size, box.is_ended, box.has_timer, bytes(box.rest))
    box.add(b"a" * FRAME)
    box.mark_end()
    assert [b"a" * FRAME, Mark.END] == items(box)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("pieces", [2, 3, 7])
@pytest.mark.parametrize("extra", [0, 10, FRAME - 52, 4000])
def test_no_frame_of_a_wav_stream_ends_within_a_sample(
    channels: int, bits: int, pieces: int, extra: int
) -> None:
    """Whatever a sample's width, and however long the header, a mark stands between samples."""
    block = channels * bits // 8
    form = struct.pack("<IHHIIHH", 16, 1, channels, 16_000, 16_000 * block, block, bits)
    note = b"LIST" + extra.to_bytes(4, "little") + bytes(extra) if extra else b""
    header = b"RIFF" + bytes(4) + b"WAVEfmt " + form + note + b"data" + bytes(4)
    stream = header + bytes(range(1, 201)) * 200
    box = AudioBuffer(Framer(16000), limit=1_000_000, is_wav=True)
    for piece in range(pieces):
        box.add(stream[piece * FRAME : (piece + 1) * FRAME])
    box.mark_seam(Seam())
    box.add(stream[pieces * FRAME :])
    box.mark_end()
    taken = items(box)
    place = next(place for place, item in enumerate(taken) if isinstance(item, Seam))
    before = b"".join(item for item in taken[:place] if isinstance(item, bytes))
    after = b"".join(item for item in taken[place:] if isinstance(item, bytes))
    assert 0 == (len(before) - len(header)) % block
    assert stream == before + after
