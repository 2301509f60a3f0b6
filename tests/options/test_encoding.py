"""The encoding of telephony, as an option."""

import pytest

from paraformer_async import AsyncRecognizer, InvalidOptionError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoding": "ulaw"}, "encoding: 'ulaw' is not one of mulaw, alaw"),
        ({"encoding": "mulaw", "format": "wav"}, "samples without a header, not wav"),
        ({"encoding": "alaw", "model": "paraformer-realtime-v1"}, "sample_rate.*16000"),
    ],
)
def test_wrong_use(options: dict[str, str], message: str) -> None:
    """An encoding that cannot work is refused at once, and says what is allowed."""
    with pytest.raises(InvalidOptionError, match=message):
        AsyncRecognizer(**options)  # type: ignore[arg-type]


def test_the_rate_follows_the_encoding() -> None:
    """The rate is 8000 Hz unless another is given; without an encoding, it is the model's."""
    options = AsyncRecognizer(encoding="alaw", sample_rate=16_000).options
    assert 16_000 == options.sample_rate
    recognizer = AsyncRecognizer()
    assert 16_000 == recognizer.options.sample_rate
    assert 8000 == recognizer._with({"encoding": "mulaw"}).sample_rate
