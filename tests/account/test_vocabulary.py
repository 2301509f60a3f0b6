"""Lists of hot words, over real HTTP against the local service and against odd services."""

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any, get_type_hints

import anyio
import pytest
from aiohttp import web

from paraformer_async import (
    AuthenticationError,
    DeadlineError,
    InvalidOptionError,
    RemoteProtocolError,
    RequestError,
    UsageError,
)
from paraformer_async.account import (
    HotWord,
    TemporaryToken,
    Vocabulary,
    VocabularyClient,
    VocabularySummary,
)
from paraformer_async.account.access import Access, AccessOptions
from paraformer_async.server import LocalServer
from tests.account.conftest import KEY
from tests.account.far_end import FarEnd, answering, refusal, success
from tests.client.clock import Clock
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop

V2 = "paraformer-realtime-v2"
WORDS = {"云": 5, "cloud": 1}
LISTS = success({"output": {"vocabulary_list": []}})


def no_wait(_: int) -> float:
    """Retry at once."""
    return 0.0


@pytest.fixture
async def hot_words(server: LocalServer, clock: Clock) -> AsyncIterator[VocabularyClient]:
    """An open client; each wait between two looks takes 3 s of the service's clock."""

    def wait(_: int) -> float:
        clock.now += 3.0
        return 0.0

    async with VocabularyClient(endpoint=server.url, api_key=KEY, backoff=wait) as client:
        yield client


def client_of(far_end: FarEnd, **options: Any) -> VocabularyClient:
    """Return a client of an odd service that retries at once."""
    return VocabularyClient(endpoint=far_end.url, api_key=KEY, backoff=no_wait, **options)


# --- The life of a list ----------------------------------------------------------------------


async def test_the_life_of_a_list(hot_words: VocabularyClient, clock: Clock) -> None:
    """A list is created, listed, queried, updated and deleted, with typed results."""
    name = await hot_words.create(WORDS, prefix="a1")
    assert name.startswith("vocab-a1-")
    clock.now += 5
    found = await hot_words.query(name)
    assert (HotWord("云", 5), HotWord("cloud", 1)) == found.vocabulary
    assert (name, V2, "OK", True) == (
        found.vocabulary_id,
        found.target_model,
        found.status,
        found.is_ready,
    )
    (listed,) = await hot_words.list()
    assert name == listed.vocabulary_id
    assert found.gmt_create == listed.gmt_create
    await hot_words.update(name, [HotWord("cloud", 2, "en")])
    updated = await hot_words.query(name)
    assert (HotWord("cloud", 2, "en"),) == updated.vocabulary
    assert not updated.is_ready
    await hot_words.delete(name)
    assert () == await hot_words.list()


async def test_lists_by_prefix(hot_words: VocabularyClient) -> None:
    """All ten lists are returned, or those with a prefix."""
    names = [await hot_words.create(WORDS, prefix="a") for _ in range(7)]
    others = [await hot_words.create(WORDS, prefix="b") for _ in range(3)]
    assert [*names, *others] == [one.vocabulary_id for one in await hot_words.list()]
    assert others == [one.vocabulary_id for one in await hot_words.list("b")]
    assert () == await hot_words.list("c")


async def test_an_eleventh_list(hot_words: VocabularyClient) -> None:
    """The limit of lists is the account's: the service refuses, and the error says why."""
    for _ in range(10):
        await hot_words.create(WORDS)
    with pytest.raises(RequestError, match="at most 10 vocabularies") as caught:
        await hot_words.create(WORDS)
    assert (400, "InvalidParameter") == (caught.value.status, caught.value.error_code)
    assert caught.value.request_id


async def test_a_list_that_does_not_exist(hot_words: VocabularyClient) -> None:
    """An unknown id is refused with a hint, and nothing is repeated."""
    for call in (
        hot_words.query("vocab-x"),
        hot_words.delete("vocab-x"),
        hot_words.update("vocab-x", WORDS),
    ):
        with pytest.raises(RequestError, match="check the id") as caught:
            await call
        assert "BadRequest.ResourceNotExist" == caught.value.error_code


