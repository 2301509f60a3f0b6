"""Temporary tokens, over real HTTP and real WebSockets against the local service."""

import logging
import time
import traceback
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import pytest

from paraformer_async import (
    AsyncRecognizer,
    AuthenticationError,
    HandshakeError,
    InvalidOptionError,
    Reconnect,
    RemoteProtocolError,
    RequestError,
)
from paraformer_async._net.identity import account_of
from paraformer_async.account import IssuedToken, TemporaryToken, create_temporary_token
from paraformer_async.observing import Connected, Observation, RetryScheduled
from paraformer_async.server import LocalServer
from paraformer_async.testing import Drop, Refuse, ScriptedServer, marked, marks_of
from tests.account.conftest import KEY
from tests.account.far_end import answering, refusal, success
from tests.client.clock import Clock
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop

AT_ONCE = Reconnect(backoff=lambda _: 0.0)
TOKEN = success({"token": "st-0123456789", "expires_at": 60})


async def accepts(server: LocalServer, key: str) -> bool:
    """Return whether a key opens a connection."""
    async with AsyncRecognizer(endpoint=server.url, api_key=key) as recognizer:
        try:
            await recognizer.warm()
        except AuthenticationError:
            return False
    return True


# --- A token by itself -----------------------------------------------------------------------


async def test_a_token_is_created(server: LocalServer, clock: Clock) -> None:
    """A token opens connections for a minute, or for as long as was requested."""
    short = await create_temporary_token(endpoint=server.url, api_key=KEY)
    long = await create_temporary_token(1800, endpoint=server.url, api_key=KEY)
    assert (60, 1800) == (short.expires_at, long.expires_at)
    assert await accepts(server, short.token)
    clock.now = 60
    assert not await accepts(server, short.token)
    assert await accepts(server, long.token)


@pytest.mark.parametrize("seconds", [0, 1801, -1, 1.5, "60", True, None])
async def test_lifetimes_are_checked_before_sending(seconds: Any) -> None:
    """A lifetime is a whole number from 1 to 1800; no request is made for another one."""
    async with answering(TOKEN) as far_end:
        with pytest.raises(InvalidOptionError, match="1 to 1800") as caught:
            await create_temporary_token(seconds, endpoint=far_end.url, api_key=KEY)
        with pytest.raises(InvalidOptionError, match="1 to 1800"):
            TemporaryToken(seconds)
    assert "expires_in" == caught.value.option
    assert [] == far_end.actions


async def test_a_request_for_a_token_is_sent_once() -> None:
    """A token is requested once: who waits for it decides whether to try again."""
    async with answering(refusal(503, retry_after="1")) as far_end:
        with pytest.raises(RequestError) as caught:
            await create_temporary_token(endpoint=far_end.url, api_key=KEY)
    assert (["/api/v1/tokens"], True) == (far_end.actions, caught.value.retryable)


async def test_a_refused_key_gets_no_token(server: LocalServer) -> None:
    """A wrong key raises what it raises for a recognition."""
    with pytest.raises(AuthenticationError, match="InvalidApiKey"):
        await create_temporary_token(endpoint=server.url, api_key="sk-wrong")


@pytest.mark.parametrize(
    "document",
    [{}, [], {"token": "st-secret"}, {"token": 5, "expires_at": 1}, {"token": "", "expires_at": 1}],
    ids=str,
)
async def test_answers_without_a_token(document: object) -> None:
    """An answer that is no token is an error, which does not show it."""
    async with answering(success(document)) as far_end:
        with pytest.raises(RemoteProtocolError) as caught:
            await create_temporary_token(endpoint=far_end.url, api_key=KEY)
    assert "st-secret" not in "".join(traceback.format_exception(caught.value))


