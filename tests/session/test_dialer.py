"""The way to a connection: what is sent, and what an answer means."""

import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NoReturn

import anyio
import pytest
import trustme
from aiohttp import web

from paraformer_async import (
    AuthenticationError,
    ConnectError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    Timeouts,
)
from paraformer_async._session.dialer import Dialer, api_key_of
from paraformer_async.options import Options
from paraformer_async.testing import Refuse, ScriptedServer

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret"
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment that says where to, or as whom."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def dialer() -> AsyncIterator[Dialer]:
    """A dialer, closed in the end."""
    dialer = Dialer()
    yield dialer
    await dialer.aclose()


async def headers_of(dialer: Dialer, **options: object) -> dict[str, str]:
    """Give the headers of a handshake."""
    async with ScriptedServer() as server:
        given = {"endpoint": server.url, "api_key": KEY} | options
        transport = await dialer.dial(Options(**given))  # type: ignore[arg-type]
        assert transport.is_open
        await transport.aclose()
        (headers,) = server.headers
    return dict(headers)


async def refusal_of(dialer: Dialer, fault: Refuse) -> HandshakeError:
    """Give the error of a handshake that is refused."""
    async with ScriptedServer(faults=[fault]) as server:
        with pytest.raises(HandshakeError) as caught:
            await dialer.dial(Options(endpoint=server.url, api_key=KEY))
    return caught.value


# --- The key ---------------------------------------------------------------------------------


async def give_later() -> str:
    """Give the key as a coroutine function does."""
    await anyio.lowlevel.checkpoint()
    return KEY


@pytest.mark.parametrize("given", [KEY, lambda: KEY, give_later], ids=["text", "sync", "async"])
async def test_the_key_is_given_or_asked_for(given: str | Callable[[], str]) -> None:
    """A key may be a text, a callable, or a coroutine function."""
    assert KEY == await api_key_of(Options(api_key=given))


async def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the environment's is used; a given one wins."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "of the environment")
    assert "of the environment" == await api_key_of(Options())
    assert KEY == await api_key_of(Options(api_key=KEY))


async def test_a_missing_key_is_told() -> None:
    """Without any key, the error says how to give one."""
    with pytest.raises(InvalidOptionError, match="DASHSCOPE_API_KEY") as caught:
        await api_key_of(Options())
    assert "api_key" == caught.value.option


@pytest.mark.parametrize("wrong", ["", None, 7, KEY.encode()], ids=repr)
async def test_a_callable_that_gives_no_key_is_told(wrong: object) -> None:
    """What a callable gives must be a text that is not empty; the error does not show it."""
    with pytest.raises(InvalidOptionError) as caught:
        await api_key_of(Options(api_key=lambda: wrong))  # type: ignore[arg-type, return-value]
    assert KEY not in str(caught.value)


async def test_the_key_is_asked_for_at_each_connection(dialer: Dialer) -> None:
    """A callable is asked anew each time, so that a key may change."""
    keys = iter(("one", "two"))
    async with ScriptedServer() as server:
        options = Options(endpoint=server.url, api_key=lambda: next(keys))
        for _ in range(2):
            await (await dialer.dial(options)).aclose()
        sent = [headers["Authorization"] for headers in server.headers]
    assert ["Bearer one", "Bearer two"] == sent


async def test_what_a_callable_raises_comes_out_as_itself(dialer: Dialer) -> None:
    """An exception of the user's callable is not wrapped."""

    def broken() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await dialer.dial(Options(endpoint="ws://127.0.0.1:1", api_key=broken))


