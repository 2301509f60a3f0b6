"""Recordings that begin within a frame: the rest of it is left out, and nothing else."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async.audio.containers.sniffing import guess_format
from paraformer_async.audio.passing import PacketReader
from tests.audio.making import RATE, make
from tests.audio.test_decoding import SPEECHLIKE, cut, decode
from tests.audio.test_ffmpeg import read

pytestmark = pytest.mark.anyio

# By name: FFmpeg's container and codec, and options of `make`.
FORMATS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a.mp3": ("mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
    "stereo.mp3": ("mp3", "libmp3lame", {"layout": "stereo", "rate": 44_100, "write_xing": "0"}),
    "a.mp2": ("mp2", "mp2", {}),
    "a.aac": ("adts", "aac", {}),
    "a.latm": ("latm", "aac", {}),
    "a.ts": ("mpegts", "aac", {}),
    "a.m2ts": ("mpegts", "aac", {"mpegts_m2ts_mode": "1"}),
}


@pytest.mark.parametrize("begin", [1, 50, 100, 187, 333])
@pytest.mark.parametrize("name", FORMATS)
async def test_files_that_begin_within_a_frame(tmp_path: Path, name: str, begin: int) -> None:
    """What a radio recorder or a split by size has left is read, and the remark says so."""
    container, codec, options = FORMATS[name]
    path = make(tmp_path / name, SPEECHLIKE, container, codec, **options)
    whole, audio = await read(path)
    assert () == audio.remarks
    path.write_bytes(path.read_bytes()[begin:])
    samples, audio = await read(path)
    rate = options.get("rate", RATE)
    assert 0 <= len(whole) - len(samples) < 0.4 * rate
    assert any("begins within a frame: its first" in remark for remark in audio.remarks)


@pytest.mark.parametrize("name", ["a.mp3", "a.aac"])
@pytest.mark.parametrize("size", [1, 300, 1 << 20])
async def test_streams_that_begin_within_a_frame(
    tmp_path: Path, name: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream can be entered anywhere; the log says how much was left out."""
    container, codec, options = FORMATS[name]
    data = make(tmp_path / name, SPEECHLIKE, container, codec, **options).read_bytes()
    format = name[-3:]
    whole = await decode(format, [data])
    with caplog.at_level(logging.WARNING, "paraformer_async"):
        rest = await decode(format, [*cut(data[100:3000], [size]), data[3000:]])
    assert 0 < len(whole) - len(rest) < 0.2 * 2 * RATE
    assert "bytes" in caplog.text


def test_files_that_are_passed_through(tmp_path: Path) -> None:
    """A file that begins within a frame is sent by its packets, too, and the rest is counted."""
    container, codec, options = FORMATS["a.mp3"]
    path = make(tmp_path / "a.mp3", SPEECHLIKE, container, codec, **options)
    path.write_bytes(path.read_bytes()[100:])
    reader = PacketReader(path.open("rb", buffering=0), path, "mp3")
    while reader.read(RATE):
        pass
    assert "no whole packet" in reader.remarks()[0]
    reader.close()


async def test_zeros_before_the_first_frame(tmp_path: Path) -> None:
    """Padding before the first frame is no part of one: it is passed over without a remark."""
    container, codec, options = FORMATS["a.mp3"]
    path = make(tmp_path / "a.mp3", SPEECHLIKE, container, codec, **options)
    whole, _ = await read(path)
    path.write_bytes(bytes(4000) + path.read_bytes())
    samples, audio = await read(path)
    assert len(whole) == len(samples)
    assert () == audio.remarks


@given(st.integers(0, 1 << 32), st.sampled_from([0, 1, 2, 5, 20, 300, 20_000]))
def test_samples_are_not_mistaken_for_frames(seed: int, loudness: int) -> None:
    """Samples without a header are of an unknown format, however loud, and at any rate."""
    noise = np.random.default_rng(seed).normal(0, loudness, 8192)
    for samples in (noise.astype("<i2"), noise.clip(-127, 127).astype(np.int8)):
        assert guess_format(samples.tobytes()[:8192]).cut == 0
