"""The HTTP routes of the local service: tokens, hot words, their limits and their refusals."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from paraformer_async.server import Clocks, LocalServer
from paraformer_async.server._account import Account
from tests.client.clock import Clock
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop

MODEL = "paraformer-realtime-v2"
WORDS = [{"text": "云", "weight": 4}]
CREATE = {"action": "create_vocabulary", "target_model": MODEL, "prefix": "p", "vocabulary": WORDS}


class Peer:
    """A client that sends what it is given."""

    def __init__(self, session: aiohttp.ClientSession, server: LocalServer) -> None:
        self.session = session
        self.server = server
        self.base = server.url.replace("ws://", "http://").replace("/api-ws/v1/inference", "")

    async def post(
        self, path: str, body: Any = None, key: str = "Bearer any"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return status, document and headers of the answer."""
        data = body if isinstance(body, str) else json.dumps(body)
        headers = {"Authorization": key} if key else {}
        async with self.session.post(self.base + path, data=data, headers=headers) as response:
            return response.status, await response.json(), dict(response.headers)

    async def customize(self, **given: Any) -> dict[str, Any]:
        """Return the output of an action that succeeds."""
        status, document, _ = await self.post(
            CUSTOMIZE, {"model": "speech-biasing", "input": given}
        )
        assert 200 == status
        assert document.keys() == {"output", "usage", "request_id"}
        return dict(document["output"])

    async def refusal(self, **given: Any) -> tuple[int, str, str]:
        """Return status, code and message of an action that is refused."""
        status, document, _ = await self.post(
            CUSTOMIZE, {"model": "speech-biasing", "input": given}
        )
        assert document.keys() == {"code", "message", "request_id"}
        return status, document["code"], document["message"]

    async def can_connect(self, key: str) -> bool:
        """Return whether a WebSocket is opened for a key."""
        try:
            headers = {"Authorization": f"Bearer {key}"}
            async with self.session.ws_connect(self.server.url, headers=headers):
                return True
        except aiohttp.WSServerHandshakeError as error:
            return error.status != 401


CUSTOMIZE = "/api/v1/services/audio/asr/customization"


@pytest.fixture
def clock() -> Clock:
    """A clock that is moved by hand."""
    return Clock()


@pytest.fixture
async def peer(clock: Clock) -> AsyncIterator[Peer]:
    """A client of a local service with that clock."""
    server = LocalServer("scripted", clocks=Clocks(close=0.2))
    server._account = Account(None, clock=clock, deployment=5.0)
    async with server, aiohttp.ClientSession() as session:
        yield Peer(session, server)


async def test_a_token_takes_the_place_of_a_key(peer: Peer, clock: Clock) -> None:
    """A token opens connections until it expires; one that was not issued never does."""
    status, document, _ = await peer.post("/api/v1/tokens?expire_in_seconds=5")
    token = document["token"]
    assert (200, int(clock() + 5)) == (status, document["expires_at"])
    assert token.startswith("st-")
    assert await peer.can_connect(token)
    assert not await peer.can_connect("st-other")
    clock.now += 5
    assert not await peer.can_connect(token)


async def test_a_token_lasts_a_minute_by_default(peer: Peer, clock: Clock) -> None:
    """Without a lifetime, a token expires after 60 s; each request returns another one."""
    _, first, _ = await peer.post("/api/v1/tokens")
    _, second, _ = await peer.post("/api/v1/tokens")
    assert first["token"] != second["token"]
    assert int(clock() + 60) == first["expires_at"]


@pytest.mark.parametrize("seconds", ["0", "1801", "-1", "x", "1.5", "", "²", "9" * 5000])
async def test_lifetimes_outside_of_the_range(peer: Peer, seconds: str) -> None:
    """A lifetime is a whole number from 1 to 1800."""
    status, document, _ = await peer.post(f"/api/v1/tokens?expire_in_seconds={seconds}")
    assert (400, "InvalidParameter") == (status, document["code"])
    assert "1 to 1800" in document["message"]


@pytest.mark.parametrize("key", ["", "Bearer", "Basic any", "Bearer st-unknown"])
@pytest.mark.parametrize("path", ["/api/v1/tokens", CUSTOMIZE])
async def test_without_a_key(peer: Peer, path: str, key: str) -> None:
    """Both routes need a key, as the WebSocket does."""
    status, document, _ = await peer.post(path, key=key)
    assert (401, "InvalidApiKey") == (status, document["code"])
    assert document["request_id"]


async def test_with_a_key_of_its_own() -> None:
    """If the service has a key, any other one is refused, and its tokens are accepted."""
    async with (
        LocalServer("scripted", api_key="right", clocks=Clocks(close=0.2)) as server,
        aiohttp.ClientSession() as session,
    ):
        peer = Peer(session, server)
        assert 401 == (await peer.post("/api/v1/tokens", key="Bearer wrong"))[0]
        _, document, _ = await peer.post("/api/v1/tokens", key="Bearer right")
        assert await peer.can_connect(document["token"])
        assert not await peer.can_connect("wrong")