async def test_two_updates_need_five_minutes_between(
    hot_words: VocabularyClient, clock: Clock
) -> None:
    """A second update of one client is refused before anything is sent; another list is not."""
    first, second = await hot_words.create(WORDS), await hot_words.create(WORDS)
    await hot_words.update(first, {"a": 1})
    with pytest.raises(UsageError, match="there must be 300 s between two updates"):
        await hot_words.update(first, {"b": 1})
    await hot_words.update(second, {"b": 1})
    assert (HotWord("a", 1),) == (await hot_words.query(first)).vocabulary
    clock.now += 300
    hot_words._updated[first] -= 300
    await hot_words.update(first, {"b": 1})
    assert (HotWord("b", 1),) == (await hot_words.query(first)).vocabulary


async def test_an_update_by_another_client(server: LocalServer, clock: Clock) -> None:
    """The service refuses a second update, too, and says when it may succeed."""
    async with VocabularyClient(endpoint=server.url, api_key=KEY) as one:
        name = await one.create(WORDS)
        clock.now += 1
        await one.update(name, {"a": 1})
    async with VocabularyClient(endpoint=server.url, api_key=KEY) as other:
        with pytest.raises(RequestError) as caught:
            await other.update(name, {"b": 1})
    assert (300.0, True) == (caught.value.retry_after, caught.value.is_throttled)


# --- What is refused before anything is sent -------------------------------------------------

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"words": {}}, "vocabulary", "is empty"),
    ({"words": {"a": 6}}, "vocabulary", "allowed is 1 to 5"),
    ({"words": {f"w{n}": 1 for n in range(501)}}, "vocabulary", "at most 500 words"),
    ({"words": {"云" * 16: 1}}, "vocabulary", "more than 15 characters"),
    ({"target_model": "paraformer-realtime-v1"}, "target_model", "takes no vocabulary_id"),
    ({"target_model": ""}, "target_model", "must be text"),
    ({"prefix": "Hot"}, "prefix", "lowercase letters"),
    ({"prefix": ""}, "prefix", "lowercase letters"),
]


@pytest.mark.parametrize(
    ("changes", "option", "expected"), WRONG, ids=lambda value: str(value)[:40]
)
@pytest.mark.parametrize("method", ["create", "ensure"])
async def test_limits_are_checked_before_sending(
    method: str, changes: dict[str, Any], option: str, expected: str
) -> None:
    """What exceeds a limit is refused by its name, and no request is made."""
    async with answering(LISTS) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(InvalidOptionError, match=expected) as caught:
            await getattr(hot_words, method)(**({"words": WORDS} | changes))
    assert option == caught.value.option
    assert [] == far_end.actions


async def test_an_update_is_checked_against_the_model_of_the_list() -> None:
    """What may be in a list depends on its model, which is queried; nothing is written then."""
    found = {"target_model": V2, "vocabulary": [], "status": "OK"}
    async with answering(success({"output": found})) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(InvalidOptionError, match="weight 50"):
            await hot_words.update("vocab-x", {"a": 50})
        with pytest.raises(InvalidOptionError, match="is empty"):
            await hot_words.update("vocab-x", {})
    assert ["query_vocabulary"] == far_end.actions


async def test_ids_and_prefixes_are_checked() -> None:
    """An id must be text, and a prefix must be one."""
    async with answering(LISTS) as far_end, client_of(far_end) as hot_words:
        for call in (
            hot_words.query(""),
            hot_words.delete(5),  # type: ignore[arg-type]
            hot_words.update([], WORDS),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidOptionError, match="vocabulary_id"):
                await call
        with pytest.raises(InvalidOptionError, match="prefix"):
            await hot_words.list("A-B")
        with pytest.raises(InvalidOptionError, match="wait"):
            await hot_words.ensure(WORDS, wait=0)
    assert [] == far_end.actions


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"endpoint": "ftp://h"}, "endpoint"),
        ({"endpoint": "https://user:secret@h/api/v1"}, "endpoint"),
        ({"region": "a b"}, "region"),
        ({"workspace": "a.b"}, "workspace"),
        ({"api_key": ""}, "api_key"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"proxy": "socks://h"}, "proxy"),
        ({"ssl": True}, "ssl"),
        ({"timeout": 0}, "timeout"),
        ({"backoff": 1.0}, "backoff"),
    ],
    ids=str,
)
def test_options_that_cannot_work(options: dict[str, Any], option: str) -> None:
    """Options are checked on creation, by the same checks as the recognizer's."""
    with pytest.raises(InvalidOptionError) as caught:
        VocabularyClient(**options)
    assert option == caught.value.option
    assert "secret" not in str(caught.value)


