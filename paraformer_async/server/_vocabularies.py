"""The lists of hot words of the local service, in memory, with the limits of the service."""

import math
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.service import VOCABULARY_LISTS, VOCABULARY_UPDATE_INTERVAL
from paraformer_async.options.vocabulary import (
    HotWord,
    check_limits,
    check_prefix,
    hot_words_of,
    id_with,
)
from paraformer_async.server._refusals import RefusedRequest

__all__ = ["VocabularyStore"]

_PAGE_SIZE = 10
_LARGEST_PAGE = 1000


class StoredVocabulary(Struct):
    """A list: what it is for, what is in it, and when that changed."""

    vocabulary_id: str
    target_model: str
    words: tuple[HotWord, ...]
    created: float
    modified: float


class VocabularyStore:
    """
    Answers the actions of the service on lists of hot words.

    Args:
        clock: Unix time in seconds.
        deployment: Seconds from a change until the status of a list is `OK`.
    """

    def __init__(self, clock: Callable[[], float], deployment: float = 0.0) -> None:
        self._clock = clock
        self._deployment = deployment
        self._lists: dict[str, StoredVocabulary] = {}
        self._actions: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
            "create_vocabulary": self._create,
            "list_vocabulary": self._list,
            "query_vocabulary": self._query,
            "update_vocabulary": self._update,
            "delete_vocabulary": self._delete,
        }

    def answer(self, given: Mapping[str, Any]) -> dict[str, object]:
        """
        Return the `output` for the `input` of a request.

        Raises:
            RefusedRequest: The action is unknown, a value is invalid, or a limit is exceeded.
        """
        action = given.get("action")
        if not isinstance(action, str) or action not in self._actions:
            raise _invalid(f"action must be one of {', '.join(self._actions)}.")
        try:
            return self._actions[action](given)
        except InvalidOptionError as error:
            raise _invalid(str(error)) from error

    def _create(self, given: Mapping[str, Any]) -> dict[str, object]:
        model, prefix = given.get("target_model"), given.get("prefix")
        if not isinstance(model, str) or not model:
            raise _invalid("target_model is required.")
        check_prefix(prefix)
        words = hot_words_of(given.get("vocabulary"))
        check_limits(model, words)
        if len(self._lists) >= VOCABULARY_LISTS:
            raise _invalid(f"an account has at most {VOCABULARY_LISTS} vocabularies.")
        name, now = f"{id_with(str(prefix))}{uuid.uuid4().hex}", self._clock()
        self._lists[name] = StoredVocabulary(name, model, words, now, now)
        return {"vocabulary_id": name}

    def _list(self, given: Mapping[str, Any]) -> dict[str, object]:
        prefix = given.get("prefix")
        if prefix is not None:
            check_prefix(prefix)
        index = _whole(given, "page_index", default=0, most=_LARGEST_PAGE)
        size = _whole(given, "page_size", default=_PAGE_SIZE, most=_LARGEST_PAGE)
        begin = "" if prefix is None else id_with(prefix)
        found = [one for one in self._lists.values() if one.vocabulary_id.startswith(begin)]
        page = found[index * size : (index + 1) * size]
        return {
            "vocabulary_list": [
                {"vocabulary_id": one.vocabulary_id, **self._state_of(one)} for one in page
            ]
        }

    def _query(self, given: Mapping[str, Any]) -> dict[str, object]:
        found = self._found(given)
        words = [word.to_dict() for word in found.words]
        return {"target_model": found.target_model, "vocabulary": words, **self._state_of(found)}

    def _update(self, given: Mapping[str, Any]) -> dict[str, object]:
        found = self._found(given)
        words = hot_words_of(given.get("vocabulary"))
        check_limits(found.target_model, words)
        now = self._clock()
        left = found.modified + VOCABULARY_UPDATE_INTERVAL - now
        if left > 0 and found.modified > found.created:
            raise RefusedRequest(
                429,
                "Throttling.RateQuota",
                "the vocabulary was updated less than 5 minutes ago.",
                retry_after=math.ceil(left),
            )
        found.words, found.modified = words, now
        return {}

    def _delete(self, given: Mapping[str, Any]) -> dict[str, object]:
        del self._lists[self._found(given).vocabulary_id]
        return {}

    def _found(self, given: Mapping[str, Any]) -> StoredVocabulary:
        name = given.get("vocabulary_id")
        found = self._lists.get(name) if isinstance(name, str) else None
        if found is None:
            raise RefusedRequest(
                400, "BadRequest.ResourceNotExist", "The required resource not exist."
            )
        return found

    def _state_of(self, found: StoredVocabulary) -> dict[str, object]:
        is_ready = self._clock() >= found.modified + self._deployment
        return {
            "status": "OK" if is_ready else "UNDEPLOYED",
            "gmt_create": _written(found.created),
            "gmt_modified": _written(found.modified),
        }


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _whole(given: Mapping[str, Any], name: str, *, default: int, most: int) -> int:
    value = given.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise _invalid(f"{name} must be a whole number from 0 to {most}.")
    return value


def _invalid(message: str) -> RefusedRequest:
    return RefusedRequest(400, "InvalidParameter", message)
