"""Lists of hot words: what may be in one, for which model."""

from typing import Any

import pytest

from paraformer_async import InvalidOptionError
from paraformer_async.options.models import MODELS
from paraformer_async.options.vocabulary import (
    HotWord,
    check_limits,
    check_prefix,
    hot_words_of,
)

V2 = "paraformer-realtime-v2"
QWEN = "qwen-audio-3.1-asr-flash-streaming"


def words(count: int) -> tuple[HotWord, ...]:
    """Return so many words."""
    return tuple(HotWord(f"word{number}") for number in range(count))


@pytest.mark.parametrize(
    "value",
    [
        {"云": 5, "cloud": 1},
        [HotWord("云", 5), HotWord("cloud", 1)],
        ({"text": "云", "weight": 5, "lang": None}, {"text": "cloud", "weight": 1, "new": 2}),
    ],
    ids=["dict", "hot words", "JSON"],
)
def test_every_form_gives_the_same_words(value: object) -> None:
    """Words are given as a dict of weights, as `HotWord`, or as the service's JSON."""
    assert (HotWord("云", 5), HotWord("cloud", 1)) == hot_words_of(value)


def test_the_defaults_of_a_word() -> None:
    """Without a weight, a word has the one that the documentation begins with, and no language."""
    assert (HotWord("a", 4, None),) == hot_words_of([{"text": "a"}])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("云", "must be a dict"),
        (None, "must be a dict"),
        ({}, "is empty"),
        ([], "is empty"),
        (["云"], "must be a list of HotWord"),
        ([{}], "must be text, not empty"),
        ({"": 4}, "must be text, not empty"),
        ({"a\n": 4}, "without control characters"),
        ({5: 4}, "must be text"),
        ({"a": "4"}, "the weight of 'a' is not an int: '4'"),
        ({"a": True}, "the weight of 'a' is not an int"),
        ([HotWord("a", lang="")], "must be text, not empty"),
        ([HotWord("a"), HotWord("b"), HotWord("a", 5)], "'a' is there twice"),
    ],
    ids=repr,
)
def test_what_is_no_list_of_words(value: Any, expected: str) -> None:
    """Anything but words with weights is refused, with what is wrong."""
    with pytest.raises(InvalidOptionError, match=expected) as caught:
        hot_words_of(value)
    assert "vocabulary" == caught.value.option


@pytest.mark.parametrize(
    ("model", "most"),
    [(V2, 500), ("paraformer-realtime-8k-v2", 500), (QWEN, 2000), ("fun-asr-realtime", 2000)],
)
def test_the_number_of_words_depends_on_the_model(model: str, most: int) -> None:
    """A list for Paraformer has at most 500 words, one for later models 2000."""
    check_limits(model, words(most))
    with pytest.raises(InvalidOptionError, match=f"at most {most} words, not {most + 1}"):
        check_limits(model, words(most + 1))


@pytest.mark.parametrize("weight", [0, 6, 49, 51, -1])
@pytest.mark.parametrize("model", [V2, QWEN, "unknown", None])
def test_weights_outside_of_the_range(model: str | None, weight: int) -> None:
    """A weight is 1 to 5, for every model."""
    with pytest.raises(InvalidOptionError, match=f"'a' has weight {weight}; allowed is 1 to 5"):
        check_limits(model, [HotWord("a", weight)])


def test_the_super_weight_is_for_some_models() -> None:
    """The weight 50 is allowed for qwen-audio, and for what is not known."""
    for model in (QWEN, "unknown", None):
        check_limits(model, [HotWord("a", 50)])
    for model in (V2, "fun-asr-realtime"):
        with pytest.raises(InvalidOptionError, match=r"weight 50; allowed is 1 to 5$"):
            check_limits(model, [HotWord("a", 50)])


def test_the_length_of_a_word() -> None:
    """A text in ASCII has at most 7 words, any other at most 15 characters."""
    check_limits(V2, [HotWord("a b c d e f g"), HotWord("云" * 15), HotWord("a" * 99)])
    with pytest.raises(InvalidOptionError, match="has more than 7 words"):
        check_limits(V2, [HotWord("a b c d e f g h")])
    for text in ("云" * 16, "é" + " b" * 8):
        with pytest.raises(InvalidOptionError, match="has more than 15 characters"):
            check_limits(V2, [HotWord(text)])


@pytest.mark.parametrize("model", MODELS)
def test_a_list_is_for_models_that_take_one(model: str) -> None:
    """A list for a model that takes no `vocabulary_id` is refused, naming those that do."""
    if "vocabulary_id" in MODELS[model].parameters:
        check_limits(model, words(1))
        return
    with pytest.raises(InvalidOptionError, match=f"{model} takes no vocabulary_id; {V2}, ") as e:
        check_limits(model, words(1))
    assert "target_model" == e.value.option


@pytest.mark.parametrize("prefix", ["", "a" * 10, "A", "a-b", "a b", "云", "a\n", None, 5])
def test_a_prefix_is_short_and_plain(prefix: object) -> None:
    """The prefix of an id is 1 to 9 lowercase letters and digits."""
    check_prefix("a1b2c3d4e")
    with pytest.raises(InvalidOptionError, match="1 to 9 lowercase letters and digits") as caught:
        check_prefix(prefix)
    assert "prefix" == caught.value.option
