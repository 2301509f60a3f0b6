"""Tags around files of formats that have other tags: they cost nothing, and are no damage."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paraformer_async.audio.containers.tags import begin_of_audio, end_of_audio
from paraformer_async.audio.files import open_audio
from tests.audio.making import RATE, make

pytestmark = pytest.mark.anyio

NOISE = (np.random.default_rng(1).integers(-9000, 9000, 2 * RATE)).astype(np.int16)
ID3V2 = b"ID3\4\0\0\0\0\2\0TIT2".ljust(266, b"\0")
ID3V1 = b"TAG".ljust(128, b"\0")
_ITEM = b"\5\0\0\0\0\0\0\0Title\0hello"


def ape(flags: int, begin: bytes = b"") -> bytes:
    """Return a tag of the kind APE; *flags* is that of its last part."""
    last = struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(_ITEM) + 32, 1, flags)
    return begin + _ITEM + last


APE = ape(1 << 31, struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(_ITEM) + 32, 1, 5 << 29))
AROUND = {
    "ID3v2": (ID3V2, b""),
    "two of ID3v2": (ID3V2 * 2, b""),
    "ID3v1": (b"", ID3V1),
    "APE": (b"", APE),
    "APE without a header": (b"", ape(0)),
    "all": (ID3V2, APE + ID3V1),
}
# By soundfile: container and encoding; by FFmpeg: container, codec and rate.
LIBSNDFILE = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "IMA_ADPCM"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"),
    ("OGG", "VORBIS"),
)
FFMPEG = (
    ("ogg", "flac", RATE),
    ("ipod", "aac", RATE),
    ("matroska", "flac", RATE),
    ("mpegts", "mp2", 48_000),
    ("mpeg", "mp2", 48_000),
    ("wv", "wavpack", RATE),
    ("ac3", "ac3", 48_000),
    ("avi", "mp2", 48_000),
)


async def read(data: bytes) -> tuple[bytes, tuple[str, ...], str]:
    """Return the samples of a file, its remarks, and its format."""
    async with open_audio(data) as audio:
        return b"".join([chunk async for chunk in audio]), audio.remarks, audio.format


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    ("container", "codec", "rate"), [*((*one, 0) for one in LIBSNDFILE), *FFMPEG]
)
async def test_around_a_file(
    tmp_path: Path, container: str, codec: str, rate: int, around: str
) -> None:
    """Tags before and behind a file of any format change none of its samples, nor its remarks."""
    if rate:
        data = make(tmp_path / "a", NOISE, container, codec, rate=rate).read_bytes()
    else:
        file = io.BytesIO()
        soundfile.write(file, NOISE, RATE, codec, format=container)
        data = file.getvalue()
    before, behind = AROUND[around]
    assert await read(data) == await read(before + data + behind)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", ["speech.spx", "speech.amr"])
async def test_around_what_is_passed_through(name: str, around: str) -> None:
    """Tags are not sent with a file that is sent as it is, and are no damage."""
    data = (Path(__file__).parent / "speech" / name).read_bytes()
    before, behind = AROUND[around]
    async with open_audio(before + data + behind, passthrough=True) as audio:
        assert data == b"".join([chunk async for chunk in audio])
    assert () == audio.remarks


async def test_what_only_looks_like_a_tag() -> None:
    """A tag that claims more than there is does not hide what is there."""
    foot = struct.pack("<8sIIII8x", b"APETAGEX", 2000, 5000, 1, 0)
    assert 132 == end_of_audio(io.BytesIO(bytes(100) + foot), 0, 132)
    assert 14 == begin_of_audio(io.BytesIO(b"ID3\4\0\0\0\0\0\4fLaC"))
    assert 0 == begin_of_audio(io.BytesIO(b"ID3"))


async def test_samples_that_a_header_counts() -> None:
    """Padding behind compressed WAV, whose samples are counted, is not audio that is missing."""
    file = io.BytesIO()
    soundfile.write(file, NOISE, RATE, "MS_ADPCM", format="WAV")
    pcm, _, _ = await read(file.getvalue())
    padded, remarks, _ = await read(file.getvalue() + bytes(2000))
    assert pcm == padded
    assert not any("missing" in remark for remark in remarks)
