"""Interleaved channels, taken apart."""

import io
import logging
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async.audio.channels import Deinterleaver, Divider
from paraformer_async.audio.channels_of_wav import WavDivider
from paraformer_async.audio.decoding.mixing import Interleave
from paraformer_async.audio.dividing import channels_to_divide, make_divider
from paraformer_async.audio.samples import immutable
from paraformer_async.errors import AudioError
from paraformer_async.options.options import Options


def pieces(audio: bytes, cuts: list[int]) -> list[bytes]:
    """Return *audio*, cut at positions that may be anywhere."""
    places = sorted({0, len(audio), *(cut % (len(audio) + 1) for cut in cuts)})
    return [audio[start:end] for start, end in pairwise(places)]


def divided(divider: Divider, audio: bytes, cuts: list[int]) -> list[bytes]:
    """Return the parts of *audio* that is fed in pieces."""
    parts = [b"" for _ in divider.labels]
    for piece in pieces(audio, cuts):
        parts = [have + new for have, new in zip(parts, divider.feed(piece), strict=True)]
    divider.end()
    return parts


@given(
    channels=st.integers(1, 7),
    width=st.integers(1, 8),
    audio=st.binary(max_size=400),
    cuts=st.lists(st.integers(0, 400)),
)
def test_any_cuts_and_any_width(channels: int, width: int, audio: bytes, cuts: list[int]) -> None:
    """Whatever the chunks are cut at, each channel has its own samples, in order."""
    deinterleaver = Deinterleaver(channels, width)
    parts = [b""] * channels
    for piece in pieces(audio, cuts):
        parts = [have + new for have, new in zip(parts, deinterleaver.feed(piece), strict=True)]
    block = channels * width
    whole = len(audio) - len(audio) % block
    samples = [audio[start : start + width] for start in range(0, whole, width)]
    assert parts == [b"".join(samples[channel::channels]) for channel in range(channels)]
    assert deinterleaver.cut == audio[whole:]


@given(
    channels=st.integers(1, 4),
    samples=st.integers(0, 40),
    subtype=st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "ULAW"]),
    cuts=st.lists(st.integers(0, 2000)),
)
def test_any_cuts_of_wav(channels: int, samples: int, subtype: str, cuts: list[int]) -> None:
    """Each part of a WAV stream is a whole WAV file of that channel, wherever it was cut."""
    audio = np.random.default_rng(samples).uniform(-1, 1, (samples, channels))
    file = io.BytesIO()
    soundfile.write(file, audio, 8000, format="WAV", subtype=subtype)
    expected, _ = soundfile.read(io.BytesIO(file.getvalue()), always_2d=True)
    trailer = b"LIST\x04\0\0\0INFO"
    parts = divided(WavDivider("split", channels), file.getvalue() + trailer, cuts)
    for channel, part in enumerate(parts):
        found, rate = soundfile.read(io.BytesIO(part))
        assert 8000 == rate
        if samples:  # a size of 0 means that it is not known: all that follows are samples
            assert np.array_equal(expected[:, channel], found)


@given(
    channels=st.sampled_from(["split", 0, 2, "mix"]),
    position=st.integers(0, 900),
    format=st.sampled_from(["pcm", "mulaw"]),
)
def test_reading_again(channels: Any, position: int, format: str) -> None:
    """From where a divider says, a new one returns the rest of a part, from any position."""
    audio = np.random.default_rng(1).integers(0, 256, 900, np.uint8).tobytes()
    whole = divided(Divider(channels, 3, format, 8000), audio, [])
    again = Divider(channels, 3, format, 8000)
    origin, skip = again.origin(position)
    rest = divided(again, audio[origin:], [])
    assert [part[position:] for part in whole] == [part[skip:] for part in rest]


