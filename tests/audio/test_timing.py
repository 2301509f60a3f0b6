"""Frames are at their times: silence is where none of them is, and nowhere else."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.audio.plane import AudioPlane

from paraformer_async.audio.decoding.mixing import Downmix
from paraformer_async.audio.decoding.pyav import to_pcm
from paraformer_async.audio.decoding.timing import Timing

RATE = 8000
TENTH = RATE // 10
LOUD = {"u8": b"\xff", "s16": b"\xff\x7f", "fltp": np.float32(1).tobytes()}


def tenth(time: float | None, format: str = "s16", layout: str = "mono") -> av.AudioFrame:
    """Return a tenth of a second of full scale."""
    frame = av.AudioFrame(format, layout, TENTH)
    frame.sample_rate = RATE
    count = frame.layout.nb_channels if frame.format.is_planar else 1
    for number in range(count):
        plane = AudioPlane(frame, number)
        plane.update(LOUD[format] * (plane.buffer_size // len(LOUD[format])))
    if time is not None:
        frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
    return frame


def placed(timing: Timing, *frames: av.AudioFrame) -> str:
    """Return what is in each tenth of a second: `#` sound, `.` silence."""
    pcm = b"".join(to_pcm(timing.placed(frames), RATE, Downmix()))
    samples = np.frombuffer(pcm, "<i2")
    tenths = [set(samples[at : at + TENTH].tolist()) for at in range(0, len(samples), TENTH)]
    assert all(one == {0} or min(one) > 32_000 for one in tenths)
    return "".join("." if one == {0} else "#" for one in tenths)


@pytest.mark.parametrize("start", [0.0, 1.4, 30_000.0])
@pytest.mark.parametrize(
    ("times", "expected", "filled"),
    [
        ((0, 0.1, 0.2), "###", 0),
        ((0.5, 0.6), ".....##", 0),
        ((0, 0.1, 0.6, 0.7), "##....##", 0.4),
        ((0, None, None, 0.6), "###...#", 0.3),
        ((-0.1, 0, 0.1), "###", 0),
        ((0.05, 0.15, 0.25), "###", 0),
        ((0, 0.15, 0.2, 0.35), "####", 0),
        ((0, 0.05, 0.1, 0.15, 0.2, 0.8), "#####...#", 0.3),
        ((0, 0.12, 0.24, 0.36, 0.48, 0.6, 0.72, 0.84, 0.96, 1.08, 1.2), "", 0.2),
        ((7, 7.1, 0, 0.1, 0.5), "." * 70 + "####...#", 0.3),
    ],
)
def test_times(start: float, times: tuple[float | None, ...], expected: str, filled: float) -> None:
    """Gaps are silence; small deviations and overlaps are not, but those that add up."""
    timing = Timing(start)
    frames = [tenth(None if time is None else start + time) for time in times]
    if expected:
        assert expected == placed(timing, *frames)
    else:
        sizes = [frame.samples for frame in timing.placed(frames)]
        assert (times[-1] or 0) + 0.1 == pytest.approx(sum(sizes) / RATE, abs=0.2)
    assert filled == pytest.approx(timing.filled, abs=0.03)
    assert timing.unfilled == 0


@pytest.mark.parametrize(
    ("format", "layout"),
    [
        ("u8", "mono"),
        ("s16", "stereo"),
        ("fltp", "5.1"),
        ("fltp", "7.1"),
        ("fltp", "hexadecagonal"),
    ],
)
def test_silence_of_every_kind(format: str, layout: str) -> None:
    """Silence is of the kind of the frames around it."""
    frames = [tenth(time, format, layout) for time in (0, 0.5)]
    assert "#....#" == placed(Timing(0), *frames)


def test_a_damaged_time() -> None:
    """A time that is hours ahead makes no hours of silence; the remark is for who reads it."""
    timing = Timing(0)
    frames = [tenth(time) for time in (0, 0.1, 86_400, 86_400.1, 0.4, 0.5, 0.9)]
    assert "######...#" == placed(timing, *frames)
    assert 86_400 == pytest.approx(timing.unfilled, abs=1)


def test_another_clock() -> None:
    """Where clocks may change, a gap that is too long for a pause is one, and makes no silence."""
    timing = Timing(0, longest=10)
    frames = [tenth(time) for time in (11, 11.1, 100, 100.1, 100.5, 110)]
    assert "." * 110 + "####...#" + "." * 94 + "#" == placed(timing, *frames)
    assert 88.8 == pytest.approx(timing.unfilled)


def test_many_damaged_times() -> None:
    """Silence has a bound for all of a file, however often its times jump."""
    timing = Timing(0)
    times = [second for number in range(10) for second in (0, 1000 + number)]
    seconds = sum(frame.samples for frame in timing.placed(map(tenth, times))) / RATE
    assert 1000 < seconds < 3700
    assert timing.unfilled > 5000
