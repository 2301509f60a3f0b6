"""
`VocabularyClient`: lists of hot words, checked, reused by content, and waited for.

Source: "Custom hot words", Alibaba Cloud Model Studio.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self, Unpack

import anyio

from paraformer_async._client.entering import Enterable
from paraformer_async.account.access import Access, AccessOptions
from paraformer_async.account.actions import Actions
from paraformer_async.account.calls import calling
from paraformer_async.account.lists import Vocabulary, VocabularySummary
from paraformer_async.errors import DeadlineError, RequestError, UsageError
from paraformer_async.options.checks import require_function, require_seconds, require_text
from paraformer_async.options.policies import full_jitter
from paraformer_async.options.service import VOCABULARY_UPDATE_INTERVAL
from paraformer_async.options.vocabulary import (
    HotWord,
    HotWords,
    check_limits,
    check_prefix,
    hot_words_of,
    id_with,
)

__all__ = ["VocabularyClient"]

_MODEL = "paraformer-realtime-v2"
_PREFIX = "words"
_MISSING = "BadRequest.ResourceNotExist"


class VocabularyClient(Enterable):
    """
    A client for lists of hot words, which `vocabulary_id=` of the recognizer names.

        async with VocabularyClient() as hot_words:
            vocabulary = await hot_words.ensure({"Paraformer": 4, "Alibaba": 3})

    Words are a dict of weights, 1 to 5, or a list of `HotWord`. What the service limits is checked
    before anything is sent: at most 500 words (2000 for qwen-audio and fun-asr), each of at most 15
    characters, or 7 words in ASCII. An account has at most 10 lists. Qwen-audio models take words
    in the call, too: `AsyncRecognizer(vocabulary={"word": 4})` needs no list.

    Any number of tasks may use it. Requests that only read are repeated up to three times if that
    may help, and a Retry-After of up to 60 s is honored; what changes a list is sent once. In every
    method, cancellation is safe: nothing is left open, but the service may have acted on a request
    that was on its way.

    Args:
        backoff: Returns the seconds to wait after so many failures, and between two looks at a list
            that is not ready.
        access: See `AccessOptions`.

    Raises:
        InvalidOptionError: An option cannot work.
    """

    def __init__(
        self, *, backoff: Callable[[int], float] = full_jitter, **access: Unpack[AccessOptions]
    ) -> None:
        require_function("backoff", backoff, "the number of failures")
        self._access = Access(**access)
        self._backoff = backoff
        self._actions: Actions | None = None
        self._ensuring = anyio.Lock()
        self._updated: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<VocabularyClient {'open' if self._actions else 'closed'} {self._access!r}>"

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        async with calling(self._access) as caller:
            self._actions = Actions(caller, self._backoff)
            try:
                yield self
            finally:
                self._actions = None

    async def create(
        self, words: HotWords, *, target_model: str = _MODEL, prefix: str = _PREFIX
    ) -> str:
        """
        Create a list, and return its id. It can be used once its status is `OK`; see `ensure`.

        Args:
            words: The words.
            target_model: The only model that the list can be used with.
            prefix: Part of the id, 1 to 9 lowercase letters and digits.

        Raises:
            InvalidOptionError: A limit is exceeded; nothing was sent.
            RequestError: The service refused, for example an eleventh list.
            ServiceError: The service could not be reached.
        """
        checked = _checked(words, target_model, prefix)
        return await self._opened().create(checked, target_model, prefix)

    async def list(self, prefix: str | None = None) -> tuple[VocabularySummary, ...]:
        """
        Return all lists of the account, or those with *prefix*.

        Raises:
            InvalidOptionError: The prefix is invalid.
            ServiceError: The service refused, or could not be reached.
        """
        if prefix is not None:
            check_prefix(prefix)
        return await self._opened().all(prefix)

    async def query(self, vocabulary_id: str) -> Vocabulary:
        """
        Return a list with its words and its status.

        Raises:
            RequestError: The service refused, for example an unknown id.
            ServiceError: The service could not be reached.
        """
        require_text("vocabulary_id", vocabulary_id)
        return await self._opened().query(vocabulary_id)

    async def update(self, vocabulary_id: str, words: HotWords) -> None:
        """
        Replace the words of a list. There must be 5 minutes between two updates.

        The list is queried first, because its model decides what it may contain.

        Raises:
            InvalidOptionError: A limit is exceeded; nothing was changed.
            UsageError: This client has updated the list less than 5 minutes ago.
            RequestError: The service refused.
            ServiceError: The service could not be reached.
        """
        require_text("vocabulary_id", vocabulary_id)
        checked = hot_words_of(words)
        self._require_interval(vocabulary_id)
        check_limits((await self.query(vocabulary_id)).target_model, checked)
        await self._opened().update(vocabulary_id, checked)
        self._updated[vocabulary_id] = time.monotonic()

    async def delete(self, vocabulary_id: str) -> None:
        """
        Delete a list.

        Raises:
            RequestError: The service refused, for example an unknown id.
            ServiceError: The service could not be reached.
        """
        require_text("vocabulary_id", vocabulary_id)
        await self._opened().delete(vocabulary_id)

    async def ensure(
        self,
        words: HotWords,
        *,
        target_model: str = _MODEL,
        prefix: str = _PREFIX,
        wait: float = 60.0,
    ) -> Vocabulary:
        """
        Return a list with exactly these words that is ready for use; create it if there is none.

        An existing list is reused if it has the same prefix, model, words and weights, in any
        order. Two tasks with one client create one list; two processes may create two.

        Args:
            words: The words.
            target_model: The only model that the list can be used with.
            prefix: Part of the id, 1 to 9 lowercase letters and digits.
            wait: Seconds to wait, at most, until the list can be used.

        Raises:
            InvalidOptionError: A limit is exceeded; nothing was sent.
            DeadlineError: The list was not ready in time; it exists, so a later call continues.
            RequestError: The service refused, for example an eleventh list.
            ServiceError: The service could not be reached.
        """
        checked = _checked(words, target_model, prefix)
        require_seconds("wait", wait)
        async with self._ensuring:
            found = await self._find(checked, target_model, prefix)
            if found is not None and found.is_ready:
                return found
            if found is None:
                name = await self._opened().create(checked, target_model, prefix)
            else:
                name = found.vocabulary_id
        with anyio.move_on_after(wait):
            return await self._ready(name)
        raise DeadlineError("ready", wait)

    async def _find(
        self, words: Sequence[HotWord], target_model: str, prefix: str
    ) -> Vocabulary | None:
        """Return the list with these words that is ready, or else any list with these words."""
        others: Vocabulary | None = None
        for one in await self.list(prefix):
            if not one.vocabulary_id.startswith(id_with(prefix)):  # "words2" begins with "words"
                continue
            try:
                found = await self.query(one.vocabulary_id)
            except RequestError as error:
                if error.error_code != _MISSING:  # deleted meanwhile
                    raise
                continue
            if found.target_model == target_model and found.contains_exactly(words):
                if found.is_ready:
                    return found
                others = found
        return others

    async def _ready(self, vocabulary_id: str) -> Vocabulary:
        looks = 0
        while not (found := await self._opened().query(vocabulary_id)).is_ready:
            looks += 1
            await anyio.sleep(self._backoff(looks))
        return found

    def _opened(self) -> Actions:
        if self._actions is None:
            raise UsageError(
                "the client is not open", hint="async with VocabularyClient() as hot_words: …"
            )
        return self._actions

    def _require_interval(self, vocabulary_id: str) -> None:
        passed = time.monotonic() - self._updated.get(vocabulary_id, float("-inf"))
        if passed < VOCABULARY_UPDATE_INTERVAL:
            raise UsageError(
                f"{vocabulary_id} was updated {passed:.0f} s ago; there must be "
                f"{VOCABULARY_UPDATE_INTERVAL:.0f} s between two updates",
                hint=f"wait {VOCABULARY_UPDATE_INTERVAL - passed:.0f} s, or create another list",
            )


def _checked(words: HotWords, target_model: str, prefix: str) -> tuple[HotWord, ...]:
    checked = hot_words_of(words)
    require_text("target_model", target_model)
    check_limits(target_model, checked)
    check_prefix(prefix)
    return checked
