"""G.711 to s16le."""

import array
import io
from typing import Any

import numpy as np
import pytest
import soundfile

from paraformer_async.audio.companding import expander
from paraformer_async.audio.samples import immutable, taker
from paraformer_async.errors import InvalidOptionError

CODES = bytes(range(256))


@pytest.mark.parametrize(("encoding", "subtype"), [("mulaw", "ULAW"), ("alaw", "ALAW")])
def test_every_code(encoding: str, subtype: str) -> None:
    """Every code is the sample that libsndfile decodes."""
    expected, _ = soundfile.read(
        io.BytesIO(CODES), samplerate=8000, channels=1, format="RAW", subtype=subtype, dtype="int16"
    )
    assert np.array_equal(np.frombuffer(expander(encoding)(CODES), "<i2"), expected)


@pytest.mark.parametrize(
    "codes",
    [
        CODES,
        bytearray(CODES),
        memoryview(CODES),
        array.array("B", CODES),
        np.frombuffer(CODES, np.int8),
        np.frombuffer(CODES, np.uint8).reshape(-1, 1),
    ],
    ids=lambda codes: type(codes).__name__,
)
def test_codes(codes: Any) -> None:
    """Every buffer of bytes is taken as codes."""
    assert CODES == taker("mulaw")(codes)


@pytest.mark.parametrize("samples", [np.zeros(80, np.int16), np.zeros(80, np.float32)], ids=repr)
def test_samples_are_no_codes(samples: Any) -> None:
    """Decoded samples are refused with an encoding, which would turn them into noise."""
    assert bytes(160) == taker(None)(samples) == immutable(samples)
    with pytest.raises(InvalidOptionError, match="mulaw has one byte a sample") as caught:
        taker("mulaw")(samples)
    assert "encoding=" in caught.value.hint
