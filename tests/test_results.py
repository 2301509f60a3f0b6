"""Result types."""

import json
from typing import Any

import pytest

from paraformer_async import AudioGap, Latency, RecognitionResult, Sentence, Usage, Word


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


@pytest.mark.parametrize(
    "value", [*VALUES, AudioGap.between(1, 2)], ids=lambda one: type(one).__name__
)
def test_results_are_jsonable(value: Any) -> None:
    """Every result is plain data in one call, as JSON, too, and as a mapping."""
    data = value.to_dict()
    assert data == json.loads(value.to_json()) == json.loads(value.to_json(indent=2))
    assert set(type(value).__struct_fields__) <= set(data)
    assert set(dict(value)) == set(data)
    with pytest.raises(TypeError, match="not iterable"):
        list(value)
    with pytest.raises(KeyError):
        value["nothing"]


def test_what_a_result_is_as_data() -> None:
    """A result as data has its text, its sentence with all words, and whether it is final."""
    result = RecognitionResult(Sentence(0, 9, "好。", (Word(0, 9, "好", "。"),)), "t", Usage(1))
    data = result.to_dict()
    usage = {"duration": 1, "input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert ("好。", True, "t", usage) == (
        data["text"],
        data["is_final"],
        data["request_id"],
        data["usage"],
    )
    assert "好" == data["sentence"]["words"][0]["text"]
    assert "好" in result.to_json()


def test_odd_values_as_json() -> None:
    """What JSON cannot represent does not make a result unusable."""
    sentence = Sentence(text="\ud83d", emo_confidence=float("nan"))
    assert {"text": "\ud83d", "emo_confidence": None}.items() <= json.loads(
        sentence.to_json()
    ).items()
    sentence.to_json().encode()


def test_pydantic_and_fastapi() -> None:
    """Pydantic models take results as fields, and FastAPI returns them from its endpoints."""
    pydantic = pytest.importorskip("pydantic")
    encoders = pytest.importorskip("fastapi.encoders")
    sentence = Sentence(0, 9, "好。", (Word(0, 9, "好", "。"),))
    adapter = pydantic.TypeAdapter(list[Sentence])
    assert [sentence] == adapter.validate_python([sentence])
    assert [sentence] == adapter.validate_json(adapter.dump_json([sentence]))
    assert [sentence.to_dict()] == adapter.dump_python([sentence])
    assert "object" == adapter.json_schema()["items"]["type"]
    with pytest.raises(pydantic.ValidationError):
        adapter.validate_python([{"begin_time": "never"}])
    assert sentence.to_dict() == encoders.jsonable_encoder(sentence)
