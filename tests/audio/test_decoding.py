"""Streams decoded as they come: the same samples as of a whole file, promptly, within bounds."""

import io
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import anyio
import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async.audio.decoding import StreamDecoder, UndecodableAudio, UnsupportedFormat
from tests.audio.making import make

pytestmark = pytest.mark.anyio

RATE = 16_000
_NOISE = np.random.default_rng(7).normal(0, 400, 3 * RATE)
SPEECHLIKE = (np.sin(np.arange(3 * RATE) * 0.05) * 9_000 + _NOISE).astype(np.int16)
STEREO = np.stack([SPEECHLIKE, np.roll(SPEECHLIKE, 800)], axis=1)
WAV_SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
LOSSY = {"VORBIS", "OPUS", "MPEG_LAYER_III", "FLOAT", "DOUBLE"}


def encode(format: str, subtype: str, samples: np.ndarray = SPEECHLIKE, rate: int = RATE) -> bytes:
    """Make a file of `samples`."""
    file = io.BytesIO()
    if subtype in {"FLOAT", "DOUBLE"}:
        samples = samples / 32768.0
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def whole(data: bytes, subtype: str) -> bytes:
    """What soundfile makes of the file, as s16le mono."""
    dtype = "float32" if subtype in LOSSY else "int16"
    samples, _ = soundfile.read(io.BytesIO(data), dtype=dtype, always_2d=True)
    mono = samples.astype(np.float64).mean(axis=1) * (32768.0 if dtype == "float32" else 1)
    return np.clip(np.rint(mono), -32768, 32767).astype("<i2").tobytes()


async def decode(format: str, pieces: list[bytes], rate: int = RATE, target: int = RATE) -> bytes:
    """Decode a stream that comes in `pieces`."""
    decoder = StreamDecoder(format, rate, target)
    try:
        pcm = [await decoder.feed(piece) for piece in pieces]
        while rest := await decoder.finish():
            pcm.append(rest)
        return b"".join(pcm)
    finally:
        await decoder.aclose()


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """Cut `data` to pieces of these sizes, again and again."""
    pieces, start = [], 0
    while start < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[start : start + size])
        start += size
    return pieces


def check(got: bytes, format: str, subtype: str) -> None:
    """Compare with the whole file: exact, but mpg123 rounds a float's last bit differently."""
    expected = whole(FILES[format, subtype], subtype)
    if format != "mp3":
        assert got == expected
        return
    assert len(got) == len(expected)
    ours, theirs = np.frombuffer(got, "<i2").astype(int), np.frombuffer(expected, "<i2")
    assert np.abs(ours - theirs).max() <= 1


FILES = {
    ("mp3", "MPEG_LAYER_III"): encode("MP3", "MPEG_LAYER_III"),
    ("ogg", "VORBIS"): encode("OGG", "VORBIS"),
    ("opus", "OPUS"): encode("OGG", "OPUS"),
    ("flac", "PCM_16"): encode("FLAC", "PCM_16"),
    **{("wav", subtype): encode("WAV", subtype) for subtype in WAV_SUBTYPES},
}
CASES = [pytest.param(*key, id="-".join(key)) for key in FILES]
SIZES = st.lists(st.integers(150, 4000), min_size=1, max_size=8)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Every test leaves no decoder's thread behind."""
    yield
    assert not [one for one in threading.enumerate() if one.name.startswith("decode-")]


@pytest.mark.parametrize(("format", "subtype"), CASES)
@settings(max_examples=8, deadline=None)
@given(sizes=SIZES)
def test_chunkings(format: str, subtype: str, sizes: list[int]) -> None:
    """However a stream is cut, its samples are those of the whole file."""
    data = FILES[format, subtype]
    check(anyio.run(decode, format, cut(data, sizes)), format, subtype)


RECORDED = Path(__file__).parent / "speech"


def packets_of(format: str, folder: Path) -> bytes:
    """Return a stream of a format that is decoded packet by packet."""
    if format != "aac":
        suffix = {"speex": "spx"}.get(format, format)
        return (RECORDED / f"speech.{suffix}").read_bytes()
    return make(folder / "speech.aac", SPEECHLIKE, "adts", "aac").read_bytes()


