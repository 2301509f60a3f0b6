"""G.711 to s16le, and the position in it."""

import io
from collections.abc import AsyncGenerator

import numpy as np
import pytest
import soundfile

from paraformer_async.audio.companding import expander, expanding
from paraformer_async.audio.source import chunks

pytestmark = pytest.mark.anyio

CODES = bytes(range(256))


@pytest.mark.parametrize(("encoding", "subtype"), [("mulaw", "ULAW"), ("alaw", "ALAW")])
def test_every_code(encoding: str, subtype: str) -> None:
    """Every code is the sample that libsndfile decodes."""
    expected, _ = soundfile.read(
        io.BytesIO(CODES), samplerate=8000, channels=1, format="RAW", subtype=subtype, dtype="int16"
    )
    assert np.array_equal(np.frombuffer(expander(encoding)(CODES), "<i2"), expected)


async def test_sources_of_one_reading() -> None:
    """What can be read once is converted chunk by chunk, and closed with the chunks."""
    closed = []

    async def source() -> AsyncGenerator[bytes | bytearray, None]:
        try:
            yield CODES
            yield bytearray(CODES)
        finally:
            closed.append(True)

    expand = expander("alaw")
    audio = expanding(chunks(source()), expand)
    assert audio.rewound is None
    assert [expand(CODES)] * 2 == [chunk async for chunk in audio]
    await audio.aclose()
    assert [True] == closed


async def test_read_again() -> None:
    """What can be read again is read again from the same sample."""
    expand = expander("mulaw")
    audio = expanding(chunks([CODES, CODES]), expand)
    whole = b"".join([chunk async for chunk in audio])
    for position in (0, 6, 512, 700):
        assert audio.rewound is not None
        again = audio.rewound(position)
        assert whole[position:] == b"".join([chunk async for chunk in again])
        assert again.rewound is not None
