"""Expansion and resampling of streams: the same bits, however the audio is divided."""

import sys
from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async._core.buffer import AudioBuffer
from paraformer_async._core.framing import Framer
from paraformer_async.audio.converting import Converter, converter
from paraformer_async.audio.decoding.pcm import Resampler
from paraformer_async.audio.decoding.wav import WavStage
from paraformer_async.errors import MissingExtraError
from tests.core.test_buffer import items, wav_header

NOISE = np.random.default_rng(3).integers(-30_000, 30_000, 4000, np.int16).tobytes()
RATES = [(16_000, 8000), (8000, 16_000), (44_100, 16_000), (48_000, 8000), (22_050, 16_000)]
CUTS = st.lists(st.integers(0, len(NOISE)), max_size=30)


def divided(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return *data* in pieces."""
    return [data[one:other] for one, other in pairwise([0, *sorted(cuts), len(data)])]


def converted(one: Converter, pieces: list[bytes]) -> bytes:
    """Return all that a converter makes of *pieces*."""
    return b"".join([one.convert(piece) for piece in pieces]) + one.end()


@settings(max_examples=150, deadline=None)
@given(CUTS, st.sampled_from([None, "mulaw", "alaw"]), st.sampled_from([(8000, 8000), *RATES]))
def test_any_division(cuts: list[int], encoding: str | None, rates: tuple[int, int]) -> None:
    """Pieces of a stream give, bit for bit, what the whole gives: PCM and G.711, any rates."""
    whole = converted(Converter(encoding, *rates), [NOISE])
    assert whole == converted(Converter(encoding, *rates), divided(NOISE, cuts))


@settings(max_examples=100, deadline=None)
@given(CUTS, st.sampled_from(RATES), st.booleans())
def test_any_division_of_a_file(cuts: list[int], rates: tuple[int, int], is_live: bool) -> None:
    """Resampling in pieces equals resampling at once, bit for bit, for files and for streams."""
    whole = Resampler(*rates, is_live=is_live).resample(NOISE, last=True)
    resampler = Resampler(*rates, is_live=is_live)
    pieces = divided(NOISE, [cut & ~1 for cut in cuts])
    assert whole == b"".join(map(resampler.resample, pieces)) + resampler.resample(b"", last=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4044), max_size=30), st.sampled_from([(1, 16), (2, 16), (1, 24)]))
def test_any_division_of_a_wav_stream(cuts: list[int], shape: tuple[int, int]) -> None:
    """A WAV stream in any pieces is sent as the same bytes, and decoded to the same samples."""
    wav = wav_header(*shape) + NOISE[:4000]
    pieces = divided(wav, [min(cut, len(wav)) for cut in cuts])
    box = AudioBuffer(Framer(16_000), limit=1 << 20, is_wav=True)
    whole, stage = WavStage(16_000), WavStage(16_000)
    for piece in pieces:
        box.add(piece)
    box.mark_end()
    sent = b"".join(one for one in items(box) if isinstance(one, bytes))
    align = shape[0] * shape[1] // 8
    assert wav[: len(wav) - 4000 % align] == sent
    assert whole.push(wav) + whole.end() == b"".join(map(stage.push, pieces)) + stage.end()


@settings(max_examples=100, deadline=None)
@given(CUTS, st.sampled_from([(8000, 8000), *RATES]), st.integers(0, 20_000))
def test_begun_anew(cuts: list[int], rates: tuple[int, int], position: int) -> None:
    """Begun anew at any position, whatever came before, the same bytes follow from there on."""
    encoding = "alaw" if rates[0] == rates[1] else None
    position &= ~1
    whole = converted(Converter(encoding, *rates), [NOISE])
    one = Converter(encoding, *rates)
    for piece in divided(NOISE, cuts)[:3]:
        one.convert(piece)
    begin = one.restart(position)
    assert whole[position:] == converted(one, [NOISE[begin:]])


@pytest.mark.parametrize("rates", RATES)
def test_the_end_of_an_utterance(rates: tuple[int, int]) -> None:
    """All of an utterance is returned at its end; the next one is like one of its own."""
    one = Converter(None, *rates)
    for _ in range(3):
        first = one.convert(NOISE) + one.drain()
        assert len(first) // 2 == pytest.approx(len(NOISE) / 2 * rates[1] / rates[0], abs=2)
        assert first == converted(Converter(None, *rates), [NOISE])
        assert b"" == one.drain()


def test_half_a_sample() -> None:
    """A sample may be divided by the end of an utterance; half of one ends up at the end."""
    one = Converter(None, 16_000, 8000)
    pcm = one.convert(NOISE[:-3]) + one.drain()
    assert len(pcm) % 2 == 0
    pcm = one.convert(NOISE[-3:] + b"x") + one.end()
    assert pcm.endswith(b"x")
    assert b"" == one.end()


@pytest.mark.parametrize(("rates", "longest"), [(one, 0.031) for one in RATES])
def test_little_is_held_back(rates: tuple[int, int], longest: float) -> None:
    """A live stream is late by no more than 31 ms of audio."""
    one = Converter(None, *rates)
    given = returned = 0
    for start in range(0, len(NOISE), 100):
        given += len(piece := NOISE[start : start + 100])
        returned += len(one.convert(piece))
        assert given / rates[0] - returned / rates[1] <= 2 * longest


@pytest.mark.parametrize("rates", RATES)
def test_a_tone_stays_a_tone(rates: tuple[int, int]) -> None:
    """A tone keeps its pitch and level, and its place in time to 0.3 ms."""
    from_rate, to_rate = rates
    tone = np.sin(2 * np.pi * 400 * np.arange(from_rate) / from_rate) * 12_000
    pcm = np.frombuffer(converted(Converter(None, *rates), [tone.astype("<i2").tobytes()]), "<i2")
    steady = slice(to_rate // 4, to_rate // 2)  # 100 periods
    turns = np.exp(-2j * np.pi * 400 * np.arange(to_rate) / to_rate)[steady]
    found = np.mean(pcm[steady] * turns) * 2j
    assert 12_000 == pytest.approx(abs(found), rel=1e-3)
    assert abs(np.angle(found)) / (2 * np.pi * 400) < 0.3e-3
    assert np.abs(pcm[steady] - np.imag(found / turns)).max() < 2


def test_an_older_soxr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the filter of soxr 1.1, the audio is the same as that of files."""

    class Old(soxr.ResampleStream):
        def __init__(self, in_rate: float, out_rate: float, channels: int, dtype: str) -> None:
            super().__init__(in_rate, out_rate, channels, dtype=dtype)

    expected = Resampler(16_000, 8000).resample(NOISE, last=True)
    monkeypatch.setattr(soxr, "ResampleStream", Old)
    assert expected == converted(Converter(None, 16_000, 8000), [NOISE])


def test_nothing_to_convert(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples of the right rate need no converter, and no soxr; others name the extra."""
    monkeypatch.setitem(sys.modules, "soxr", None)  # type: ignore[arg-type]
    assert converter(None, 16_000, 16_000) is None
    assert converter("mulaw", 8000, 8000) is not None
    with pytest.raises(MissingExtraError, match=r"paraformer-async\[av\]"):
        converter(None, 16_000, 8000)
