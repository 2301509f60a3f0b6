"""
Kinds of values that hold words: hot words with their weights, words to filter.

Imports only checks, kinds and facts of this package.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import (
    is_whole,
    require_choice,
    require_flag,
    require_mapping,
    require_text,
    require_texts,
    shown,
)
from paraformer_async.options.kinds import Kind
from paraformer_async.options.service import (
    FILTERED_WORDS,
    SUPER_WEIGHT,
    SUPER_WORDS,
    VOCABULARY_WEIGHTS,
    VOCABULARY_WORDS,
)

__all__ = ["Filter", "Weights"]

_VOCABULARY = '{"Paraformer": 4}'
_LIST = '{"word_list": ["word"]}'
_FILTER = f'{{"filter_with_signed": {_LIST}}}'
_RESERVED = "system_reserved_filter"
_PARTS = ("filter_with_signed", "filter_with_empty", _RESERVED)


class Weights(Kind, frozen=True):
    """Hot words with their weights."""

    annotation: ClassVar[str] = "Mapping[str, int]"

    @property
    def limits(self) -> str:
        """The weights, and the number of words."""
        weights = f"{VOCABULARY_WEIGHTS[0]} to {VOCABULARY_WEIGHTS[-1]} or {SUPER_WEIGHT}"
        return f"weight {weights}; at most {VOCABULARY_WORDS} words"

    def check_type(self, name: str, value: object) -> None:
        """Check that it maps at least one word to an int."""
        for word, weight in _filled(name, value, _VOCABULARY).items():
            require_text(name, word)
            if not is_whole(weight):
                raise InvalidOptionError(
                    name, f"the weight of {shown(word)} is not an int: {shown(weight)}"
                )

    def check_limits(self, name: str, value: object) -> None:
        """Check each weight, and the number of words."""
        weights = _filled(name, value, _VOCABULARY)
        allowed = {*VOCABULARY_WEIGHTS, SUPER_WEIGHT}
        for word, weight in weights.items():
            if weight not in allowed:
                raise InvalidOptionError(
                    name, f"{shown(word)} has weight {shown(weight)}; allowed is {self.limits}"
                )
        _require_at_most(name, len(weights), VOCABULARY_WORDS, "words")
        supers = list(weights.values()).count(SUPER_WEIGHT)
        _require_at_most(name, supers, SUPER_WORDS, f"words of weight {SUPER_WEIGHT}")


class Filter(Kind, frozen=True):
    """Words to filter: an object of up to three parts, or its JSON text, as the SDK sends it."""

    annotation: ClassVar[str] = "Mapping[str, Any] | str"

    @property
    def limits(self) -> str:
        """The parts, and the number of words."""
        return f"{', '.join(_PARTS)}; at most {FILTERED_WORDS} words in a list"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is an object with at least one part."""
        _read(name, value)

    def check_limits(self, name: str, value: object) -> None:
        """Check each part, and the number of words in each list."""
        for part, content in _read(name, value).items():
            require_choice(name, part, _PARTS)
            if part == _RESERVED:
                require_flag(name, content)
            else:
                words = _filled(name, content, _LIST).get("word_list")
                count = len(require_texts(name, words, '["word"]'))
                _require_at_most(name, count, FILTERED_WORDS, f"words in {part}")


def _read(name: str, value: object) -> Mapping[Any, object]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (ValueError, RecursionError) as error:
            raise InvalidOptionError(name, f"{shown(value)} is not JSON: {error}") from error
    return _filled(name, value, _FILTER)


def _filled(name: str, value: object, example: str) -> Mapping[Any, object]:
    entries = require_mapping(name, value, f"a dict, like {example}")
    if not entries:
        raise InvalidOptionError(name, f"is empty; give it an entry, like {example}")
    return entries


def _require_at_most(name: str, count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidOptionError(name, f"at most {most} {what} are allowed, not {count}")
