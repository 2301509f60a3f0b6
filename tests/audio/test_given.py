"""Whatever holds audio is opened like a file: bytes, open files, uploads, iterables, arrays."""

import asyncio
import gzip
import io
import os
import subprocess
import sys
import tempfile
from array import array
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async import probe
from paraformer_async.audio.files import open_audio
from paraformer_async.audio.given import Declared, Samples
from paraformer_async.errors import AudioError, InvalidOptionError
from tests.audio.making import make

pytestmark = pytest.mark.anyio

RATE = 16_000
NOISE = np.random.default_rng(7).normal(0, 3000, 30_000).astype(np.int16)


def encoded(samples: np.ndarray = NOISE, format: str = "WAV") -> bytes:
    """Return *samples* as a file."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=format)
    return file.getvalue()


WAV = encoded()


class Upload:
    """A file that is read with `await`, like the `UploadFile` of FastAPI."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    async def read(self, size: int = -1) -> bytes:
        """Read."""
        await anyio.lowlevel.checkpoint()
        return self._file.read(size)


class Hidden:
    """A file that offers nothing but `read`: it cannot seek."""

    def __init__(self, data: bytes) -> None:
        self.read = io.BytesIO(data).read


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    """Yield *data* in pieces."""
    for start in range(0, len(data), 777):
        yield data[start : start + 777]


def fed(data: bytes) -> asyncio.StreamReader:
    """Return a stream reader that has received *data*."""
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


KINDS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "array of bytes": lambda data: np.frombuffer(data, np.uint8),
    "BytesIO": io.BytesIO,
    "file that cannot seek": Hidden,
    "gzip": lambda data: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data))),
    "upload": Upload,
    "stream reader": fed,
    "async generator": in_pieces,
    "generator": lambda data: (data[start : start + 100] for start in range(0, len(data), 100)),
    "list": lambda data: [data[:50], data[50:]],
}


async def read(audio: Any, **options: Any) -> bytes:
    """Return all samples of *audio*, read twice."""
    with anyio.fail_after(10):
        async with open_audio(audio, **options) as file:
            pcm = b"".join([chunk async for chunk in file])
            assert pcm[999:] == b"".join([chunk async for chunk in file.read_from(999)])
            assert file.duration == len(pcm) / 2 / file.sample_rate
    return pcm


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", ["WAV", "FLAC"])
async def test_encoded_audio(kind: str, format: str) -> None:
    """Encoded audio is recognized and decoded, and read again, whatever holds it."""
    assert NOISE.tobytes() == await read(KINDS[kind](encoded(format=format)))


COPY = "import shutil, sys; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"


async def test_the_pipe_of_a_process(tmp_path: Path) -> None:
    """The output of a process is read to its end."""
    path = tmp_path / "a.wav"
    path.write_bytes(encoded(np.tile(NOISE, 40)))
    program = [sys.executable, "-c", COPY, path]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as child:  # noqa: ASYNC220 - its pipe
        assert np.tile(NOISE, 40).tobytes() == await read(child.stdout)


@pytest.mark.parametrize("buffering", [0, -1])
async def test_an_open_file_is_read_where_it_is(tmp_path: Path, buffering: int) -> None:
    """An open file is read from its position on, which stays; it may be closed meanwhile."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"skip" + WAV)
    with path.open("rb", buffering) as file:
        file.read(4)
        async with open_audio(file, chunk_ms=100) as audio:
            pcm = b""
            async for chunk in audio:
                assert file.closed or 4 == file.tell()
                file.close()
                pcm += chunk
    assert NOISE.tobytes() == pcm


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "alac"), ("a.mkv", "pcm_s16le")])
async def test_ffmpeg_reads_what_is_open(tmp_path: Path, name: str, codec: str) -> None:
    """What FFmpeg decodes may be an open file, from its position on, or in memory."""
    path = make(tmp_path / name, NOISE, "", codec)
    path.write_bytes(b"skip" + path.read_bytes())
    with path.open("rb") as file:
        file.read(4)
        assert NOISE.tobytes() == await read(file)
        assert NOISE.tobytes() == await read(io.BytesIO(file.read()))


async def test_one_open_file_is_read_by_many(tmp_path: Path) -> None:
    """Several readings of one open file do not disturb each other."""
    path = tmp_path / "a.wav"
    path.write_bytes(WAV)
    with path.open("rb") as file:
        async with open_audio(file, chunk_ms=100) as one, open_audio(file, chunk_ms=70) as other:
            found: tuple[bytearray, bytearray] = bytearray(), bytearray()

            async def collect(number: int, audio: Any) -> None:
                async for chunk in audio:
                    found[number].extend(chunk)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(collect, 0, one)
                tasks.start_soon(collect, 1, other)
        assert NOISE.tobytes() == found[0] == found[1]
        assert (0, False) == (file.tell(), file.closed)


async def test_what_is_read_once_is_read_by_one() -> None:
    """While a source that can be read only once is read, it is refused."""
    source = Upload(WAV)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            done: list[bytes] = []

            async def first() -> None:
                done.append(await read(source))

            tasks.start_soon(first)
            await anyio.wait_all_tasks_blocked()
            if not done:
                with pytest.raises(AudioError, match="already being read"):
                    await read(source)
    assert [NOISE.tobytes()] == done


def open_files() -> int:
    """Return the number of open descriptors."""
    return len(list(Path("/dev/fd").iterdir()))


async def test_ours_is_closed_and_theirs_is_not(tmp_path: Path) -> None:
    """The caller's file stays open; no descriptor is left, and no temporary file."""
    path = tmp_path / "a.wav"
    path.write_bytes(WAV)
    before = open_files()
    with path.open("rb") as file, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(WAV)
        spooled.seek(0)
        for source in (file, spooled, io.BytesIO(WAV)):
            await read(source)
            assert not source.closed
    assert before == open_files()