def test_the_options_are_spelled_out() -> None:
    """`AccessOptions` has every option, with the same type and in the same order."""
    where = {"SSLContext": ssl.SSLContext}
    spelled, expected = (
        list(get_type_hints(one, localns=where).items()) for one in (AccessOptions, Access)
    )
    assert expected == spelled


async def test_a_client_must_be_open() -> None:
    """Outside of `async with`, there is an error that shows how to enter."""
    client = VocabularyClient(api_key=KEY)
    with pytest.raises(UsageError, match="async with VocabularyClient"):
        await client.list()
    async with client:
        assert "open" in repr(client)
        with pytest.raises(UsageError, match="already been entered"):
            async with client:
                pass
    assert "closed" in repr(client)
    with pytest.raises(UsageError, match="not open"):
        await client.list()


# --- Making sure that there is a list --------------------------------------------------------


async def test_ensure_creates_a_list_and_waits(hot_words: VocabularyClient, clock: Clock) -> None:
    """Without such a list, one is created, and returned once it can be used."""
    vocabulary = await hot_words.ensure(WORDS)
    assert vocabulary.is_ready
    assert clock.now >= 5
    assert vocabulary == await hot_words.query(vocabulary.vocabulary_id)


async def test_ensure_reuses_a_list_by_its_content(hot_words: VocabularyClient) -> None:
    """A list with the same words in any order is reused, also while it is being deployed."""
    first = await hot_words.create(WORDS)
    again = await hot_words.ensure({"cloud": 1, "云": 5})
    assert (first, first) == (
        again.vocabulary_id,
        (await hot_words.ensure(WORDS)).vocabulary_id,
    )
    assert 1 == len(await hot_words.list())


@pytest.mark.parametrize(
    "changes",
    [
        {"words": {"云": 5, "cloud": 2}},
        {"words": {"云": 5}},
        {"words": {**WORDS, "more": 1}},
        {"words": [HotWord("云", 5), HotWord("cloud", 1, "en")]},
        {"target_model": "paraformer-realtime-8k-v2"},
        {"prefix": "other"},
        {"prefix": "word"},
    ],
    ids=str,
)
async def test_ensure_creates_another_list_for_anything_else(
    hot_words: VocabularyClient, changes: dict[str, Any]
) -> None:
    """Another weight, word, language, model or prefix needs another list."""
    first = await hot_words.ensure(WORDS)
    second = await hot_words.ensure(**({"words": WORDS} | changes))
    assert first.vocabulary_id != second.vocabulary_id


async def test_tasks_that_ensure_the_same_words_create_one_list(
    hot_words: VocabularyClient,
) -> None:
    """Of concurrent calls with the same words, one creates the list, and all return it."""
    found: list[str] = []

    async def ensure() -> None:
        found.append((await hot_words.ensure(WORDS)).vocabulary_id)

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ensure)
    assert 10 == len(found)
    assert 1 == len(set(found)) == len(await hot_words.list())


async def test_a_temporary_token_that_is_refused_is_replaced() -> None:
    """One that the service has forgotten is replaced once; a refusal of the next one is raised."""
    first, second = (success({"token": f"st-{number}", "expires_at": 2**40}) for number in (1, 2))
    refused = refusal(401, "InvalidApiKey")
    for last in (LISTS, refused):
        async with answering(first, refused, second, last) as far_end:
            token = TemporaryToken(endpoint=far_end.url, api_key=KEY)
            async with VocabularyClient(endpoint=far_end.url, api_key=token) as hot_words:
                if last is LISTS:
                    assert () == await hot_words.list()
                else:
                    with pytest.raises(AuthenticationError, match="another account or region"):
                        await hot_words.list()
        asked = ["/api/v1/tokens", "list_vocabulary"]
        assert asked * 2 == far_end.actions
        assert ["KEY", "st-1", "KEY", "st-2"] == [
            key.removeprefix("Bearer ").replace(KEY, "KEY") for key in far_end.keys
        ]


async def test_a_list_that_is_never_ready() -> None:
    """The wait for a list is bounded, and its error names the setting."""
    state = {"target_model": V2, "vocabulary": [{"text": "a", "weight": 4}], "status": "FAILED"}
    answers = [LISTS, success({"output": {"vocabulary_id": "v"}}), success({"output": state})]
    async with answering(*answers) as far_end, client_of(far_end) as hot_words:
        with anyio.fail_after(10), pytest.raises(DeadlineError, match=r"ensure\(wait=…\)") as late:
            await hot_words.ensure({"a": 4}, wait=0.05)
    assert ("ready", 0.05) == (late.value.phase, late.value.seconds)
    assert ["list_vocabulary", "create_vocabulary"] == far_end.actions[:2]


