"""Result types."""

import pytest

from paraformer_async import Latency, RecognitionResult, Sentence, Usage, Word


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (Sentence(), False),
        (Sentence(0, None, "x", sentence_end=False), False),
        (Sentence(0, None, "x", sentence_end=True), True),
        (Sentence(0, 900, "x"), True),
        (Sentence(0, 0, "x"), True),
        (Sentence(0, 900, "x", sentence_end=True), True),
        (Sentence(0, 900, "x", sentence_end=False), False),
    ],
)
def test_sentence_end_decides_where_it_is_sent(sentence: Sentence, expected: bool) -> None:
    """Where the service marks the end, the mark decides; otherwise an end time means final."""
    assert expected is sentence.is_final
    assert expected is RecognitionResult(sentence, "t").is_final


def test_properties_of_a_result() -> None:
    """A result has the text of its sentence, the id of its task, and the usage."""
    result = RecognitionResult(Sentence(170, 920, "好。"), "t", Usage(3))
    assert ("好。", "t", Usage(3)) == (result.text, result.request_id, result.usage)


def test_defaults() -> None:
    """Fields that are not set have neutral values."""
    assert (None, None) == (Latency().first_packet, Latency().last_packet)
    assert RecognitionResult(Sentence(), "t").usage is None
    assert (0, 0, "", "", None) == tuple(getattr(Word(), name) for name in Word.__struct_fields__)


VALUES = [
    Word(1, 2, "a", ",", fixed=True),
    Sentence(1, 2, "a", (Word(1, 2, "a"),), stash=Sentence()),
    Usage(3),
    Latency(0.5, 1.0),
    RecognitionResult(Sentence(1, 2, "a"), "t"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_results_are_values(value: Word | Sentence | Usage | Latency | RecognitionResult) -> None:
    """Result types are immutable, compare by value, and can be dictionary keys."""
    same = type(value)(*(getattr(value, name) for name in value.__struct_fields__))
    assert value == same
    assert 1 == len({value, same})
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], None)