async def test_the_life_of_a_list(peer: Peer, clock: Clock) -> None:
    """A list is created, deployed, listed, queried, updated and deleted."""
    created = await peer.customize(**CREATE)
    name = created["vocabulary_id"]
    assert name.startswith("vocab-p-")
    found = await peer.customize(action="query_vocabulary", vocabulary_id=name)
    assert (MODEL, WORDS, "UNDEPLOYED") == (
        found["target_model"],
        found["vocabulary"],
        found["status"],
    )
    clock.now += 5
    (listed,) = (await peer.customize(action="list_vocabulary"))["vocabulary_list"]
    assert (name, "OK") == (listed["vocabulary_id"], listed["status"])
    words = [{"text": "cloud", "weight": 1, "lang": "en"}]
    assert {} == await peer.customize(
        action="update_vocabulary", vocabulary_id=name, vocabulary=words
    )
    found = await peer.customize(action="query_vocabulary", vocabulary_id=name)
    assert (words, "UNDEPLOYED") == (found["vocabulary"], found["status"])
    assert found["gmt_modified"] > found["gmt_create"]
    assert {} == await peer.customize(action="delete_vocabulary", vocabulary_id=name)
    assert {"vocabulary_list": []} == await peer.customize(action="list_vocabulary")


async def test_pages_and_prefixes(peer: Peer) -> None:
    """Lists are returned by prefix, and page by page."""
    names = [
        (await peer.customize(**{**CREATE, "prefix": prefix}))["vocabulary_id"]
        for prefix in ("a", "a", "ab", "b")
    ]

    async def listed(**given: Any) -> list[str]:
        output = await peer.customize(action="list_vocabulary", **given)
        return [one["vocabulary_id"] for one in output["vocabulary_list"]]

    assert names == await listed()
    assert names[:2] == await listed(prefix="a")
    assert names[2:3] == await listed(prefix="ab")
    assert names[2:] == await listed(page_index=1, page_size=2)


async def test_an_account_has_ten_lists(peer: Peer) -> None:
    """An eleventh list is refused, until one of the others is deleted."""
    names = [(await peer.customize(**CREATE))["vocabulary_id"] for _ in range(10)]
    assert (400, "InvalidParameter") == (await peer.refusal(**CREATE))[:2]
    await peer.customize(action="delete_vocabulary", vocabulary_id=names[0])
    await peer.customize(**CREATE)


async def test_two_updates_need_five_minutes_between(peer: Peer, clock: Clock) -> None:
    """A second update within 5 minutes is refused, with the seconds that are left."""
    name = (await peer.customize(**CREATE))["vocabulary_id"]
    update = {"action": "update_vocabulary", "vocabulary_id": name, "vocabulary": WORDS}
    clock.now += 1
    await peer.customize(**update)
    clock.now += 100
    status, document, headers = await peer.post(
        CUSTOMIZE, {"model": "speech-biasing", "input": update}
    )
    assert (429, "Throttling.RateQuota") == (status, document["code"])
    assert "200" == headers["Retry-After"]
    clock.now += 200
    await peer.customize(**update)


@pytest.mark.parametrize("action", ["query_vocabulary", "update_vocabulary", "delete_vocabulary"])
@pytest.mark.parametrize("name", ["vocab-p-1", None, 5])
async def test_a_list_that_does_not_exist(peer: Peer, action: str, name: object) -> None:
    """An unknown id is refused by every action on one list."""
    given = {"action": action, "vocabulary_id": name, "vocabulary": WORDS}
    assert (400, "BadRequest.ResourceNotExist") == (await peer.refusal(**given))[:2]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"action": "drop"}, "action must be one of create_vocabulary"),
        ({"action": None}, "action must be one of"),
        ({"target_model": ""}, "target_model is required"),
        ({"target_model": "paraformer-realtime-v1"}, "takes no vocabulary_id"),
        ({"prefix": "A"}, "1 to 9 lowercase letters and digits"),
        ({"prefix": None}, "1 to 9 lowercase letters and digits"),
        ({"vocabulary": []}, "is empty"),
        ({"vocabulary": [{"text": "a", "weight": 0}]}, "allowed is 1 to 5"),
        ({"vocabulary": [{"text": f"w{n}"} for n in range(501)]}, "at most 500 words"),
        ({"action": "list_vocabulary", "page_size": "x"}, "page_size must be a whole number"),
        ({"action": "list_vocabulary", "page_index": -1}, "page_index must be a whole number"),
    ],
    ids=str,
)
async def test_invalid_values(peer: Peer, changes: dict[str, Any], expected: str) -> None:
    """What the documentation forbids is refused with what is wrong."""
    status, code, message = await peer.refusal(**{**CREATE, **changes})
    assert (400, "InvalidParameter") == (status, code)
    assert expected in message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "InvalidParameter"),
        ("no JSON", "InvalidParameter"),
        ("[" * 100_000, "InvalidParameter"),
        ([], "InvalidParameter"),
        ({"model": "speech-biasing"}, "InvalidParameter"),
        ({"model": "speech-biasing", "input": 1}, "InvalidParameter"),
        ({"model": "other", "input": CREATE}, "ModelNotFound"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_bodies_that_are_no_request(peer: Peer, body: Any, code: str) -> None:
    """A body that is not the JSON of a request is refused, whatever it is."""
    status, document, _ = await peer.post(CUSTOMIZE, body)
    assert (400, code) == (status, document["code"])