async def test_a_token_is_not_shown(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither `repr` nor a log shows a token, and it cannot be changed."""
    caplog.set_level(logging.DEBUG)
    issued = await create_temporary_token(endpoint=server.url, api_key=KEY)
    renewing = TemporaryToken(endpoint=server.url, api_key=KEY)
    token = await renewing()
    shown = f"{issued!r}{issued}{issued.__rich_repr__()}{renewing!r}{token!r}{caplog.text}"
    for secret in (issued.token, str(token), KEY):
        assert secret not in shown
    with pytest.raises(AttributeError):
        issued.token = "other"  # type: ignore[misc]
    assert IssuedToken(issued.token, issued.expires_at) == issued


# --- A token that renews itself --------------------------------------------------------------


def renewing(url: str, clock: Clock, expires_in: int = 60) -> TemporaryToken:
    """Return a token that renews itself, by a clock."""
    return TemporaryToken(expires_in, endpoint=url, api_key=KEY, clock=clock)


@pytest.mark.parametrize(("expires_in", "fresh"), [(60, 49.9), (1800, 1789.9), (8, 5.9), (1, 0.7)])
async def test_a_token_is_renewed_before_it_expires(
    server: LocalServer, clock: Clock, expires_in: int, fresh: float
) -> None:
    """The last 10 s, or the last quarter, of a token are not used for new connections."""
    token = renewing(server.url, clock, expires_in)
    first = await token()
    clock.now = fresh
    assert first == await token()
    clock.now = fresh + 0.2
    second = await token()
    assert first != second
    assert await accepts(server, first)
    assert await accepts(server, second)


async def test_many_tasks_share_one_request() -> None:
    """Of tasks that need a token at the same time, one requests it, and all get it."""
    found: list[str] = []
    async with answering(TOKEN) as far_end:
        token = renewing(far_end.url, Clock())

        async def take() -> None:
            found.append(await token())

        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(take)
    assert ["st-0123456789"] * 200 == found
    assert 1 == len(far_end.actions)


async def test_many_tasks_share_one_failure() -> None:
    """A failed request is the failure of all who waited for it, each with an error of its own."""
    failures: list[Exception] = []
    async with answering(refusal(503)) as far_end:
        token = renewing(far_end.url, Clock())

        async def take() -> None:
            try:
                await token()
            except RequestError as error:
                failures.append(error.with_facts(request_ids=[str(len(failures))]))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(take)
        assert 1 == len(far_end.actions)
        with pytest.raises(RequestError):
            await token()
    assert 2 == len(far_end.actions)
    assert 20 == len({id(error) for error in failures})
    assert 20 == len({getattr(error, "request_id", "") for error in failures})


async def test_another_task_takes_over_a_canceled_request() -> None:
    """If the task that requests a token is canceled, one of those who wait requests it."""
    arrived = anyio.Event()
    found: list[str] = []

    async def key() -> str:
        if not arrived.is_set():
            arrived.set()
            await anyio.sleep_forever()
        return KEY

    async with answering(TOKEN) as far_end:
        token = TemporaryToken(endpoint=far_end.url, api_key=key, clock=Clock())

        async def take() -> None:
            found.append(await token())

        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks, anyio.create_task_group() as canceled:
                canceled.start_soon(take)
                await arrived.wait()
                for _ in range(3):
                    tasks.start_soon(take)
                await anyio.lowlevel.checkpoint()
                canceled.cancel_scope.cancel()
    assert ["st-0123456789"] * 3 == found
    assert 1 == len(far_end.actions)


async def test_a_token_that_expires_on_its_way(clock: Clock) -> None:
    """A token whose request takes longer than its lifetime is used once, not requested forever."""

    def slow() -> Any:
        clock.now += 10
        return TOKEN()

    async with answering(slow) as far_end:
        token = renewing(far_end.url, clock, 1)
        for _ in range(2):
            assert "st-0123456789" == await token()
    assert 2 == len(far_end.actions)


async def test_the_clock_goes_on_while_the_machine_sleeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the wall clock shows that the machine has slept, the token is renewed."""
    async with answering(TOKEN) as far_end:
        token = TemporaryToken(1800, endpoint=far_end.url, api_key=KEY)
        for _ in range(2):
            await token()
        assert 1 == len(far_end.actions)
        real = time.time
        monkeypatch.setattr("paraformer_async.account.tokens.time.time", lambda: real() + 3600)
        await token()
    assert 2 == len(far_end.actions)


@pytest.mark.parametrize("correction", [-3600.0, 0.0, 3600.0])
async def test_a_clock_that_is_set_prolongs_no_token(
    monkeypatch: pytest.MonkeyPatch, correction: float
) -> None:
    """However the wall clock is set after a token was requested, it is renewed in time."""
    wall, monotonic = Clock(), Clock()
    wall.now = 5000.0
    async with answering(TOKEN) as far_end:
        token = TemporaryToken(60, endpoint=far_end.url, api_key=KEY)
        with monkeypatch.context() as patch:
            patch.setattr("paraformer_async.account.tokens.time", TwoClocks(wall, monotonic))
            await token()
            wall.now += correction + 49
            monotonic.now += 49
            await token()
            assert (1 if correction <= 0 else 2) == len(far_end.actions)
            wall.now += 60
            monotonic.now += 60
            await token()
    assert (2 if correction <= 0 else 3) == len(far_end.actions)


class TwoClocks(NamedTuple):
    """Takes the place of the module `time`."""

    time: Clock
    monotonic: Clock


# --- In a recognition ------------------------------------------------------------------------


async def test_a_stream_that_outlives_its_token(
    server: LocalServer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream whose connection is lost after its token has expired continues with a fresh one."""
    caplog.set_level(logging.DEBUG)
    observed: list[Observation] = []
    tokens: list[str] = []
    token = renewing(server.url, clock)

    async def key() -> str:
        tokens.append(await token())
        return tokens[-1]

    async with AsyncRecognizer(
        endpoint=server.url, api_key=key, reconnect=AT_ONCE, observe=observed.append
    ) as recognizer:
        async with recognizer.stream() as stream:
            await stream.send(bytes(64_000))
            first = await anext(stream)
            clock.now += 61
            (connection,) = server._connections
            assert connection._transport is not None
            connection._transport.abort()
            await stream.send(bytes(64_000))
            await stream.finish()
            rest = [result async for result in stream]
    assert first.text
    assert rest[-1].is_final
    assert 2 == len(set(tokens)) == sum(isinstance(one, Connected) for one in observed)
    assert not await accepts(server, tokens[0])
    assert not any(secret in caplog.text + repr(observed) for secret in (KEY, *tokens))


async def test_no_word_is_lost_when_tokens_change(server: LocalServer, clock: Clock) -> None:
    """Each connection of a stream has a token of its own, and every mark arrives once."""

    def observe(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            clock.now += 61

    drops = [Drop(after_ms=ms) for ms in (900, 1700)]
    async with ScriptedServer(faults=drops) as service:
        recognizer = AsyncRecognizer(
            endpoint=service.url,
            api_key=renewing(server.url, clock),
            reconnect=AT_ONCE,
            observe=observe,
        )
        async with recognizer:
            results = [result async for result in recognizer.stream(marked(5000))]
        sent = [headers["Authorization"] for headers in service.headers]
    assert list(range(250)) == marks_of(results)
    assert 3 == len(sent) == len(set(sent))
    assert all(one.startswith("Bearer st-") for one in sent)


async def test_a_failing_renewal_is_retried_by_the_recognizer(clock: Clock) -> None:
    """A token that cannot be had for a while is a failure like that of a connection."""
    observed: list[Observation] = []
    async with (
        answering(refusal(503), refusal(500), TOKEN) as far_end,
        ScriptedServer() as service,
    ):
        recognizer = AsyncRecognizer(
            endpoint=service.url,
            api_key=renewing(far_end.url, clock),
            reconnect=AT_ONCE,
            observe=observed.append,
        )
        async with recognizer:
            results = [result async for result in recognizer.stream(marked(1000))]
    assert list(range(50)) == marks_of(results)
    failures = [one.failure for one in observed if isinstance(one, RetryScheduled)]
    assert [503, 500] == [one.status for one in failures if isinstance(one, RequestError)]


async def test_a_refused_renewal_ends_the_recognition(server: LocalServer, clock: Clock) -> None:
    """A key that is refused is not tried again, and the error shows neither key nor token."""
    token = TemporaryToken(endpoint=server.url, api_key="sk-wrong-key", clock=clock)
    async with AsyncRecognizer(endpoint=server.url, api_key=token, reconnect=AT_ONCE) as recognizer:
        with pytest.raises(AuthenticationError) as caught:
            async for _ in recognizer.stream(bytes(32_000)):
                pass
        assert "sk-wrong" not in repr(recognizer)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "sk-wrong" not in shown


async def test_an_expired_token_is_explained(server: LocalServer, clock: Clock) -> None:
    """A plain token that has expired is refused, and the hint says how to renew it."""
    issued = await create_temporary_token(endpoint=server.url, api_key=KEY)
    clock.now += 60
    async with AsyncRecognizer(endpoint=server.url, api_key=issued.token) as recognizer:
        with pytest.raises(HandshakeError, match=r"TemporaryToken\(\) of") as caught:
            await recognizer.warm()
    assert issued.token not in str(caught.value)


async def test_a_token_that_is_refused_early_is_replaced(server: LocalServer, clock: Clock) -> None:
    """If the service has forgotten a token, streams go on with another one, which all share."""
    tokens: set[str] = set()
    token = renewing(server.url, clock, 1800)
    issue = server._account._tokens.issue

    def count(seconds: str | None) -> dict[str, object]:
        answer = issue(seconds)
        tokens.add(str(answer["token"]))
        return answer

    server._account._tokens.issue = count  # type: ignore[method-assign]
    options: Any = {"endpoint": server.url, "api_key": token, "reconnect": None}
    for streams in (1, 10):
        async with AsyncRecognizer(**options) as recognizer, anyio.create_task_group() as tasks:

            async def recognize(recognizer: AsyncRecognizer = recognizer) -> None:
                assert [result async for result in recognizer.stream(bytes(32_000))]

            for _ in range(streams):
                tasks.start_soon(recognize)
        server._account._tokens._expiry.clear()
    async with AsyncRecognizer(**options) as recognizer:
        await recognizer.warm()
    assert 3 == len(tokens)


@pytest.mark.parametrize(("status", "requests"), [(401, 2), (403, 1)])
async def test_a_fresh_token_that_is_refused(status: int, requests: int) -> None:
    """Of tokens that are refused, one more is requested, and the hint says what can be wrong."""
    forever = Refuse(status)
    async with answering(TOKEN) as far_end, ScriptedServer(forever=forever) as service:
        token = renewing(far_end.url, Clock(), 1800)
        async with AsyncRecognizer(
            endpoint=service.url, api_key=token, reconnect=AT_ONCE
        ) as recognizer:
            with pytest.raises(AuthenticationError) as caught:
                _ = [result async for result in recognizer.stream(bytes(32_000))]
    assert requests == len(far_end.actions) == len(service.headers)
    assert (401 == status) == ("token is fresh" in caught.value.hint)
    assert "expired" not in caught.value.hint


async def test_a_key_that_is_refused_when_a_token_is_replaced() -> None:
    """If no other token can be had, because the key is refused, the hint is about the key."""
    async with (
        answering(TOKEN, refusal(401)) as far_end,
        ScriptedServer(forever=Refuse(401)) as service,
    ):
        token = renewing(far_end.url, Clock(), 1800)
        async with AsyncRecognizer(endpoint=service.url, api_key=token) as recognizer:
            with pytest.raises(AuthenticationError, match="check api_key=") as caught:
                await recognizer.warm()
    assert "token is fresh" not in caught.value.hint


async def test_a_token_is_of_the_account_of_its_key() -> None:
    """The quota of a token, and of every token that replaces it, is that of the lasting key."""
    token = TemporaryToken(api_key=KEY)
    assert account_of(KEY) == account_of(token) == account_of(TemporaryToken(api_key=token))


async def test_discarding_another_token_changes_nothing() -> None:
    """A token that was replaced meanwhile is not the reason for another request."""
    async with answering(TOKEN) as far_end:
        token = renewing(far_end.url, Clock())
        await token()
        token.discard("st-other")
        await token()
        assert 1 == len(far_end.actions)
        token.discard("st-0123456789")
        await token()
    assert 2 == len(far_end.actions)


async def test_nothing_is_left_of_a_canceled_renewal(server: LocalServer, clock: Clock) -> None:
    """A renewal that is canceled leaves nothing behind: the next call requests a token."""
    token = renewing(server.url, clock)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await token()
    assert scope.cancelled_caught
    assert (await token()).startswith("st-")
