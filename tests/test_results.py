"""The nouns of an answer."""

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
        (Sentence(0, 900, "x", sentence_end=False), True),
    ],
)
def test_either_sign_makes_a_sentence_final(sentence: Sentence, expected: bool) -> None:
    """A sentence is final when the service says so, or gives it an end."""
    assert expected is sentence.is_final
    assert expected is RecognitionResult(sentence, "t").is_final


def test_a_result_is_read_without_its_sentence() -> None:
    """A result gives the text of its sentence, and knows its task and what is billed."""
    result = RecognitionResult(Sentence(170, 920, "好。"), "t", Usage(3))
    assert ("好。", "t", Usage(3)) == (result.text, result.request_id, result.usage)


def test_what_is_not_known() -> None:
    """Nouns without facts hold neutral values."""
    assert (None, None) == (Latency().first_packet, Latency().last_packet)
    assert RecognitionResult(Sentence(), "t").usage is None
    assert (0, 0, "", "", None) == tuple(getattr(Word(), name) for name in Word.__struct_fields__)


NOUNS = [
    Word(1, 2, "a", ",", fixed=True),
    Sentence(1, 2, "a", (Word(1, 2, "a"),), stash=Sentence()),
    Usage(3),
    Latency(0.5, 1.0),
    RecognitionResult(Sentence(1, 2, "a"), "t"),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
def test_nouns_are_values(noun: Word | Sentence | Usage | Latency | RecognitionResult) -> None:
    """Nouns are frozen, compared by value, and can be keys."""
    same = type(noun)(*(getattr(noun, name) for name in noun.__struct_fields__))
    assert noun == same
    assert 1 == len({noun, same})
    with pytest.raises(AttributeError):
        setattr(noun, noun.__struct_fields__[0], None)
