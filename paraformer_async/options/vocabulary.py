"""
Hot words in lists, `vocabulary_id`: their limits, the same in the client and in the local service.

Imports only checks, models and facts of this package. Source: "Custom hot words", Alibaba Cloud
Model Studio.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import (
    is_whole,
    require_mapping,
    require_sequence,
    require_text,
    shown,
)
from paraformer_async.options.models import MODELS, taking
from paraformer_async.options.service import (
    LISTED_WORD_CHARACTERS,
    LISTED_WORD_TOKENS,
    LISTED_WORDS,
    SUPER_WEIGHT,
    VOCABULARY_PREFIX,
    VOCABULARY_WEIGHTS,
    VOCABULARY_WORDS,
)

__all__ = ["HotWord", "HotWords", "check_limits", "check_prefix", "hot_words_of", "id_with"]

_NAME = "vocabulary"
_EXAMPLE = '{"Paraformer": 4}'
_LONGER_LISTS = ("qwen-audio-", "fun-asr-")


class HotWord(Struct, frozen=True):
    """
    A word, or a few words, that the recognition is to expect.

    Attributes:
        text: The word as it is to be written.
        weight: How much it is preferred, 1 to 5; 50 is allowed for qwen-audio models.
        lang: Code of its language; `None` lets the service decide.
    """

    text: str
    weight: int = 4
    lang: str | None = None

    def to_dict(self) -> dict[str, str | int]:
        """Return the object that the service takes; a language that was not given is not in it."""
        known: dict[str, str | int] = {"text": self.text, "weight": self.weight}
        return known if self.lang is None else known | {"lang": self.lang}


HotWords = Mapping[str, int] | Sequence[HotWord]
"""Words with their weights, or, with languages, as `HotWord`."""


def hot_words_of(value: object) -> tuple[HotWord, ...]:
    """
    Return *value* as hot words: from a dict of weights, or a list of `HotWord` or of their JSON.

    Raises:
        InvalidOptionError: It is something else, or empty, or contains a word twice.
    """
    if isinstance(value, Mapping):
        words = [HotWord(text, weight) for text, weight in value.items()]
    else:
        entries = require_sequence(_NAME, value, f"a dict, like {_EXAMPLE}, or a list of HotWord")
        words = [entry if isinstance(entry, HotWord) else _from_json(entry) for entry in entries]
    if not words:
        raise InvalidOptionError(_NAME, f"is empty; give it a word, like {_EXAMPLE}")
    for word in words:
        _check_types(word)
    texts = [word.text for word in words]
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise InvalidOptionError(_NAME, f"{shown(twice)} is there twice")
    return tuple(words)


def check_limits(model: str | None, words: Sequence[HotWord]) -> None:
    """
    Check *words* against what a list for *model* may contain.

    Args:
        model: The model that the list is for; one that is not in the table, and `None`, have the
            widest limits.
        words: The words.

    Raises:
        InvalidOptionError: The model takes no lists, or there are too many words, or one of them is
            too long or has a weight that is not allowed.
    """
    row = MODELS.get(model or "")
    if row is not None and "vocabulary_id" not in row.parameters:
        others = ", ".join(taking("vocabulary_id"))
        raise InvalidOptionError("target_model", f"{model} takes no vocabulary_id; {others} do")
    is_longer = row is None or row.name.startswith(_LONGER_LISTS)
    most = VOCABULARY_WORDS if is_longer else LISTED_WORDS
    if len(words) > most:
        raise InvalidOptionError(
            _NAME, f"a list for {model} has at most {most} words, not {len(words)}"
        )
    weights = {*VOCABULARY_WEIGHTS}
    if row is None or "vocabulary" in row.parameters:
        weights.add(SUPER_WEIGHT)
    for word in words:
        _check_word(word, weights)


def check_prefix(value: object) -> None:
    """
    Check the prefix of the id of a list.

    Raises:
        InvalidOptionError: It is not 1 to 9 lowercase letters and digits.
    """
    if not isinstance(value, str) or not re.fullmatch(VOCABULARY_PREFIX, value):
        raise InvalidOptionError(
            "prefix", f"{shown(value)} is not 1 to 9 lowercase letters and digits"
        )


def id_with(prefix: str) -> str:
    """Return how the ids of lists with *prefix* begin."""
    return f"vocab-{prefix}-"


def _from_json(entry: object) -> HotWord:
    given = require_mapping(_NAME, entry, "a list of HotWord, or of objects like its fields")
    fields: dict[str, Any] = {
        name: given[name] for name in HotWord.__struct_fields__ if given.get(name) is not None
    }
    return HotWord(**{"text": "", **fields})


def _check_types(word: HotWord) -> None:
    require_text(_NAME, word.text)
    if not is_whole(word.weight):
        raise InvalidOptionError(
            _NAME, f"the weight of {shown(word.text)} is not an int: {shown(word.weight)}"
        )
    if word.lang is not None:
        require_text(_NAME, word.lang)


def _check_word(word: HotWord, weights: set[int]) -> None:
    text = word.text
    if word.weight not in weights:
        allowed = f"1 to {max(VOCABULARY_WEIGHTS)}"
        if SUPER_WEIGHT in weights:
            allowed += f" or {SUPER_WEIGHT}"
        raise InvalidOptionError(
            _NAME, f"{shown(text)} has weight {word.weight}; allowed is {allowed}"
        )
    if text.isascii():
        if len(text.split(" ")) > LISTED_WORD_TOKENS:
            raise InvalidOptionError(
                _NAME, f"{shown(text)} has more than {LISTED_WORD_TOKENS} words"
            )
    elif len(text) > LISTED_WORD_CHARACTERS:
        raise InvalidOptionError(
            _NAME,
            f"{shown(text)} has more than {LISTED_WORD_CHARACTERS} characters, the most for a "
            "text that is not all ASCII",
        )