def by_ffmpeg(path: Path) -> tuple[bytes, int]:
    """Return what FFmpeg makes of a whole file, as s16le mono, and its rate."""
    with av.open(str(path)) as file:
        frames = [frame.to_ndarray()[0] for frame in file.decode(audio=0)]
        rate = file.streams.audio[0].rate
    samples = np.concatenate(frames).astype(np.float64)
    return np.clip(np.rint(samples * 32768.0), -32768, 32767).astype("<i2").tobytes(), rate


@pytest.mark.parametrize("format", ["aac", "amr", "speex"])
@settings(max_examples=8, deadline=None)
@given(sizes=st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_packets_in_any_chunks(
    format: str, sizes: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However a stream of packets is cut, its samples are those that FFmpeg decodes of the file."""
    folder = tmp_path_factory.mktemp("packets")
    data = packets_of(format, folder)
    path = folder / f"a.{format}"
    path.write_bytes(data)
    expected, rate = by_ffmpeg(path)
    pieces = cut(data, sizes)
    pcm = anyio.run(partial(decode, format, pieces, rate=rate, target=rate))
    one, other = (np.frombuffer(each, "<i2").astype(int) for each in (pcm, expected))
    assert len(one) == len(other)
    assert abs(one - other).max() <= 1


@pytest.mark.parametrize(("format", "lost"), [("aac", 0.15), ("speex", 0.4)])
async def test_damage_in_packets(
    format: str, lost: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged packet, or page, is passed over: what follows is decoded, and the log says so."""
    data = bytearray(packets_of(format, tmp_path))
    expected = await decode(format, [bytes(data)])
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff" * 40
    pcm = await decode(format, cut(bytes(data), [500]))
    assert (1 - lost) * len(expected) < len(pcm) < 1.02 * len(expected)
    (message,) = caplog.messages
    assert f"the {format} stream is damaged" in message


async def test_packets_without_audio() -> None:
    """Packets of which none can be decoded are no audio, and the error names the format."""
    head = bytes((0xFF, 0xF1, 1 << 6 | 8 << 2, 1 << 6, 8, 0x1F, 0xFC))
    for count in (3, 200):
        with pytest.raises(UndecodableAudio, match="declared as aac and cannot be decoded"):
            await decode("aac", [(head + b"\xff" * 57) * count])


@pytest.mark.parametrize(("format", "subtype"), CASES)
async def test_start_byte_by_byte(format: str, subtype: str) -> None:
    """A header that comes byte by byte is as good as one in one piece."""
    data = FILES[format, subtype]
    pieces = [*cut(data[:300], [1]), data[300:]]
    check(await decode(format, pieces), format, subtype)


@pytest.mark.parametrize("subtype", WAV_SUBTYPES)
@pytest.mark.parametrize("name", ["WAV", "WAVEX"])
@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 13), min_size=1, max_size=5))
def test_wav_blocks_cut_anywhere(name: str, subtype: str, sizes: list[int]) -> None:
    """Samples of any width and of two channels are put together again wherever they were cut."""
    data = encode(name, subtype, STEREO[:90])
    assert anyio.run(decode, "wav", cut(data, sizes)) == anyio.run(decode, "wav", [data])


