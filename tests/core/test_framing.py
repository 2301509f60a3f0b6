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
    """However the audio is chunked, the frames together are the audio, all full but the last."""
    framer = Framer(rate)
    chunks = chunks_of(sizes)
    frames = [frame for chunk in chunks for frame in framer.feed(chunk)]
    rest = framer.flush()
    assert b"".join(chunks) == b"".join([*frames, rest])
    assert all(len(frame) == framer.size for frame in frames)
    assert len(rest) < framer.size
    assert b"" == framer.flush()


@given(RATES)
def test_frames_are_what_the_service_advises(rate: int) -> None:
    """A frame is 100 ms of whole samples, but never below 1 KB nor above 16 KB."""
    size = Framer(rate).size
    ideal = bytes_per_second(rate) * FRAME_MS // 1000
    assert 1024 <= size <= 16384
    assert 0 == size % 2
    assert size in (1024, 16384) or abs(size - ideal) <= 2


@pytest.mark.parametrize(("rate", "expected"), [(8000, 1600), (16000, 3200), (48000, 9600)])
def test_common_rates(rate: int, expected: int) -> None:
    """At the usual rates a frame is exactly 100 ms."""
    assert expected == Framer(rate).size


def test_a_chunk_of_one_frame_passes_as_it_is() -> None:
    """A chunk that is a frame is not touched."""
    chunk = bytes(3200)
    (frame,) = Framer(16000).feed(chunk)
    assert frame is chunk


def test_a_chunk_of_one_frame_waits_its_turn() -> None:
    """A chunk that is a frame does not overtake what is held from before it."""
    framer = Framer(16000)
    chunks = [b"a" * 100, b"b" * 3200, b"c" * 3200]
    frames = [bytes(frame) for chunk in chunks for frame in framer.feed(chunk)]
    expected = [b"a" * 100 + b"b" * 3100, b"b" * 100 + b"c" * 3100]
    assert (expected, b"c" * 100) == (frames, framer.flush())


def test_frames_within_a_chunk_are_views_of_it() -> None:
    """Cutting a large chunk copies nothing but its rest."""
    chunk = bytes(3200 * 3 + 5)
    frames = list(Framer(16000).feed(chunk))
    assert [chunk] * 3 == [frame.obj for frame in frames if isinstance(frame, memoryview)]
    assert all(frame.obj is chunk for frame in frames if isinstance(frame, memoryview))


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
    assert [3198, 3198] == [len(frame) for frame in framer.feed(bytes(6400))]
    framer.align(65_536)
    assert 3198 == framer.size
    splitter = Splitter()
    splitter.align(6)
    assert [5] == [len(piece) for piece in splitter.feed(bytes(5))]
