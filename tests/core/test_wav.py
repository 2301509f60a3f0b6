"""The header of a WAV stream: the same facts and the same samples, however the bytes arrive."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.wav import LARGEST_HEADER, WavHeader

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=6)
SAMPLES = bytes(range(200))


def fmt(
    tag: int = 1,
    channels: int = 1,
    rate: int = 16000,
    bits: int = 16,
    *,
    wrong: bool = False,
    extra: bytes = b"",
) -> bytes:
    """Return a fmt chunk; with *wrong*, its byte rate and its block size are nonsense."""
    block = channels * bits // 8
    fields = (99, 7) if wrong else (rate * block, block)
    body = struct.pack("<HHIIHH", tag, channels, rate, *fields, bits) + extra
    return b"fmt " + struct.pack("<I", len(body)) + body


def extensible(tag: int, channels: int, bits: int) -> bytes:
    """Return a fmt chunk of WAVE_FORMAT_EXTENSIBLE."""
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    extra = struct.pack("<HHI", 22, bits, 3) + guid
    return fmt(0xFFFE, channels, 48000, bits, extra=extra)


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a chunk, with its padding."""
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def head(*chunks: bytes, size: int = len(SAMPLES), magic: bytes = b"RIFF") -> bytes:
    """Return the header of a stream that declares *size* bytes of samples."""
    body = b"".join(chunks)
    return magic + struct.pack("<I", 0) + b"WAVE" + body + b"data" + struct.pack("<I", size)


def facts(header: WavHeader) -> dict[str, Any]:
    """Return all facts in a header."""
    return {
        name: getattr(header, name)
        for name in (
            *("is_complete", "problem", "codec", "channels", "sample_rate", "bits"),
            *("block_align", "bytes_per_second", "data_size"),
        )
    }


def read(stream: bytes, sizes: list[int], **options: Any) -> tuple[WavHeader, bytes]:
    """Feed a stream in pieces of these sizes, again and again; return header and samples."""
    header, samples = WavHeader(**options), b""
    at = turn = 0
    while at < len(stream):
        piece = stream[at : at + sizes[turn % len(sizes)]]
        samples += header.feed(piece)
        at, turn = at + len(piece), turn + 1
    return header, samples


HEADS = [
    head(fmt()),
    head(fmt(), size=0),
    head(fmt(), size=0xFFFF_FFFF),
    head(chunk(b"LIST", b"abc"), fmt(3, 2, 8000, 32), chunk(b"fact", bytes(4))),
    head(extensible(1, 6, 24)),
    head(chunk(b"ds64", bytes(8) + struct.pack("<Q", 200) + bytes(12)), fmt(), magic=b"RF64"),
    head(fmt(2, 1, 8000, 4, wrong=True, extra=bytes(34))),
]


@given(st.sampled_from(HEADS), SIZES, st.sampled_from([None, LARGEST_HEADER]))
def test_any_split_reads_the_same(stream: bytes, sizes: list[int], limit: int | None) -> None:
    """Whatever the pieces, facts, header and samples are those of the stream in one piece."""
    whole, samples = read(stream + SAMPLES, [1 << 20], limit=limit)
    header, same = read(stream + SAMPLES, sizes, limit=limit)
    assert whole.is_complete
    assert samples == same == SAMPLES
    assert facts(header) == facts(whole)
    assert header.data == whole.data == (b"" if limit is None else stream)