async def test_the_key_is_never_told(dialer: Dialer) -> None:
    """However a handshake fails, neither the error nor its traceback shows the key."""
    async with ScriptedServer(forever=Refuse(401, f"the key {KEY} is wrong")) as server:
        for endpoint in (server.url, "ws://127.0.0.1:1/", "wss://127.0.0.1:1/"):
            with pytest.raises(ConnectError) as caught:
                await dialer.dial(Options(endpoint=endpoint, api_key=KEY))
            told = traceback.format_exception(caught.value)
            assert KEY not in "".join(told) + repr(caught.value) + repr(vars(caught.value))


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\r\nX-Other: 1"], ids=repr)
@pytest.mark.parametrize("origin", ["environment", "callable"])
async def test_a_key_that_cannot_be_sent_is_refused(
    dialer: Dialer, monkeypatch: pytest.MonkeyPatch, key: str, origin: str
) -> None:
    """A key with a line break or spaces around it is refused without a connection, nor shown."""
    if origin == "environment":
        monkeypatch.setenv("DASHSCOPE_API_KEY", key)
    options = Options(
        endpoint="ws://127.0.0.1:1/", api_key=None if origin == "environment" else lambda: key
    )
    with pytest.raises(InvalidOptionError, match="control characters") as caught:
        await dialer.dial(options)
    assert KEY not in str(caught.value)


# --- Headers ---------------------------------------------------------------------------------


async def test_the_headers_of_a_handshake(dialer: Dialer) -> None:
    """The key, the workspace and the user's headers are sent, and who sends them."""
    headers = await headers_of(dialer, workspace="ws-1", headers={"X-Trace": "7"})
    assert f"Bearer {KEY}" == headers["Authorization"]
    assert "ws-1" == headers["X-DashScope-WorkSpace"]
    assert "7" == headers["X-Trace"]
    assert "paraformer-async" == headers["User-Agent"]


async def test_what_was_not_given_is_not_sent(dialer: Dialer) -> None:
    """Without a workspace there is no header for one."""
    assert "X-DashScope-WorkSpace" not in await headers_of(dialer)


async def test_the_users_headers_win(dialer: Dialer) -> None:
    """A header of the user's replaces the library's own."""
    headers = await headers_of(dialer, headers={"User-Agent": "mine"})
    assert "mine" == headers["User-Agent"]


