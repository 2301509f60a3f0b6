"""Lists of hot words as the service returns them."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from paraformer_async.errors import RemoteProtocolError
from paraformer_async.options.vocabulary import HotWord

__all__ = ["Vocabulary", "VocabularySummary", "summaries_in", "vocabulary_in"]

_READY = "OK"


class VocabularySummary(Struct, frozen=True, kw_only=True):
    """
    A list of hot words, without the words.

    Attributes:
        vocabulary_id: Its id, for `vocabulary_id=` of the recognizer.
        status: `OK` if it can be used.
        gmt_create: When it was created, as the service writes it.
        gmt_modified: When it was last changed, as the service writes it.
    """

    vocabulary_id: str
    status: str = ""
    gmt_create: str = ""
    gmt_modified: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether it can be used."""
        return self.status == _READY


class Vocabulary(VocabularySummary, frozen=True, kw_only=True):
    """
    A list of hot words.

    Attributes:
        target_model: The only model that it can be used with.
        vocabulary: The words.
    """

    target_model: str = ""
    vocabulary: tuple[HotWord, ...] = ()

    def contains_exactly(self, words: Sequence[HotWord]) -> bool:
        """Return whether it has these words, weights, and languages that are given."""
        found = {word.text: word for word in self.vocabulary}
        return len(found) == len(words) and all(
            (one := found.get(word.text)) is not None
            and one.weight == word.weight
            and word.lang in (None, one.lang)
            for word in words
        )


def summaries_in(output: Mapping[str, Any]) -> tuple[VocabularySummary, ...]:
    """
    Return the lists in the `output` of list_vocabulary.

    Raises:
        RemoteProtocolError: They cannot be read.
    """
    entries = output.get("vocabulary_list")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise RemoteProtocolError("the answer of the service has no list of vocabularies")
    return tuple(
        VocabularySummary(vocabulary_id=required_id(entry), **_state_in(entry)) for entry in entries
    )


def vocabulary_in(output: Mapping[str, Any], vocabulary_id: str) -> Vocabulary:
    """
    Return the list in the `output` of query_vocabulary.

    Raises:
        RemoteProtocolError: Its words cannot be read.
    """
    entries = output.get("vocabulary")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise RemoteProtocolError("the answer of the service has no list of words")
    return Vocabulary(
        vocabulary_id=vocabulary_id,
        target_model=_text(output.get("target_model")),
        vocabulary=tuple(map(_word_in, entries)),
        **_state_in(output),
    )


def required_id(output: Mapping[str, Any]) -> str:
    """
    Return the id in *output*.

    Raises:
        RemoteProtocolError: There is none.
    """
    found = output.get("vocabulary_id")
    if not isinstance(found, str) or not found:
        raise RemoteProtocolError("the answer of the service has no vocabulary_id")
    return found


def _word_in(entry: Mapping[str, Any]) -> HotWord:
    weight = entry.get("weight")
    return HotWord(
        _text(entry.get("text")),
        int(weight) if isinstance(weight, int | float) else 0,
        _text(entry.get("lang")) or None,
    )


def _state_in(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(entry.get(name)) for name in ("status", "gmt_create", "gmt_modified")}


def _text(value: object) -> str:
    """Return *value* if it is text: a field that only informs is never an error."""
    return value if isinstance(value, str) else ""