async def test_a_short_file_is_not_kept_open(tmp_path: Path) -> None:
    """A short file is closed before its audio is read, so many at once need no descriptors."""
    path = tmp_path / "a.wav"
    path.write_bytes(WAV)
    before = open_files()
    async with open_audio(path) as audio:
        assert before == open_files()
        assert b"".join([chunk async for chunk in audio]) == NOISE.tobytes()


INT16 = np.stack([NOISE, NOISE], axis=1)


@pytest.mark.parametrize(
    "samples",
    [
        NOISE,
        NOISE.astype(np.float32) / 32768,
        NOISE.astype(np.float64) / 32768,
        INT16,
        INT16.astype(np.float32) / 32768,
        INT16[:, :1],
        array("h", NOISE.tobytes()),
        [NOISE[:999], NOISE[999:]],
        (NOISE[start : start + 500] for start in range(0, len(NOISE), 500)),
    ],
    ids=["int16", "f4", "f8", "2 int16", "2 f4", "1 int16", "array", "list", "generator"],
)
async def test_arrays(samples: Any) -> None:
    """Arrays of samples, of one or several channels, are read at the rate that is declared."""
    async with open_audio(samples, declared=Declared(array_rate=22_050)) as audio:
        assert NOISE.tobytes() == b"".join([chunk async for chunk in audio])
        assert (22_050, len(NOISE) / 22_050) == (audio.sample_rate, audio.duration)


@pytest.mark.parametrize("is_mixed", [True, False])
@pytest.mark.parametrize("is_flat", [True, False])
@pytest.mark.parametrize("kind", ["i2", "f4"])
async def test_arrays_of_declared_channels(kind: str, is_flat: bool, is_mixed: bool) -> None:
    """Arrays that are interleaved have the channels that are declared."""
    stereo = np.stack([NOISE, NOISE // 2], axis=1)
    samples = stereo if kind == "i2" else stereo.astype(np.float32) / 32768
    given = Declared(array_rate=RATE, array_channels=2)
    audio = samples.reshape(-1) if is_flat else samples
    async with open_audio(audio, declared=given, is_mixed=is_mixed) as file:
        got = np.frombuffer(b"".join([chunk async for chunk in file]), "<i2")
        assert file.duration == len(NOISE) / RATE
    expected = np.rint(stereo.mean(axis=1)) if is_mixed else stereo.reshape(-1)
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", [None, "mulaw", "alaw"])
async def test_samples_without_a_header(kind: str, encoding: str | None) -> None:
    """Declared samples are read as they are, from whatever holds them; codes are expanded."""
    subtype = {"mulaw": "ULAW", "alaw": "ALAW"}.get(encoding or "", "PCM_16")
    file = io.BytesIO()
    soundfile.write(file, NOISE, RATE, format="RAW", subtype=subtype)
    file.seek(0)
    expected, _ = soundfile.read(
        file, samplerate=RATE, channels=1, format="RAW", subtype=subtype, dtype="int16"
    )
    given = Declared(Samples(RATE, encoding))
    assert expected.tobytes() == await read(KINDS[kind](file.getvalue()), declared=given)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(WAV)), max_size=20), st.sampled_from(["WAV", "FLAC", "pcm"]))