@pytest.mark.parametrize(
    ("format", "name", "subtype"),
    [
        ("wav", "WAV", "PCM_16"),
        ("wav", "WAVEX", "PCM_24"),
        ("wav", "WAV", "FLOAT"),
        ("flac", "FLAC", "PCM_16"),
        ("ogg", "OGG", "VORBIS"),
        ("opus", "OGG", "OPUS"),
        ("mp3", "MP3", "MPEG_LAYER_III"),
    ],
)
async def test_stereo(format: str, name: str, subtype: str) -> None:
    """Two channels are averaged to one."""
    data = encode(name, subtype, STEREO)
    got = np.frombuffer(await decode(format, cut(data, [999])), "<i2")
    expected = np.frombuffer(whole(data, subtype), "<i2")
    assert len(got) == len(expected)
    assert np.abs(got.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("format", "subtype", "held_ms"),
    [
        ("mp3", "MPEG_LAYER_III", 250),  # frames of 36 ms, a bit rate that varies, a look ahead
        ("flac", "PCM_16", 300),  # frames of 4096 samples are 256 ms
        ("opus", "OPUS", 1300),  # pages of a second
        ("wav", "PCM_16", 1),
        ("wav", "PCM_24", 1),
    ],
)
async def test_prompt(format: str, subtype: str, held_ms: int) -> None:
    """Fed in pieces of 50 ms, a stream holds back no more audio than its own frames do."""
    data = FILES[format, subtype]
    if format == "opus":
        data = encode("OGG", "OPUS", np.tile(SPEECHLIKE, 3))
    total = len(whole(data, subtype))
    step = len(data) * 1600 // total
    decoder = StreamDecoder(format, RATE, RATE)
    got = fed = 0
    for piece in cut(data, [step]):
        fed += len(piece)
        got += len(await decoder.feed(piece))
        if fed > 4 * step + 5000:  # past the headers
            assert fed / len(data) * total - got < held_ms * 32 + 32 * 100
    await decoder.finish()
    await decoder.aclose()


async def test_raw_passes_through() -> None:
    """Raw PCM at the engine's rate comes out as the same object, and a cut sample waits."""
    decoder = StreamDecoder("pcm", RATE, RATE)
    piece = SPEECHLIKE[:100].tobytes()
    assert await decoder.feed(piece) is piece
    assert [await decoder.feed(b"abc"), await decoder.feed(b"d"), await decoder.feed(b"")] == [
        b"ab",
        b"cd",
        b"",
    ]
    assert await decoder.finish() == b""