async def test_a_list_that_is_deleted_while_it_is_looked_at() -> None:
    """A list that another process deletes between listing and querying is passed over."""
    listed = {"vocabulary_list": [{"vocabulary_id": "vocab-words-gone"}]}
    state = {"target_model": V2, "vocabulary": [], "status": "OK"}
    answers = [
        success({"output": listed}),
        refusal(400, "BadRequest.ResourceNotExist"),
        success({"output": {"vocabulary_id": "new"}}),
        success({"output": state}),
    ]
    async with answering(*answers) as far_end, client_of(far_end) as hot_words:
        assert "new" == (await hot_words.ensure(WORDS)).vocabulary_id


async def test_another_refusal_while_looking_at_lists() -> None:
    """Any other refusal of a query ends the call, and no list is created."""
    listed = success({"output": {"vocabulary_list": [{"vocabulary_id": "vocab-words-v"}]}})
    answers = [listed, refusal(400, "InvalidParameter")]
    async with answering(*answers) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(RequestError, match="InvalidParameter"):
            await hot_words.ensure(WORDS)
    assert "create_vocabulary" not in far_end.actions


async def test_a_list_of_a_longer_prefix_is_another_one() -> None:
    """If the service returns lists whose prefix only begins like the given one, none is reused."""
    listed = {"vocabulary_list": [{"vocabulary_id": "vocab-words2-a"}]}
    state = {"target_model": V2, "vocabulary": [{"text": "a", "weight": 4}], "status": "OK"}
    answers = [
        success({"output": listed}),
        success({"output": {"vocabulary_id": "vocab-words-a"}}),
        success({"output": state}),
    ]
    async with answering(*answers) as far_end, client_of(far_end) as hot_words:
        assert "vocab-words-a" == (await hot_words.ensure({"a": 4})).vocabulary_id
    assert ["list_vocabulary", "create_vocabulary", "query_vocabulary"] == far_end.actions


# --- Failures --------------------------------------------------------------------------------


async def test_what_only_reads_is_repeated() -> None:
    """A request that only reads is repeated after a failure that may pass, three times at most."""
    async with answering(refusal(503), refusal(500), LISTS) as far_end:
        async with client_of(far_end) as hot_words:
            assert () == await hot_words.list()
    assert 3 == len(far_end.actions)
    async with answering(refusal(503)) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(RequestError, match="HTTP 503"):
            await hot_words.list()
    assert 4 == len(far_end.actions)


@pytest.mark.parametrize(
    "call",
    [
        lambda hot_words: hot_words.create(WORDS),
        lambda hot_words: hot_words.delete("v"),
    ],
    ids=["create", "delete"],
)
async def test_what_changes_a_list_is_sent_once(call: Callable[[VocabularyClient], Any]) -> None:
    """A request that changes a list is never repeated: the service may have acted on it."""
    async with answering(refusal(503, retry_after="1")) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(RequestError) as caught:
            await call(hot_words)
    assert (1, 1.0, True) == (
        len(far_end.actions),
        caught.value.retry_after,
        caught.value.retryable,
    )


