"""The buffer of unsent audio: frames, and the marks between them."""

import struct

import pytest

from paraformer_async._core.buffer import AudioBuffer, Mark, Seam
from paraformer_async._core.framing import Framer, Splitter

FRAME = 3200  # bytes: 100 ms at 16 kHz


def buffer(frames: int = 100) -> AudioBuffer:
    """Make a buffer with room for so many frames."""
    return AudioBuffer(Framer(16000), limit=frames * FRAME)


def wav_header(channels: int, bits: int, note: bytes = b"", size: int = 0) -> bytes:
    """Return the header of a WAV stream of PCM, with another chunk before its samples."""
    block = channels * bits // 8
    form = struct.pack("<IHHIIHH", 16, 1, channels, 16_000, 16_000 * block, block, bits)
    return b"RIFF" + bytes(4) + b"WAVEfmt " + form + note + b"data" + size.to_bytes(4, "little")


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
    """Half a sample is held back from a mark, until its other half comes."""
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


@pytest.mark.parametrize("before", [0, 2, FRAME, FRAME + 2])
def test_half_a_sample_at_the_end_is_left_out(
    before: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a sample at the end of PCM is not sent, and a warning says so, once."""
    box = buffer()
    box.add(bytes(before))
    box.add(b"e")
    box.mark_end()
    box.mark_end()
    *frames, end = items(box)
    assert end is Mark.END
    assert bytes(before) == b"".join(frames)  # type: ignore[arg-type]
    assert ["the audio ends within a sample: its last 1 byte(s) are left out"] == caplog.messages


def test_whole_samples_are_no_reason_for_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Audio that ends with a sample is sent to its end, without a warning."""
    box = buffer()
    box.add(b"abc")
    box.add(b"d")
    box.mark_end()
    assert [b"abcd", Mark.END] == items(box)
    assert [] == caplog.messages


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("is_size_known", [False, True])
def test_part_of_a_block_at_the_end_of_a_wav_stream_is_left_out(
    channels: int, bits: int, is_size_known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A WAV stream ends with a sample of all channels, whatever its width is."""
    block = channels * bits // 8
    header = wav_header(channels, bits, size=90_000 if is_size_known else 0)
    for part in range(block):
        box = AudioBuffer(Framer(16000), limit=1_000_000, is_wav=True)
        box.add(header + bytes(range(240)) * 5 * block + bytes(part))
        box.mark_end()
        *frames, _ = items(box)
        assert header + bytes(range(240)) * 5 * block == b"".join(frames)  # type: ignore[arg-type]
    assert block - 1 == len(caplog.messages)


def test_what_follows_the_samples_of_a_wav_stream_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    """A chunk after the samples, however long it is, is no part of a sample."""
    stream = wav_header(2, 24, size=600) + bytes(600) + b"LIST\x02\x00\x00\x00ab"
    box = AudioBuffer(Framer(16000), limit=1_000_000, is_wav=True)
    box.add(stream)
    box.mark_end()
    *frames, _ = items(box)
    assert stream == b"".join(frames)  # type: ignore[arg-type]
    assert [] == caplog.messages


def test_half_a_header_is_sent() -> None:
    """A WAV stream that ends within its header has no samples; the service says what is wrong."""
    box = AudioBuffer(Framer(16000), limit=1_000_000, is_wav=True)
    box.add(wav_header(1, 16)[:31])
    box.mark_end()
    assert [wav_header(1, 16)[:31], Mark.END] == items(box)


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
    note = b"LIST" + extra.to_bytes(4, "little") + bytes(extra) if extra else b""
    header = wav_header(channels, bits, note)
    stream = header + bytes(range(1, 201)) * 198
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
