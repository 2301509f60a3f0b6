"""The account, as a program sees it that uses it. Checked for its types only, never run."""

from typing import assert_type

from paraformer_async import AsyncRecognizer
from paraformer_async.account import (
    HotWord,
    IssuedToken,
    TemporaryToken,
    Vocabulary,
    VocabularyClient,
    VocabularySummary,
    create_temporary_token,
)


async def hot_words() -> None:
    """Every method has its own type of result."""
    async with VocabularyClient(region="cn-beijing", timeout=5.0) as client:
        assert_type(client, VocabularyClient)
        assert_type(await client.create({"a": 4}), str)
        assert_type(await client.list(), tuple[VocabularySummary, ...])
        found = await client.ensure([HotWord("a", 4, "en")], target_model="m", wait=1.0)
        assert_type(found, Vocabulary)
        assert_type(found.vocabulary, tuple[HotWord, ...])
        assert_type(found.is_ready, bool)
        await client.update(found.vocabulary_id, {"a": 4})


async def tokens() -> None:
    """A token that renews itself is an API key."""
    issued = await create_temporary_token(expires_in=60, api_key=lambda: "key")
    assert_type(issued, IssuedToken)
    assert_type((issued.token, issued.expires_at), tuple[str, int])
    AsyncRecognizer(api_key=TemporaryToken(expires_in=300, workspace="w"))


async def mistakes() -> None:
    """A wrong name or type is found by the type checker: each of these is an error of its own."""
    VocabularyClient(key="k")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    TemporaryToken("60")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