async def test_netrc_is_not_used(
    dialer: Dialer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials of ~/.netrc for the same host do not take the key's place."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n", encoding="ascii")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert f"Bearer {KEY}" == (await headers_of(dialer))["Authorization"]


# --- The proxy -------------------------------------------------------------------------------


class Session:
    """Stands for aiohttp's session: notes the proxy, and makes no connection."""

    def __init__(self) -> None:
        self.proxy: object = "not asked"

    async def ws_connect(self, url: str, *, proxy: str | None, **_: object) -> NoReturn:
        """Note the proxy."""
        self.proxy = proxy
        raise ConnectionRefusedError

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("wss://service.example/v1", {}, None),
        ("wss://service.example/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("wss://service.example/v1", {"https_proxy": PROXY}, PROXY),
        ("wss://service.example/v1", {"HTTP_PROXY": PROXY}, None),
        ("ws://service.example/v1", {"HTTP_PROXY": PROXY}, PROXY),
        ("ws://service.example/v1", {"HTTPS_PROXY": PROXY}, None),
        ("wss://service.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "example"}, None),
        ("wss://service.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ("wss://service.example/v1", {"HTTPS_PROXY": PROXY, "NO_PROXY": "else.where"}, PROXY),
        (
            "wss://service.example:8443/v1",
            {"HTTPS_PROXY": PROXY, "NO_PROXY": "service.example"},
            None,
        ),
        ("wss://a:b@service.example/", {"HTTPS_PROXY": PROXY, "NO_PROXY": "service.example"}, None),
        ("ws://127.0.0.1:8000/v1", {"HTTP_PROXY": PROXY}, None),
        ("ws://127.1.2.3:8000/v1", {"HTTP_PROXY": PROXY}, None),
        ("ws://[::1]:8000/v1", {"HTTP_PROXY": PROXY}, None),
        ("ws://localhost:8000/v1", {"HTTP_PROXY": PROXY}, None),
        ("ws://10.0.0.7:8000/v1", {"HTTP_PROXY": PROXY}, PROXY),
    ],
)
async def test_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], expected: str | None
) -> None:
    """The environment's proxy for the scheme is used, but for exempt hosts and this machine."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    dialer, session = Dialer(), Session()
    monkeypatch.setattr(dialer, "_session", session)
    with pytest.raises(ConnectError):
        await dialer.dial(Options(endpoint=url, api_key=KEY))
    assert expected == session.proxy


async def test_a_given_proxy_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that was given is used, whatever the environment says."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "*")
    dialer, session = Dialer(), Session()
    monkeypatch.setattr(dialer, "_session", session)
    mine = "http://mine.example:1080"
    with pytest.raises(ConnectError):
        await dialer.dial(Options(endpoint="wss://service.example", api_key=KEY, proxy=mine))
    assert mine == session.proxy


# --- Refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, AuthenticationError, False),
        (403, AuthenticationError, False),
        (404, HandshakeError, False),
        (429, HandshakeError, True),
        (503, HandshakeError, True),
        (200, HandshakeError, False),
    ],
)
async def test_a_refusal_tells_status_and_body(
    dialer: Dialer, status: int, kind: type[Exception], retryable: bool
) -> None:
    """Each HTTP status has its error, with the beginning of the body, and whether to try again."""
    error = await refusal_of(dialer, Refuse(status, "because " + "x" * 1000))
    assert kind is type(error)
    assert (status, retryable) == (error.status, error.retryable)
    assert "because " + "x" * 492 == error.body


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("-1", 0.0),
        ("1.5", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("²", 0.0),
        (None, 0.0),
    ],
)
async def test_retry_after_in_seconds(dialer: Dialer, value: str | None, expected: float) -> None:
    """`Retry-After` in seconds is told; a date, or what is no number, is passed over."""
    headers = {} if value is None else {"Retry-After": value}
    error = await refusal_of(dialer, Refuse(429, headers=headers))
    assert expected == error.retry_after
    assert error.is_throttled


async def test_no_answer_is_told(dialer: Dialer) -> None:
    """When there is nobody, `ConnectError` names the host, and another try is worth it."""
    with pytest.raises(ConnectError, match=r"no connection to 127\.0\.0\.1") as caught:
        await dialer.dial(Options(endpoint="ws://127.0.0.1:1/v1", api_key=KEY))
    assert caught.value.retryable


@pytest.mark.parametrize("phase", ["handshake", "key"])
async def test_connecting_is_bounded(dialer: Dialer, phase: str) -> None:
    """A peer that does not answer, and a key that does not come, are waited for only so long."""

    async def never() -> str:
        await anyio.sleep_forever()
        raise AssertionError

    key = never if phase == "key" else KEY
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        options = Options(
            endpoint=f"ws://127.0.0.1:{port}/", api_key=key, timeouts=Timeouts(connect=0.05)
        )
        with anyio.fail_after(5), pytest.raises(DeadlineError) as caught:
            await dialer.dial(options)
    assert "connect" == caught.value.phase


async def test_closing_what_was_never_used() -> None:
    """A dialer that made no connection closes, too."""
    await Dialer().aclose()


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority for certificates that nobody knows."""
    return trustme.CA()


@pytest.fixture
async def secure_url(authority: trustme.CA) -> AsyncIterator[str]:
    """The address of a WebSocket with a certificate of that authority."""

    async def answer(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:
            pass
        return socket

    app = web.Application()
    app.router.add_get("/", answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"wss://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_a_certificate_that_is_trusted(
    dialer: Dialer, authority: trustme.CA, secure_url: str
) -> None:
    """With TLS settings that trust its authority, a service of one's own can be used."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    transport = await dialer.dial(Options(endpoint=secure_url, api_key=KEY, ssl=context))
    assert transport.is_open
    await transport.aclose()
    assert not transport.is_open


async def test_a_certificate_that_is_not_trusted(dialer: Dialer, secure_url: str) -> None:
    """Without them, a certificate that nobody knows is refused."""
    with pytest.raises(ConnectError, match="certificate"):
        await dialer.dial(Options(endpoint=secure_url, api_key=KEY))