@given(st.binary(max_size=60), SIZES)
def test_any_bytes_are_read(noise: bytes, sizes: list[int]) -> None:
    """No bytes raise, and no split of them changes what they are."""
    for stream in (noise, b"RIFF\0\0\0\0WAVE" + noise, head(fmt())[:40] + noise):
        assert facts(read(stream, sizes)[0]) == facts(read(stream, [100])[0])


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (head(fmt()), (1, 1, 16000, 16, 2, 32000)),
        (head(fmt(channels=2, rate=44100)), (1, 2, 44100, 16, 4, 176400)),
        (head(fmt(bits=24)), (1, 1, 16000, 24, 3, 48000)),
        (head(fmt(bits=20)), (1, 1, 16000, 20, 3, 48000)),
        (head(fmt(bits=8)), (1, 1, 16000, 8, 1, 16000)),
        (head(fmt(3, 2, bits=32)), (3, 2, 16000, 32, 8, 128000)),
        (head(extensible(1, 6, 24)), (1, 6, 48000, 24, 18, 864000)),
        (head(extensible(3, 1, 32)), (3, 1, 48000, 32, 4, 192000)),
        (head(fmt(wrong=True)), (1, 1, 16000, 16, 2, 32000)),
        (head(fmt(2, 1, 8000, 4, wrong=True)), (2, 1, 8000, 4, 7, 99)),
        (head(fmt(0xFFFE)), (0xFFFE, 1, 16000, 16, 2, 32000)),
    ],
)
def test_facts_of_the_samples(stream: bytes, expected: tuple[int, ...]) -> None:
    """Codec, channels, rate, bits and block are known; wrong fields of PCM are computed anew."""
    header, _ = read(stream, [1 << 20])
    assert header.is_complete
    assert expected == (
        *(header.codec, header.channels, header.sample_rate, header.bits),
        *(header.block_align, header.bytes_per_second),
    )


@pytest.mark.parametrize("size", [0, 0x7FFF_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_sizes_that_the_writer_did_not_know(size: int) -> None:
    """Sizes of pipes and of killed recorders are unknown; any other is believed."""
    assert read(head(fmt(), size=size), [1 << 20])[0].data_size is None
    assert read(head(fmt(), size=3), [1 << 20])[0].data_size == 3


@pytest.mark.parametrize(("size", "expected"), [(200, 200), (0, None)])
def test_sizes_beyond_32_bits(size: int, expected: int | None) -> None:
    """RF64 and BW64 have the size of their samples in a chunk of its own; zero is unknown, too."""
    sizes = chunk(b"ds64", bytes(8) + struct.pack("<Q", size))
    for magic in (b"RF64", b"BW64"):
        stream = head(sizes, fmt(), size=0xFFFF_FFFF, magic=magic)
        assert read(stream, [1 << 20])[0].data_size == expected


def test_nothing_is_known_before() -> None:
    """Until it is read, a header has no facts, and it may become one."""
    header = WavHeader()
    assert not header.problem
    assert not header.is_complete
    assert not any(facts(header).values())


def test_the_first_problem_is_the_reason() -> None:
    """What is no WAV stream is not called a long header, however much of it comes at once."""
    header, samples = read(b"no WAV" + bytes(LARGEST_HEADER), [1 << 20])
    assert samples == b""
    assert "does not begin as one" in header.problem


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (b"O", "does not begin as one"),
        (b"RIFX", "does not begin as one"),
        (b"RIFF\0\0\0\0AVI ", "not WAVE"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", "before their format"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0", "fmt chunk of 4 bytes"),
        (head(fmt(rate=0)), "before their format"),
        (head(chunk(b"junk", bytes(LARGEST_HEADER)), fmt()), "longer than 65536"),
    ],
)
def test_what_is_no_wav(stream: bytes, problem: str) -> None:
    """What cannot be a WAV stream is invalid at the first byte that shows it, with the reason."""
    header, samples = read(stream, [1000])
    assert samples == b""
    assert header.problem
    assert not header.is_complete
    assert problem in header.problem
    piece = b"more"
    assert header.feed(piece) is piece


def test_a_decoder_takes_headers_of_any_length() -> None:
    """Without a limit, pictures of megabytes before the samples are skipped and not kept."""
    stream = head(chunk(b"junk", bytes(3 << 20)), fmt())
    header, samples = read(stream + SAMPLES, [4096], limit=None)
    assert header.is_complete
    assert samples == SAMPLES


def test_samples_are_passed_on_as_they_are() -> None:
    """After the header a piece is returned itself, not a copy of it."""
    header, _ = read(head(fmt()), [1 << 20])
    piece = b"samples"
    assert header.feed(piece) is piece
