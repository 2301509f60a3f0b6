"""`probe`: what a file is, and what would be sent."""

import struct
from pathlib import Path

import numpy as np
import pytest

from paraformer_async import AudioError, probe
from tests.audio.making import RATE, make
from tests.audio.test_ffmpeg import RISING

pytestmark = pytest.mark.anyio


async def test_probe(tmp_path: Path) -> None:
    """A probe says what the file is, and at which rate the model would receive it."""
    stereo = np.stack([RISING, RISING])
    path = make(tmp_path / "a.wav", stereo, "ipod", "alac", rate=44_100, layout="stereo")
    found = await probe(path, model="paraformer-realtime-8k-v2")
    assert ("MP4/M4A", "alac", 44_100, 2) == (
        found.container,
        found.codec,
        found.sample_rate,
        found.channels,
    )
    assert 3.0 == pytest.approx(found.duration, abs=1e-3)
    assert ("pcm", 8000, ()) == (found.sent_format, found.sent_sample_rate, found.remarks)
    assert 44_100 == (await probe(path)).sent_sample_rate


async def test_the_profile_of_a_codec(tmp_path: Path) -> None:
    """The codec includes its profile, where it has one."""
    assert "aac (LC)" == (await probe(make(tmp_path / "a.aac", RISING, "adts", "aac"))).codec


async def test_the_duration_is_measured(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The duration is that of the audio which is there; what is odd is returned, not a warning."""
    samples = bytes(2 * RATE)
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    path = tmp_path / "a.wav"
    path.write_bytes(
        struct.pack("<4sI4s", b"RIFF", 3 * len(samples) + 36, b"WAVE")
        + fmt
        + struct.pack("<4sI", b"data", 3 * len(samples))
        + samples
    )
    found = await probe(path)
    assert 1.0 == found.duration
    assert ("ends early: it declares 3.00 s of audio but contains 1.00 s",) == found.remarks
    assert "" == caplog.text


async def test_no_audio(tmp_path: Path) -> None:
    """A file that cannot be used raises the error that `transcribe` raises."""
    path = tmp_path / "a.wav"
    path.write_text("#EXTM3U\nother.wav\n", encoding="utf-8")
    with pytest.raises(AudioError, match="a playlist"):
        await probe(path)
    with pytest.raises(FileNotFoundError):
        await probe(tmp_path / "none.wav")


@pytest.mark.parametrize("container", ["adts", "latm"])
async def test_bare_frames_whose_rate_changes(tmp_path: Path, container: str) -> None:
    """Joined files of AAC of several rates have no gaps, though FFmpeg's times seem to have."""
    paths = [
        make(tmp_path / f"{rate}", RISING, container, "aac", rate=rate)
        for rate in (16_000, 48_000, 16_000)
    ]
    (joined := tmp_path / "joined").write_bytes(b"".join(path.read_bytes() for path in paths))
    durations = [(await probe(path)).duration for path in paths]
    whole = await probe(joined)
    assert sum(durations) == pytest.approx(whole.duration, abs=0.1)
    assert () == whole.remarks


@pytest.mark.parametrize("box", [b"free", b"skip", b"pnot", b"wide"])
async def test_quicktime_without_its_type(tmp_path: Path, box: bytes) -> None:
    """What cameras and older programs have written begins with another box than the type."""
    path = make(tmp_path / "a.mov", RISING, "mov", "aac", movflags="faststart")
    data = path.read_bytes()
    size = int.from_bytes(data[:4], "big")
    assert b"ftyp" == data[4:8]
    whole = await probe(path)
    path.write_bytes(data[:4] + box + bytes(size - 8) + data[size:])
    found = await probe(path)
    assert "QuickTime" == found.container
    assert whole.duration == found.duration
