"""Cutting audio: nothing lost, added, reordered or copied without need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.framing import FRAME_MS, Framer, Splitter, bytes_per_second, silence

RATES = st.integers(1000, 192_000)
SIZES = st.lists(st.integers(0, 40_000), max_size=12)


def chunks_of(sizes: list[int]) -> list[bytes]:
    """Return chunks of *sizes* that together count up, so that a wrong order shows."""
    total = sum(sizes)
    audio = b"".join(number.to_bytes(4) for number in range(total // 4 + 1))
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    return [audio[start : start + size] for start, size in zip(starts, sizes, strict=True)]


@given(RATES, SIZES)
def test_framer_keeps_every_byte(rate: int, sizes: list[int]) -> None:
    """However the audio is chunked, the frames together are the audio, all full, none too large."""
    framer = Framer(rate)
    chunks = chunks_of(sizes)
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    rest = framer.flush()
    assert b"".join(chunks) == b"".join([*frames, rest])
    assert all(len(frame) % framer.size == 0 for frame in frames)
    assert all(0 < len(frame) <= framer.largest for frame in frames)
    assert len(rest) < framer.size
    assert b"" == framer.flush()


@given(RATES)
def test_frames_are_what_the_service_advises(rate: int) -> None:
    """A frame is 100 ms of whole samples, but never below 1 KB nor above 16 KB."""
    framer = Framer(rate)
    size = framer.size
    ideal = bytes_per_second(rate) * FRAME_MS // 1000
    assert 1024 <= size <= framer.largest <= 16384
    assert framer.largest % size == 0
    assert 0 == size % 2
    assert size in (1024, 16384) or abs(size - ideal) <= 2


@pytest.mark.parametrize(("rate", "expected"), [(8000, 1600), (16000, 3200), (48000, 9600)])
def test_common_rates(rate: int, expected: int) -> None:
    """At the usual rates a frame is exactly 100 ms."""
    assert expected == Framer(rate).size


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_a_chunk_of_whole_frames_passes_as_it_is(frames: int) -> None:
    """A chunk that is a frame, or several up to 400 ms, is not touched."""
    chunk = bytes(3200 * frames)
    (frame,) = Framer(16000).feed(chunk)
    assert frame is chunk


@pytest.mark.parametrize(
    ("rate", "frame_ms", "size", "expected"),
    [
        (16000, 100, 3200 * 9 + 40, [12800, 12800, 3200]),
        (8000, 100, 1600 * 6 + 40, [6400, 3200]),
        (16000, 200, 6400 * 3, [12800, 6400]),
        (16000, 150, 4800 * 5, [9600, 9600, 4800]),
        (48000, 100, 9600 * 3, [9600, 9600, 9600]),
    ],
)
def test_much_audio_at_once_has_larger_frames(
    rate: int, frame_ms: int, size: int, expected: list[int]
) -> None:
    """Audio that is there at once is cut into as few frames as 400 ms and 16 KB allow."""
    assert expected == [len(frame) for frame in Framer(rate, frame_ms).feed(bytes(size))]


@pytest.mark.parametrize(("longest_ms", "expected"), [(0.5, 3200), (250.0, 6400), (1e9, 12800)])
def test_the_largest_frames_can_be_limited(longest_ms: float, expected: int) -> None:
    """What is there at once is cut into smaller frames if the largest would be too long."""
    assert expected == Framer(16000, longest_ms=longest_ms).largest


def test_a_large_chunk_fills_the_frame_that_was_begun() -> None:
    """What is held from before is part of the first frame, which is as large as the others."""
    framer = Framer(16000)
    assert [] == list(framer.feed(b"a" * 100))
    frames = [bytes(frame) for frame in framer.feed(b"b" * 3200 * 9)]
    assert [12800, 12800, 3200] == [len(frame) for frame in frames]
    assert (b"a" * 100 + b"b" * 12700, b"b" * 100) == (frames[0], framer.flush())


def test_a_chunk_of_one_frame_waits_its_turn() -> None:
    """A chunk that is a frame does not overtake what is held from before it."""
    framer = Framer(16000)
    chunks = [b"a" * 100, b"b" * 3200, b"c" * 3200]
    frames = [bytes(frame) for chunk in chunks for frame in framer.feed(chunk)]
    expected = [b"a" * 100 + b"b" * 3100, b"b" * 100 + b"c" * 3100]
    assert (expected, b"c" * 100) == (frames, framer.flush())


def test_frames_within_a_chunk_are_views_of_it() -> None:
    """Cutting a large chunk copies nothing but its rest."""
    chunk = bytes(12800 * 2 + 3205)
    frames = list(Framer(16000).feed(chunk))
    assert [True] * 3 == [isinstance(one, memoryview) and one.obj is chunk for one in frames]


def test_framer_waits_for_a_full_frame() -> None:
    """Small chunks are kept until a frame is full, and a flush returns what is kept."""
    framer = Framer(16000)
    assert [] == list(framer.feed(b"ab"))
    assert [] == list(framer.feed(b""))
    assert [] == list(framer.feed(b"cd"))
    assert b"abcd" == framer.flush()
    assert [b"x" * 3200] == list(framer.feed(b"x" * 3200))


@given(SIZES)
def test_framer_parts_no_sample(sizes: list[int]) -> None:
    """Flushed in whole samples after every chunk, all bytes come, and each frame is even."""
    framer = Framer(8000)
    chunks = chunks_of(sizes)
    frames: list[bytes] = []
    for chunk in chunks:
        frames += map(bytes, framer.feed(chunk))
        frames.append(framer.flush(len(framer.rest) % 2))
    assert all(len(frame) % 2 == 0 for frame in frames)
    assert b"".join(chunks) == b"".join(frames) + framer.flush()


@given(SIZES)
def test_splitter_keeps_every_byte(sizes: list[int]) -> None:
    """Compressed audio passes at once, whole, in pieces that the service takes."""
    splitter = Splitter()
    for chunk in chunks_of(sizes):
        pieces = list(splitter.feed(chunk))
        assert chunk == b"".join(pieces)
        assert all(0 < len(piece) <= 16384 for piece in pieces)
    assert b"" == splitter.flush()


def test_splitter_copies_nothing() -> None:
    """A small chunk passes as it is, a large one as views of it."""
    small, large = bytes(16384), bytes(16385)
    (passed,) = Splitter().feed(small)
    assert passed is small
    pieces = list(Splitter().feed(large))
    assert [16384, 1] == [len(piece) for piece in pieces]
    assert all(isinstance(piece, memoryview) and piece.obj is large for piece in pieces)


@given(RATES, st.integers(0, 10_000))
def test_silence_is_silent_and_whole_samples(rate: int, ms: int) -> None:
    """Silence is zeros, whole samples, and short by less than one sample."""
    data = silence(rate, ms)
    assert 0 == len(data) % 2
    assert not any(data)
    assert 0 <= rate * ms / 1000 - len(data) / 2 < 1


@pytest.mark.parametrize(
    ("rate", "frame_ms", "expected"),
    [(16_000, 100, 3200), (16_000, 400, 12_800), (48_000, 400, 16_384), (8_000, 20, 1024)],
)
def test_the_size_of_a_frame(rate: int, frame_ms: int, expected: int) -> None:
    """A frame is as long as was asked for, within the 1 to 16 KB that the service advises."""
    assert expected == Framer(rate, frame_ms).size


def test_frames_can_be_multiples_of_a_block() -> None:
    """Frames are as long as whole blocks allow; vast blocks and compressed audio change nothing."""
    framer = Framer(16000)
    framer.align(6)
    assert [12792, 3198] == [len(frame) for frame in framer.feed(bytes(16_000))]
    assert b"" != framer.flush()
    framer.align(65_536)
    assert 3198 == framer.size
    splitter = Splitter()
    splitter.align(6)
    assert [5] == [len(piece) for piece in splitter.feed(bytes(5))]