async def test_a_short_retry_after_is_honored(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the service asks for is waited for, if it is longer than the own backoff."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("paraformer_async.account.calls.anyio.sleep", sleep)
    async with answering(refusal(429, retry_after="60"), LISTS) as far_end:
        async with client_of(far_end) as hot_words:
            assert () == await hot_words.list()
    assert [60.0] == waits


async def test_a_long_retry_after_is_not_waited_for() -> None:
    """A wait of more than a minute is left to the user, with the seconds as a fact."""
    async with answering(refusal(429, retry_after="61")) as far_end:
        async with client_of(far_end) as hot_words:
            with pytest.raises(RequestError) as caught:
                await hot_words.list()
    assert (1, 61.0) == (len(far_end.actions), caught.value.retry_after)


async def test_a_refused_key(server: LocalServer) -> None:
    """A wrong key is an `AuthenticationError`, is not repeated, and is never shown."""
    async with VocabularyClient(endpoint=server.url, api_key="sk-wrong-key") as hot_words:
        with pytest.raises(
            AuthenticationError, match=r"refused the request.*check api_key="
        ) as caught:
            await hot_words.list()
    assert "sk-wrong" not in str(caught.value) + repr(caught.value)


async def test_a_missing_key() -> None:
    """Without any key, nothing is sent, and the error says how to pass one."""
    async with answering(LISTS) as far_end:
        async with VocabularyClient(endpoint=far_end.url) as hot_words:
            with pytest.raises(InvalidOptionError, match="DASHSCOPE_API_KEY"):
                await hot_words.list()
    assert [] == far_end.actions


async def test_a_service_that_does_not_answer() -> None:
    """A request is bounded in time; the error names the setting."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        client = VocabularyClient(
            endpoint=f"http://127.0.0.1:{port}/api/v1", api_key=KEY, timeout=0.05, backoff=no_wait
        )
        async with client as hot_words:
            with anyio.fail_after(10), pytest.raises(DeadlineError, match="timeout=…") as caught:
                await hot_words.delete("v")
    assert ("request", 0.05) == (caught.value.phase, caught.value.seconds)


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        {"output": []},
        {"output": {"vocabulary_list": None}},
        {"output": {"vocabulary_list": [1]}},
        {"output": {"vocabulary_list": [{"vocabulary_id": 5}]}},
        {},
    ],
    ids=str,
)
async def test_answers_without_what_was_asked_for(document: object) -> None:
    """An answer without what was asked for is an error of its own, whatever it is."""
    async with answering(success(document)) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(RemoteProtocolError):
            await hot_words.list()


@pytest.mark.parametrize("body", ["", "<html>", "[" * 100_000, '"text"'], ids=lambda one: one[:9])
async def test_answers_that_are_no_object(body: str) -> None:
    """An answer that is no JSON object is an error that does not show it."""
    async with answering(lambda: web.Response(text=body)) as far_end, client_of(far_end) as client:
        with pytest.raises(RemoteProtocolError, match=r"not a JSON object$"):
            await client.list()


@pytest.mark.parametrize("vocabulary", [None, {}, [1]])
async def test_words_that_cannot_be_read(vocabulary: object) -> None:
    """A list without readable words is an error, and so is a new list without an id."""
    answer = success({"output": {"vocabulary": vocabulary}})
    async with answering(answer) as far_end, client_of(far_end) as hot_words:
        with pytest.raises(RemoteProtocolError, match="no list of words"):
            await hot_words.query("v")
        with pytest.raises(RemoteProtocolError, match="no vocabulary_id"):
            await hot_words.create(WORDS)


async def test_fields_that_only_inform() -> None:
    """Unknown fields, and odd values of fields that only inform, are no errors."""
    word = {"text": "a", "weight": 4.0, "lang": "", "new": 1}
    odd = {"vocabulary": [word, {}], "status": None, "gmt_create": 5, "more": {}}
    async with answering(success({"output": odd})) as far_end, client_of(far_end) as hot_words:
        found = await hot_words.query("v")
    words = (HotWord("a", 4), HotWord("", 0))
    assert Vocabulary(vocabulary_id="v", vocabulary=words) == found
    assert not found.is_ready


async def test_a_service_that_repeats_a_page() -> None:
    """A service that ignores the number of the page does not keep the client busy."""
    page = [{"vocabulary_id": f"v{n}", "status": "OK"} for n in range(10)]
    async with answering(success({"output": {"vocabulary_list": page}})) as far_end:
        async with client_of(far_end) as hot_words:
            found = await hot_words.list()
    assert [VocabularySummary(vocabulary_id=f"v{n}", status="OK") for n in range(10)] == [*found]
    assert 2 == len(far_end.actions)


async def test_the_query_of_an_endpoint_is_kept() -> None:
    """What a gateway needs in the query is sent with every request."""
    async with answering(LISTS) as far_end:
        client = VocabularyClient(endpoint=f"{far_end.url}/?gate=way", api_key=KEY)
        async with client as hot_words:
            await hot_words.list()
            assert "gate" not in repr(client)


async def test_nothing_shows_the_key(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a log, nor the client's `repr`, nor any error shows the key."""
    caplog.set_level(logging.DEBUG)
    client = VocabularyClient(
        endpoint=server.url,
        api_key=KEY,
        headers={"X-Secret": "a secret"},
        proxy=None,
    )
    async with client as hot_words:
        shown = repr(client) + repr(client._access) + repr(client._access.__rich_repr__())
        with pytest.raises(RequestError) as caught:
            await hot_words.query("vocab-x")
    shown += str(caught.value) + repr(caught.value) + repr(vars(caught.value)) + caplog.text
    assert KEY not in shown
    assert "a secret" not in shown
