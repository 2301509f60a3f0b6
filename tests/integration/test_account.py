"""Requests to the account leave nothing behind, wherever they are canceled."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from paraformer_async.account import TemporaryToken, VocabularyClient
from paraformer_async.server import LocalServer
from paraformer_async.server._account import Account
from tests.client.clock import Clock
from tests.integration.test_cancellation import run_canceled_at

pytestmark = pytest.mark.anyio

MOST_AWAITS = 500


async def ensure(url: str, clock: Clock) -> None:
    """Make sure that there is a list, which takes several requests."""

    def wait(_: int) -> float:
        clock.now += 3.0
        return 0.0

    async with VocabularyClient(endpoint=url, api_key="any", backoff=wait) as hot_words:
        found = await hot_words.ensure({"a": 1})
        await hot_words.delete(found.vocabulary_id)


async def renew(url: str, clock: Clock) -> None:
    """Request a token, and another one when that has expired."""
    token = TemporaryToken(endpoint=url, api_key="any", clock=clock)
    first = await token()
    clock.now += 60
    assert first != await token()


@pytest.mark.parametrize("work", [ensure, renew])
@pytest.mark.usefixtures("nothing_left")
async def test_canceled_at_every_await(
    work: Callable[[str, Clock], Coroutine[Any, Any, None]],
) -> None:
    """Canceled at the n-th await, for every n, a request ends and leaves no socket and no task."""
    clock, number = Clock(), 0
    server = LocalServer("scripted")
    server._account = Account(None, clock=clock, deployment=5.0)
    async with server:
        is_canceled = True
        while is_canceled:
            number += 1
            assert number < MOST_AWAITS
            is_canceled = await run_canceled_at(work(server.url, clock), number)
    assert number > 5