def test_any_chunking(cuts: list[int], format: str) -> None:
    """However the bytes are divided into chunks, the audio is the same."""
    data = NOISE.tobytes() if format == "pcm" else encoded(format=format)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[one:other] for one, other in pairwise(places)]
    given = Declared(Samples(RATE)) if format == "pcm" else Declared()

    async def check() -> None:
        assert NOISE.tobytes() == await read(iter(pieces), declared=given)

    anyio.run(check)


async def test_half_a_sample_is_left_out() -> None:
    """Half a sample at the end is no audio, which is remarked on."""
    found = await probe(NOISE.tobytes() + b"x", format="pcm", sample_rate=RATE)
    assert "within a sample" in found.remarks[0]
    assert found.duration == len(NOISE) / RATE


async def test_probe() -> None:
    """All of it can be probed, too."""
    found = await probe(Upload(encoded(format="FLAC")))
    assert ("FLAC", "PCM_16", RATE, 1) == (
        found.container,
        found.codec,
        found.sample_rate,
        found.channels,
    )
    found = await probe(NOISE, sample_rate=44_100, model="paraformer-realtime-8k-v2")
    assert ("RAW", "PCM_16", 44_100, 8000) == (
        found.container,
        found.codec,
        found.sample_rate,
        found.sent_sample_rate,
    )


AT_ITS_END = io.BytesIO(WAV)
AT_ITS_END.seek(0, 2)


@pytest.mark.parametrize(
    ("audio", "declared", "error", "message"),
    [
        (b"", None, AudioError, "the source contains no audio: it is empty"),
        ([], None, AudioError, "the source contains no audio: it is empty"),
        (AT_ITS_END, None, AudioError, r"it is empty.*seek\(0\)"),
        (Upload(b""), None, AudioError, "it is empty"),
        (NOISE.tobytes()[100:], None, AudioError, 'format="pcm", sample_rate='),
        (b"#!SILK_V3", None, AudioError, "SILK.*decode it to WAV"),
        (WAV, Samples(RATE), AudioError, "declared as pcm and begins as WAV.*leave format= "),
        (encoded(format="OGG"), Samples(8000, "alaw"), AudioError, "as alaw and begins as Vorbis"),
        (b"x", Samples(RATE), AudioError, "contains no audio"),
        (NOISE, None, InvalidOptionError, "does not tell its rate.*sample_rate=16000"),
        ([WAV, NOISE], Samples(RATE, "mulaw"), InvalidOptionError, "mulaw has one byte a sample"),
        ([WAV, NOISE], None, InvalidOptionError, "mixes bytes of a file with arrays"),
        (NOISE.astype(np.int32), None, InvalidOptionError, "neither bytes, int16 nor floats"),
        (None, None, InvalidOptionError, "NoneType does not yield bytes"),
        (3, None, InvalidOptionError, "int does not yield bytes"),
        (["a.wav"], None, InvalidOptionError, "must be bytes, not str"),
        (io.StringIO("a"), None, InvalidOptionError, 'mode "rb"'),
    ],
)
async def test_wrong_use(
    audio: Any, declared: Samples | None, error: type[Exception], message: str
) -> None:
    """What cannot be read is refused with what to do, and no command that cannot work."""
    with pytest.raises(error, match=message) as caught:
        await read(audio, declared=Declared(declared))
    assert "ffmpeg" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "pcm"}, 'do not tell their rate.*format="pcm", sample_rate=16000'),
        ({"format": "pcm", "sample_rate": 0}, "0 is not a rate in Hz"),
        ({"format": "pcm", "sample_rate": "8000"}, "not a rate in Hz"),
        ({"encoding": "ulaw"}, "not one of mulaw, alaw"),
        ({"format": "raw"}, "not one of pcm, wav"),
    ],
)
async def test_wrong_declarations(options: dict[str, Any], message: str) -> None:
    """A declaration that cannot be, or is not complete, is refused."""
    with pytest.raises(InvalidOptionError, match=message):
        await probe(NOISE.tobytes(), **options)


async def test_a_file_that_is_cut_meanwhile(tmp_path: Path) -> None:
    """A file of samples that is cut while it is read is an error, not a short recording."""
    path = tmp_path / "a.raw"
    path.write_bytes(np.tile(NOISE, 30).tobytes())  # longer than what is read into memory at once
    with pytest.raises(AudioError, match="was cut while it was being read"):
        async with open_audio(path, chunk_ms=100, declared=Declared(Samples(RATE))) as audio:
            async for _ in audio:
                os.truncate(path, 3200)
