"""The actions of the service on lists of hot words, as documented; nothing is checked here."""

from collections.abc import Callable, Sequence
from typing import Any

from paraformer_async.account.calls import Caller
from paraformer_async.account.lists import (
    Vocabulary,
    VocabularySummary,
    required_id,
    summaries_in,
    vocabulary_in,
)
from paraformer_async.errors import RemoteProtocolError
from paraformer_async.options.service import CUSTOMIZATION_MODEL, CUSTOMIZATION_PATH
from paraformer_async.options.vocabulary import HotWord

__all__ = ["Actions"]

_PAGE_SIZE = 10
_MOST_PAGES = 10
_RETRIES = 3


class Actions:
    """
    Sends one action after another.

    Args:
        caller: Sends requests.
        backoff: Returns the seconds to wait after so many failures of an action that only reads.
    """

    def __init__(self, caller: Caller, backoff: Callable[[int], float]) -> None:
        self._caller = caller
        self._backoff = backoff

    async def create(self, words: Sequence[HotWord], target_model: str, prefix: str) -> str:
        """Create a list, and return its id."""
        output = await self._write(
            {
                "action": "create_vocabulary",
                "target_model": target_model,
                "prefix": prefix,
                "vocabulary": [word.to_dict() for word in words],
            }
        )
        return required_id(output)

    async def all(self, prefix: str | None) -> tuple[VocabularySummary, ...]:
        """Return all lists, or those with *prefix*, page by page."""
        given: dict[str, Any] = {"action": "list_vocabulary", "page_size": _PAGE_SIZE}
        if prefix is not None:
            given["prefix"] = prefix
        found: dict[str, VocabularySummary] = {}
        for index in range(_MOST_PAGES):
            page = summaries_in(await self._read({**given, "page_index": index}))
            before = len(found)
            found |= {one.vocabulary_id: one for one in page}
            if len(page) < _PAGE_SIZE or len(found) == before:
                break
        return tuple(found.values())

    async def query(self, vocabulary_id: str) -> Vocabulary:
        """Return a list with its words."""
        given = {"action": "query_vocabulary", "vocabulary_id": vocabulary_id}
        return vocabulary_in(await self._read(given), vocabulary_id)

    async def update(self, vocabulary_id: str, words: Sequence[HotWord]) -> None:
        """Replace the words of a list."""
        await self._write(
            {
                "action": "update_vocabulary",
                "vocabulary_id": vocabulary_id,
                "vocabulary": [word.to_dict() for word in words],
            }
        )

    async def delete(self, vocabulary_id: str) -> None:
        """Delete a list."""
        await self._write({"action": "delete_vocabulary", "vocabulary_id": vocabulary_id})

    async def _read(self, given: dict[str, Any]) -> dict[str, Any]:
        answer = await self._caller.read(
            CUSTOMIZATION_PATH, _document(given), retries=_RETRIES, backoff=self._backoff
        )
        return _output_in(answer)

    async def _write(self, given: dict[str, Any]) -> dict[str, Any]:
        answer = await self._caller.post(CUSTOMIZATION_PATH, document=_document(given))
        return _output_in(answer)


def _document(given: dict[str, Any]) -> dict[str, Any]:
    return {"model": CUSTOMIZATION_MODEL, "input": given}


def _output_in(answer: dict[str, Any]) -> dict[str, Any]:
    output = answer.get("output")
    if output is not None and not isinstance(output, dict):
        raise RemoteProtocolError("the answer of the service has an output that is no object")
    return output or {}
