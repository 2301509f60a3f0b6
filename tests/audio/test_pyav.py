"""What is built on PyAV: frames to samples, and a container that opens nothing else."""

import io
from pathlib import Path

import av
import numpy as np
import pytest

from paraformer_async.audio.decoding.mixing import Downmix
from paraformer_async.audio.decoding.pyav import open_container, to_pcm
from paraformer_async.audio.protection import require_playable
from paraformer_async.errors import AudioError
from tests.audio.making import make


def frame(samples: np.ndarray, rate: int, format: str = "s16", layout: str = "mono") -> object:
    """Return *samples* as a frame."""
    made = av.AudioFrame.from_ndarray(samples, format, layout)
    made.sample_rate = rate
    return made


def pcm_of(*frames: object) -> np.ndarray:
    """Return the samples of *frames* at 16 kHz."""
    return np.frombuffer(b"".join(to_pcm(frames, 16_000, Downmix())), "<i2")  # type: ignore[arg-type]


def test_a_rate_that_changes() -> None:
    """Where the rate changes, what follows is converted; the time of all of it is kept."""
    seconds = [
        (np.sin(np.arange(rate) * 2 * np.pi * 440 / rate) * 9000).astype(np.int16)[None]
        for rate in (16_000, 8000, 44_100, 16_000)
    ]
    got = pcm_of(*(frame(one, one.shape[1]) for one in seconds))
    assert 64_000 == pytest.approx(len(got), abs=4)
    middles = [got[start + 4000 : start + 12_000] for start in range(0, 64_000, 16_000)]
    assert [9000 / 2**0.5] * 4 == pytest.approx([float(np.std(one)) for one in middles], rel=0.01)


@pytest.mark.parametrize(
    ("format", "samples"),
    [
        ("u8", np.array([[0, 64, 128, 192]], np.uint8)),
        ("s32p", np.array([[-(1 << 31), -(1 << 30), 0, 1 << 30]], np.int32)),
        ("dblp", np.array([[-1.0, -0.5, 0.0, 0.5]])),
    ],
)
def test_formats_of_samples(format: str, samples: np.ndarray) -> None:
    """Samples of every format have their full scale."""
    assert [-32768, -16384, 0, 16384] == pcm_of(frame(samples, 16_000, format)).tolist()


def test_channels_that_change() -> None:
    """Frames of one and of two channels may follow each other, packed or not."""
    mono = frame(np.full((1, 3), 100, np.int16), 16_000)
    packed = frame(np.array([[100, 300] * 3], np.int16), 16_000, "s16", "stereo")
    planar = frame(np.array([[0] * 3, [50] * 3], np.int16), 16_000, "s16p", "stereo")
    assert [100] * 3 + [200] * 3 + [25] * 3 == pcm_of(mono, packed, planar).tolist()


def test_samples_that_are_no_numbers() -> None:
    """NaN is silence and infinity is full scale; the other channel is kept."""
    stereo = np.array([[0.5, np.nan, np.inf, -np.inf], [0.5, 0.5, 0.5, 0.5]], np.float32)
    got = pcm_of(frame(stereo, 16_000, "fltp", "stereo"))
    assert [16384, 8192, 24576, -8192] == got.tolist()


@pytest.mark.parametrize(
    ("demuxer", "text"),
    [("hls", "#EXTM3U\n#EXTINF:3,\n{}\n#EXT-X-ENDLIST\n"), ("concat", "file '{}'\n")],
)
def test_nothing_else_is_opened(tmp_path: Path, demuxer: str, text: str) -> None:
    """Even a demuxer of playlists cannot open the files that one lists."""
    other = make(tmp_path / "other.ts", np.zeros(16_000, np.int16), "", "aac")
    file = io.BytesIO(text.format(other).encode())
    with pytest.raises((OSError, ValueError)):
        list(open_container(file, demuxer).decode(audio=0))


def test_large_boxes(tmp_path: Path) -> None:
    """The index of an MP4 file is found behind boxes whose size has 64 bits."""
    size = 1 << 20
    large = b"\0\0\0\1mdat" + size.to_bytes(8, "big")
    path = tmp_path / "a.mp4"
    with path.open("wb") as file:
        file.write(b"\0\0\0\x08ftyp" + large)
        file.seek(8 + size)
        file.write(b"\0\0\0\x08moov")
    with path.open("rb") as file:
        require_playable(file, path, "mov")
    path.write_bytes(b"\0\0\0\x08ftyp" + large)
    with path.open("rb") as file, pytest.raises(AudioError, match="no index"):
        require_playable(file, path, "mov")