def test_raw_is_light() -> None:
    """Raw PCM and 16-bit WAV at the engine's rate load neither numpy nor soundfile nor soxr."""
    code = (
        "import anyio, sys, struct\n"
        "from paraformer_async.audio.decoding import StreamDecoder\n"
        "head = b'RIFF' + bytes(4) + b'WAVEfmt ' + struct.pack('<IHHIIHH', 16, 1, 1, 16000, "
        "32000, 2, 16) + b'data' + bytes(4)\n"
        "async def main():\n"
        "    await StreamDecoder('pcm', 16000, 16000).feed(b'ab')\n"
        "    assert await StreamDecoder('wav', 16000, 16000).feed(head + b'ab') == b'ab'\n"
        "anyio.run(main)\n"
        "assert not {'numpy', 'soundfile', 'soxr'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("rate", "target"), [(8000, 16000), (44100, 16000), (16000, 8000)])
async def test_resampling(rate: int, target: int) -> None:
    """Resampling in pieces keeps the length to a sample and the tone to its end."""
    seconds = 2
    tone = (np.sin(np.arange(rate * seconds) * 2 * np.pi * 440 / rate) * 10_000).astype("<i2")
    got = np.frombuffer(await decode("pcm", cut(tone.tobytes(), [333]), rate, target), "<i2")
    assert abs(len(got) - target * seconds) <= 1
    ideal = np.sin(np.arange(len(got)) * 2 * np.pi * 440 / target) * 10_000
    assert np.abs(got - ideal)[200:-200].max() < 30


async def test_rate_in_the_file_wins() -> None:
    """A container's own rate overrides the declared one."""
    data = encode("FLAC", "PCM_16", SPEECHLIKE, 8000)
    assert abs(len(await decode("flac", [data], RATE, RATE)) // 2 - 2 * len(SPEECHLIKE)) <= 1


async def test_missing_soxr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without soxr another rate is one clear error that names the extra."""
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(ImportError, match=r"paraformer-async\[local\]"):
        await decode("pcm", [bytes(100)], 8000)


def header(size: int, extra: bytes = b"", tag: int = 1, rate: int = RATE, bits: int = 16) -> bytes:
    """Return the WAV header of a stream that declares `size` bytes of samples."""
    fmt = struct.pack("<IHHIIHH", 16, tag, 1, rate, rate * bits // 8, bits // 8, bits)
    riff = b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE"
    return riff + extra + b"fmt " + fmt + extra + b"data" + struct.pack("<I", size)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_wav_as_streamed(size: int, sizes: list[int]) -> None:
    """A WAV header that does not know its sizes, and chunks before the data, cost no sample."""
    extra = b"LIST" + struct.pack("<I", 7) + b"INFOabc\0"
    pcm = SPEECHLIKE[:500].tobytes()
    assert anyio.run(decode, "wav", cut(header(size, extra) + pcm, sizes)) == pcm


async def test_wav_ends_with_its_data() -> None:
    """What follows the data of a WAV is not taken for audio."""
    assert await decode("wav", [header(4) + b"abcd" + b"LIST" + bytes(20)]) == b"abcd"


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\0\0\0\0AVI LIST",
        header(0, tag=7, bits=8),
        header(0, rate=1),
        header(0)[:30],
        b"RIFF\0\0\0\0WAVEdata\0\0\0\0",
        b"RIFF\0\0\0\0WAVEfmt \4\0\0\0\1\0\1\0",
    ],
)
async def test_bad_wav(data: bytes) -> None:
    """A WAV that is none, or holds what is not PCM, is undecodable."""
    with pytest.raises(UndecodableAudio):
        await decode("wav", [data])


HTML = b"<!DOCTYPE html><html><body>403</body></html>" * 10
OTHERS = [HTML, b"RIFX" + HTML, SPEECHLIKE.tobytes(), b"\0" * 1000]


@pytest.mark.parametrize("format", ["wav", "ogg", "opus", "flac"])
@pytest.mark.parametrize("data", OTHERS)
async def test_something_else(format: str, data: bytes) -> None:
    """Bytes that are not what was declared are refused by the first feed."""
    decoder = StreamDecoder(format, RATE, RATE)
    with pytest.raises(UndecodableAudio):
        await decoder.feed(data)
    await decoder.aclose()


@pytest.mark.parametrize("data", OTHERS)
async def test_something_without_frames(data: bytes) -> None:
    """Bytes without frames of MP3, which may begin within one, are refused after 4 KB, or all."""
    with pytest.raises(UndecodableAudio, match="declared as mp3"):
        await decode("mp3", [data])
    decoder = StreamDecoder("mp3", RATE, RATE)
    with pytest.raises(UndecodableAudio, match="declared as mp3"):
        await decoder.feed(data * 10)
    await decoder.aclose()


@pytest.mark.parametrize("magic", [b"\xff\xfb", b"ID3\x04\0\0\0\0\0\0", b"OggS", b"fLaC"])
async def test_only_the_beginning_is_right(magic: bytes) -> None:
    """A right beginning with noise behind it is undecodable, at the latest at its end."""
    format = {b"O": "ogg", b"f": "flac"}.get(magic[:1], "mp3")
    with pytest.raises(UndecodableAudio):
        await decode(format, cut(magic + bytes(range(1, 200)) * 40, [1000]))


async def test_unsupported() -> None:
    """Formats that cannot be decoded here are refused before anything is sent."""
    with pytest.raises(UnsupportedFormat):
        StreamDecoder("midi", RATE, RATE)
    with pytest.raises(UnsupportedFormat):
        StreamDecoder("pcm", 1, RATE)


@pytest.mark.parametrize("format", ["pcm", "wav", "mp3", "ogg", "flac", "speex", "aac", "amr"])
async def test_nothing_fed(format: str) -> None:
    """A stream without bytes ends without audio and without an error."""
    assert await decode(format, []) == b""


@pytest.mark.parametrize(
    ("format", "subtype"), [("mp3", "MPEG_LAYER_III"), ("flac", "PCM_16"), ("opus", "OPUS")]
)
async def test_cut_off(format: str, subtype: str) -> None:
    """A stream that breaks off is decoded as far as it came."""
    data = FILES[format, subtype]
    got = await decode(format, cut(data[: len(data) * 3 // 4], [500]))
    assert len(got) > len(SPEECHLIKE)
    ours, theirs = (np.frombuffer(pcm, "<i2").astype(int) for pcm in (got, whole(data, subtype)))
    assert np.abs(ours[:-4000] - theirs[: len(ours) - 4000]).max() <= 1


async def test_cover_art() -> None:
    """An ID3 tag of a megabyte before an MP3 stream costs no audio."""
    size = 1 << 20
    digits = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    data = b"ID3\x04\0\0" + digits + bytes(size) + FILES["mp3", "MPEG_LAYER_III"]
    got = await decode("mp3", cut(data, [16_000]))
    check(got, "mp3", "MPEG_LAYER_III")


async def test_bomb() -> None:
    """A stream that expands beyond measure is decoded in bounded parts, and loses nothing."""
    data = encode("FLAC", "PCM_16", np.zeros(60 << 20, np.int16))
    decoder = StreamDecoder("flac", RATE, RATE)
    sizes = [len(await decoder.feed(data)), len(await decoder.feed(b""))]
    while rest := await decoder.finish():
        sizes.append(len(rest))
    await decoder.aclose()
    assert max(sizes) < 24 << 20
    assert sum(sizes) == 120 << 20


async def test_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who feeds more and never takes what it expands to is refused."""
    monkeypatch.setattr("paraformer_async.audio.decoding.chain._MAX_BACKLOG", 1000)
    data = encode("FLAC", "PCM_16", np.zeros(30 << 20, np.int16))
    decoder = StreamDecoder("flac", RATE, RATE)
    await decoder.feed(data[: len(data) // 2])
    with pytest.raises(UndecodableAudio, match="more audio"):
        await decoder.feed(data[len(data) // 2 :])
    await decoder.aclose()


async def test_closing() -> None:
    """A decoder may be closed at any time and twice, and its thread has ended then."""
    data = FILES["ogg", "VORBIS"]
    for fed in (0, 3, 200, 9000, len(data)):
        decoder = StreamDecoder("ogg", RATE, RATE)
        await decoder.feed(data[:fed])
        await decoder.aclose()
        await decoder.aclose()


async def test_cancelled() -> None:
    """Canceling a feed leaves a decoder that can be closed."""
    decoder = StreamDecoder("mp3", RATE, RATE)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await decoder.feed(FILES["mp3", "MPEG_LAYER_III"])
    assert scope.cancelled_caught
    await decoder.aclose()


def test_forgotten() -> None:
    """A decoder that was never closed takes its thread with it."""

    async def forget() -> threading.Thread:
        await StreamDecoder("mp3", RATE, RATE).feed(FILES["mp3", "MPEG_LAYER_III"][:2000])
        return next(one for one in threading.enumerate() if one.name == "decode-mp3")

    anyio.run(forget).join(timeout=10)


async def test_blocked_streams_do_not_block_others() -> None:
    """Streams that stop in their headers do not keep others from opening."""
    stuck = [StreamDecoder("ogg", RATE, RATE) for _ in range(4)]
    for decoder in stuck:
        await decoder.feed(FILES["ogg", "VORBIS"][:1000])
    with anyio.fail_after(10):
        assert await decode("flac", [FILES["flac", "PCM_16"]]) == SPEECHLIKE.tobytes()
    for decoder in stuck:
        await decoder.aclose()


async def test_the_threads_of_the_program_are_left_alone() -> None:
    """With a limiter of its own, a decoder neither uses nor waits for the program's threads."""
    release = threading.Event()
    program = anyio.to_thread.current_default_thread_limiter()
    program.total_tokens = 1
    own = anyio.CapacityLimiter(1)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, release.wait)
            with anyio.fail_after(10):
                decoder = StreamDecoder("flac", RATE, RATE, limiter=own)
                pcm = await decoder.feed(FILES["flac", "PCM_16"]) + await decoder.finish()
                await decoder.aclose()
            release.set()
    finally:
        release.set()
        program.total_tokens = 40
    assert pcm == SPEECHLIKE.tobytes()