@pytest.mark.parametrize("size", [7, 25, 160, 320, 800])
def test_two_who_speak_at_once(size: int, caplog: pytest.LogCaptureFixture) -> None:
    """For moments, two voices cancel each other out by chance; neither is left out for it."""
    recordings = sorted((Path(__file__).parents[2] / "examples" / "audio").glob("*.wav"))
    voices = [soundfile.read(path, dtype="int16")[0] for path in recordings]
    for one, other in combinations(voices, 2):
        length = min(len(one), len(other))
        both = np.stack([one[:length], other[:length]], axis=1)
        divider = Divider("mix", 2, "pcm", 16_000)
        chunks = [both[at : at + size].tobytes() for at in range(0, length, size)]
        mixed = np.frombuffer(b"".join(divider.feed(chunk)[0] for chunk in chunks), "<i2")
        assert np.abs(mixed - both.mean(axis=1)).max() <= 0.5
    assert "opposite phases" not in caplog.text


def test_arrays_of_opposite_phases() -> None:
    """Arrays of 10 ms, each of which is mixed by itself, do not mix to silence either."""
    voice = np.random.default_rng(2).integers(-9000, 9000, 80, np.int16)
    assert immutable(np.stack([voice, -voice], axis=1)) == voice.tobytes()


@pytest.mark.parametrize("size", [1, 50])
def test_opposite_phases_in_small_pieces(size: int) -> None:
    """Channels of opposite phases do not mix to silence, however small the pieces."""
    voice = np.random.default_rng(2).integers(-9000, 9000, 2000, np.int16)
    audio = np.stack([voice, -voice], axis=1).tobytes()
    cuts = list(range(0, len(audio), 4 * size))
    (mono,) = divided(Divider("mix", 2, "pcm", 8000), audio, cuts)
    assert voice[200:].tobytes() == mono[400:]


def test_silence_of_opposite_phases(caplog: pytest.LogCaptureFixture) -> None:
    """Channels of opposite phases do not mix to silence, and the log says what was done."""
    voice = np.random.default_rng(2).integers(-9000, 9000, 8000, np.int16)
    audio = np.stack([voice, -voice], axis=1).tobytes()
    divider = Divider("mix", 2, "pcm", 8000)
    with caplog.at_level(logging.WARNING):
        (mono,) = divided(divider, audio, [])
        divider.end()
    assert voice.tobytes() == mono
    assert 1 == caplog.text.count("opposite phases")


@pytest.mark.parametrize("scale", [np.int16(1), np.float32(1 / 32768)])
def test_number_of_channels_that_changes(scale: np.generic) -> None:
    """Where a file has another number of channels, their mean is on each of its channels."""
    mixer = Interleave()
    for samples, expected in (
        ([[10, 20], [30, 40]], [10, 20, 30, 40]),
        ([[50], [70]], [50, 50, 70, 70]),
        ([[10, 20, 60], [0, 0, 3]], [30, 30, 1, 1]),
    ):
        block = np.array(samples, np.int16) * scale
        assert expected == np.frombuffer(mixer.mix(block, 8000), "<i2").tolist()
    assert mixer.remark() == ""


@pytest.mark.parametrize(
    ("audio", "options", "count"),
    [
        (None, {}, None),
        (np.zeros((9, 2), np.int16), {}, None),
        (None, {"input_channels": 1}, None),
        (None, {"input_channels": 2}, 2),
        (np.zeros((9, 2), np.int16), {"channels": "split"}, 2),
        (np.zeros(9, np.int16), {"channels": 0}, 1),
        (b"", {"channels": 0}, 1),
        (b"", {"channels": 1, "input_channels": 3}, 3),
    ],
)
def test_what_is_divided(audio: Any, options: dict[str, Any], count: int | None) -> None:
    """A stream is divided if its channels are declared or known, and not all of them are mono."""
    assert count == channels_to_divide(audio, Options(**options))


def test_header_that_is_too_long() -> None:
    """A WAV stream whose header does not end is refused."""
    divider = make_divider(Options(format="wav", channels=0, input_channels=2), 2)
    with pytest.raises(AudioError, match="header is longer than"):
        divider.feed(b"RIFF\0\0\0\0WAVEjunk\xff\xff\0\0" + bytes(70_000))
