"""The way to a connection: what is sent, and what an answer means."""

import asyncio
import gc
import json
import socket
import ssl
import traceback
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit

import anyio
import pytest
import trustme
from aiohttp import ClientOSError, ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver
from anyio.abc import SocketAttribute, SocketStream

from paraformer_async import (
    AuthenticationError,
    ConnectError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    Timeouts,
    UsageError,
)
from paraformer_async._net.aiohttp_failures import beginning_in
from paraformer_async._net.choose import factory_of
from paraformer_async._net.contract import Handshake, TransportFactory
from paraformer_async._net.dialer import Dialer
from paraformer_async._net.failures import Failures
from paraformer_async._net.identity import key_of
from paraformer_async.options.options import Options
from paraformer_async.testing import Refuse, ScriptedServer

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret"
PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove proxies and keys from the environment."""
    monkeypatch.delenv("DASHSCOPE_API_KEY", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def dialer() -> AsyncIterator[Dialer]:
    """A dialer, closed in the end."""
    dialer = Dialer(lambda: factory_of("aiohttp"))
    yield dialer
    await dialer.aclose()


async def headers_of(dialer: Dialer, **options: object) -> dict[str, str]:
    """Return the headers of a handshake."""
    async with ScriptedServer() as server:
        given = {"endpoint": server.url, "api_key": KEY} | options
        transport = await dialer.dial(Options(**given))  # type: ignore[arg-type]
        assert transport.is_open
        await transport.aclose()
        (headers,) = server.headers
    return dict(headers)


async def refusal_of(dialer: Dialer, fault: Refuse) -> HandshakeError:
    """Return the error of a handshake that is refused."""
    async with ScriptedServer(faults=[fault]) as server:
        with pytest.raises(HandshakeError) as caught:
            await dialer.dial(Options(endpoint=server.url, api_key=KEY))
    return caught.value


# --- The key ---------------------------------------------------------------------------------


async def key_later() -> str:
    """Return the key, asynchronously."""
    await anyio.lowlevel.checkpoint()
    return KEY


@pytest.mark.parametrize("given", [KEY, lambda: KEY, key_later], ids=["text", "sync", "async"])
async def test_the_key_is_given_or_asked_for(given: str | Callable[[], str]) -> None:
    """A key may be a text, a callable, or a coroutine function."""
    assert KEY == await key_of(given)


async def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the environment's is used; a given one wins."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "of the environment")
    assert "of the environment" == await key_of(None)
    assert KEY == await key_of(KEY)


async def test_a_missing_key_is_reported() -> None:
    """Without any key, the error explains how to pass one."""
    with pytest.raises(InvalidOptionError, match="DASHSCOPE_API_KEY") as caught:
        await key_of(None)
    assert "api_key" == caught.value.option


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("", "there is no API key"),
        (None, "the callable returned NoneType, not text"),
        (7, "the callable returned int, not text"),
        (KEY.encode(), "the callable returned bytes, not text"),
    ],
)
async def test_a_callable_without_a_key_is_reported(wrong: object, text: str) -> None:
    """A callable must return a non-empty string; the error does not show it, nor its traceback."""
    with pytest.raises(InvalidOptionError, match=text) as caught:
        await key_of(lambda: wrong)  # type: ignore[arg-type, return-value]
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if "paraformer_async" in frame.f_code.co_filename]
    assert ours
    for frame in ours:
        assert KEY not in repr(frame.f_locals)
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


async def test_the_key_is_never_shown(dialer: Dialer) -> None:
    """However a handshake fails, neither the error nor its traceback shows the key."""
    async with ScriptedServer(forever=Refuse(401, f"the key {KEY} is wrong")) as server:
        for endpoint in (server.url, "ws://127.0.0.1:1/", "wss://127.0.0.1:1/"):
            with pytest.raises(ConnectError) as caught:
                await dialer.dial(Options(endpoint=endpoint, api_key=KEY))
            shown = traceback.format_exception(caught.value)
            assert KEY not in "".join(shown) + repr(caught.value) + repr(vars(caught.value))


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


@pytest.mark.parametrize("key", [KEY, f"{KEY}\n"], ids=["refused", "invalid"])
async def test_the_key_is_not_in_the_locals_of_our_frames(dialer: Dialer, key: str) -> None:
    """Tools that show the local variables of a traceback do not show the key."""
    with pytest.raises((ConnectError, InvalidOptionError)) as caught:
        await dialer.dial(Options(endpoint="ws://127.0.0.1:1/", api_key=lambda: key))
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if "paraformer_async" in frame.f_code.co_filename]
    assert len(ours) > 1
    for frame in ours:
        assert KEY not in repr(frame.f_locals)


@pytest.mark.parametrize(
    ("key", "expected"),
    [(KEY, "the key belongs to the endpoint's region"), ("st-1234", "temporary token has expired")],
)
async def test_a_refused_token_is_told_apart_from_a_key(
    dialer: Dialer, key: str, expected: str
) -> None:
    """Of a temporary token, the hint says that it may have expired."""
    async with ScriptedServer(forever=Refuse(401)) as server:
        with pytest.raises(AuthenticationError, match=expected):
            await dialer.dial(Options(endpoint=server.url, api_key=key))


@pytest.mark.parametrize(("status", "is_named"), [(401, True), (403, False)])
async def test_a_refused_key_may_be_of_another_region(status: int, is_named: bool) -> None:
    """Where the region of the endpoint is known, the hint for a 401 names it."""
    dialer = Dialer(lambda: Refusing(status))
    with pytest.raises(AuthenticationError) as caught:
        await dialer.dial(Options(region="cn-beijing", api_key=KEY))
    assert is_named == ("takes only keys of that region" in caught.value.hint)
    assert caught.value.hint


class Refusing:
    """Refuses every handshake."""

    def __init__(self, status: int) -> None:
        self.status = status

    async def connect(self, handshake: Handshake) -> NoReturn:
        """Refuse."""
        await anyio.lowlevel.checkpoint()
        raise AuthenticationError(self.status)

    async def aclose(self) -> None:
        """Do nothing."""


# --- Headers ---------------------------------------------------------------------------------


async def test_the_headers_of_a_handshake(dialer: Dialer) -> None:
    """The key, the workspace, the user's headers and a User-Agent are sent."""
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
    for name in ("User-Agent", "user-agent"):
        headers = await headers_of(dialer, headers={name: "mine"})
        agents = [value for key, value in headers.items() if key.lower() == "user-agent"]
        assert ["mine"] == agents


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


class Factory:
    """Keeps the handshake, and makes no connection."""

    def __init__(self) -> None:
        self.handshake: Handshake

    async def connect(self, handshake: Handshake) -> NoReturn:
        """Keep it."""
        self.handshake = handshake
        raise ConnectError("no connection")

    async def aclose(self) -> None:
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
    factory = Factory()
    dialer = Dialer(lambda: factory)
    with pytest.raises(ConnectError):
        await dialer.dial(Options(endpoint=url, api_key=KEY))
    assert expected == factory.handshake.proxy


@pytest.mark.parametrize(
    "proxy", ["user:secret@proxy:1", "socks5://secret@proxy:1", "http://user:secret@proxy:0"]
)
async def test_a_wrong_proxy_in_the_environment(
    dialer: Dialer, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """A proxy that can never work is refused by the name of its variable, and not shown."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(InvalidOptionError) as caught:
        await dialer.dial(Options(endpoint="wss://service.example", api_key=KEY))
    assert "HTTPS_PROXY" == caught.value.option
    assert "secret" not in str(caught.value)


async def test_the_environment_is_looked_up_once_for_each_host() -> None:
    """Addresses that are used once, as those with the id of a session, leave nothing behind."""
    dialer = Dialer(Factory)
    for session in range(3):
        with pytest.raises(ConnectError):
            await dialer.dial(Options(endpoint=f"wss://service.example/a?{session}", api_key=KEY))
    assert 1 == len(dialer._proxies)


async def test_a_given_proxy_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit proxy takes precedence over the environment."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    monkeypatch.setenv("NO_PROXY", "*")
    factory = Factory()
    dialer = Dialer(lambda: factory)
    mine = "http://mine.example:1080"
    with pytest.raises(ConnectError):
        await dialer.dial(Options(endpoint="wss://service.example", api_key=KEY, proxy=mine))
    assert mine == factory.handshake.proxy


async def test_nothing_is_opened_after_the_end() -> None:
    """If the recognizer is closed while a key is fetched, no connection is opened afterwards."""
    made: list[Factory] = []

    def make() -> Factory:
        made.append(Factory())
        return made[-1]

    dialer = Dialer(make)

    async def key() -> str:
        await dialer.aclose()
        return KEY

    with pytest.raises(UsageError, match="closed"):
        await dialer.dial(Options(api_key=key))
    assert [] == made


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
async def test_a_refusal_has_status_and_body(
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
    """`Retry-After` in seconds is reported; a date or an invalid number is ignored."""
    headers = {} if value is None else {"Retry-After": value}
    error = await refusal_of(dialer, Refuse(429, headers=headers))
    assert expected == error.retry_after
    assert error.is_throttled


async def test_no_answer_is_reported(dialer: Dialer) -> None:
    """When nothing listens, `ConnectError` names the host and is retryable."""
    with pytest.raises(ConnectError) as caught:
        await dialer.dial(Options(endpoint="ws://127.0.0.1:1/v1", api_key=KEY))
    assert "no connection to 127.0.0.1: Connection refused" == caught.value.message
    assert "start the service" in caught.value.hint
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, OSError)


async def test_the_key_is_not_shown_where_the_body_is_cut(dialer: Dialer) -> None:
    """A key that stands where the body is cut off is not shown in part."""
    error = await refusal_of(dialer, Refuse(404, "x" * 494 + KEY))
    assert "x" * 494 + "…" == error.body


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
    await Dialer(lambda: factory_of("aiohttp")).aclose()


# --- Redirects -------------------------------------------------------------------------------

Answer = Callable[[bytes], bytes]
CLIENT_HELLO = b"\x16"


@asynccontextmanager
async def raw_server(answer: Answer) -> AsyncGenerator[int, None]:
    """Yield the port of a server that sends the result of *answer*, and hangs up."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            request = b""
            while b"\r\n\r\n" not in request and not request.startswith(CLIENT_HELLO):
                request += await stream.receive()
            if reply := answer(request):
                await stream.send(reply)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield listener.extra(SocketAttribute.local_port)
            tasks.cancel_scope.cancel()


def http(status: str, *headers: str, body: bytes = b"") -> bytes:
    """Return an HTTP response."""
    length = f"Content-Length: {len(body)}"
    return "\r\n".join([f"HTTP/1.1 {status}", length, *headers, "", ""]).encode() + body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(dialer: Dialer, status: int) -> None:
    """A redirect to another server is a refusal that names its host; nothing is sent there."""
    asked: list[bytes] = []
    async with ScriptedServer() as other:
        port = urlsplit(other.url).port
        location = f"Location: http://user:secret@127.0.0.1:{port}/secret?secret"

        def answer(request: bytes) -> bytes:
            asked.append(request)
            return http(f"{status} Moved", location)

        async with raw_server(answer) as here:
            with pytest.raises(HandshakeError) as caught:
                await dialer.dial(Options(endpoint=f"ws://127.0.0.1:{here}/", api_key=KEY))
        assert [] == other.headers
    assert 1 == len(asked)
    assert (status, False) == (caught.value.status, caught.value.retryable)
    assert "redirects to 127.0.0.1," in caught.value.body
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://other.example/x?secret", "redirects to other.example,"),
        ("//other.example:81/secret", "redirects to other.example,"),
        ("https://[2001:db8::1]/", "redirects to 2001:db8::1,"),
        ("/secret", "redirects to its own host,"),
        ("https://secret<>/", "redirects to an invalid address,"),
        ("https://[secret/", "redirects to an invalid address,"),
        (f"https://{KEY.upper()}.example/", "redirects to ….example,"),
        (None, "redirects to its own host,"),
    ],
)
async def test_where_a_redirect_leads_to(
    dialer: Dialer, location: str | None, expected: str
) -> None:
    """The error names the host of a redirect and nothing else of it, whatever it is."""
    headers = {} if location is None else {"Location": location}
    error = await refusal_of(dialer, Refuse(302, headers=headers))
    assert expected in error.body
    assert "secret" not in str(error)


async def test_a_refused_redirect_leaves_nothing_open(dialer: Dialer) -> None:
    """The connection of a refused redirect is closed at once, and the dialer goes on."""
    async with ScriptedServer(faults=[Refuse(302, headers={"Location": "/"})]) as server:
        options = Options(endpoint=server.url, api_key=KEY)
        with pytest.raises(HandshakeError):
            await dialer.dial(options)
        gc.collect()  # a ResourceWarning would be an error
        transport = await dialer.dial(options)
        assert transport.is_open
        await transport.aclose()


# --- TLS -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority that is not trusted by default."""
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
    """A private service can be used with TLS settings that trust its authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    transport = await dialer.dial(Options(endpoint=secure_url, api_key=KEY, ssl=context))
    assert transport.is_open
    await transport.aclose()
    assert not transport.is_open


async def test_a_certificate_that_is_not_trusted(dialer: Dialer, secure_url: str) -> None:
    """Without them, its certificate is refused, and that is not retryable."""
    with pytest.raises(ConnectError, match=r"certificate of 127\.0\.0\.1 is not valid: ") as caught:
        await dialer.dial(Options(endpoint=secure_url, api_key=KEY))
    assert not caught.value.retryable
    assert "ssl=" in caught.value.hint
    assert "ssl:" not in str(caught.value)


async def test_a_certificate_of_another_host(
    dialer: Dialer, authority: trustme.CA, secure_url: str
) -> None:
    """A certificate that is trusted, but for another host, is refused with the reason."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    url = secure_url.replace("127.0.0.1", "localhost")
    with pytest.raises(ConnectError, match="Hostname mismatch") as caught:
        await dialer.dial(Options(endpoint=url, api_key=KEY, ssl=context))
    assert not caught.value.retryable


async def test_tls_to_a_server_without_it(dialer: Dialer) -> None:
    """A server without TLS is recognized, and the hint names the remedy."""
    async with ScriptedServer() as server:
        url = server.url.replace("ws:", "wss:")
        with pytest.raises(ConnectError, match=r"TLS with 127\.0\.0\.1 failed: ") as caught:
            await dialer.dial(Options(endpoint=url, api_key=KEY))
    assert not caught.value.retryable
    assert "ws:// instead of wss://" in caught.value.hint
    assert "ssl:" not in str(caught.value)


async def test_tls_to_a_proxy_without_it(dialer: Dialer) -> None:
    """For a proxy without TLS, the hint names the proxy option."""
    async with raw_server(lambda _: b"") as port, ScriptedServer() as plain:
        proxy = plain.url.replace("ws:", "https:").replace("127.0.0.1", "localhost")
        with pytest.raises(ConnectError, match="TLS with localhost failed: ") as caught:
            await dialer.dial(Options(endpoint=f"ws://127.0.0.1:{port}", api_key=KEY, proxy=proxy))
    assert not caught.value.retryable
    assert "http:// instead of https:// in proxy=" in caught.value.hint


@pytest.mark.parametrize(
    ("cause", "retryable"),
    [
        (ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] alert"), False),
        (ssl.SSLCertVerificationError("no reason"), False),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), True),
        (ConnectionResetError(104, "reset"), True),
    ],
    ids=repr,
)
@pytest.mark.parametrize("wrapped", [True, False], ids=["by aiohttp", "itself"])
async def test_tls_that_fails_late(
    dialer: Dialer,
    monkeypatch: pytest.MonkeyPatch,
    cause: OSError,
    retryable: bool,
    wrapped: bool,
) -> None:
    """A TLS error after the handshake is reported as one; a connection that just ends is not."""

    async def fail(*_: object, **__: object) -> NoReturn:
        if not wrapped:
            raise cause
        raise ClientOSError(*cause.args) from cause

    monkeypatch.setattr(ClientSession, "ws_connect", fail)
    with pytest.raises(ConnectError) as caught:
        await dialer.dial(Options(endpoint="wss://service.example", api_key=KEY))
    assert retryable is caught.value.retryable


# --- Secrets ---------------------------------------------------------------------------------

SECRETS = {
    "key": KEY,
    "header": "secret-of-a-header",
    "query": "secret%20query",
    "query, decoded": "secret query",
    "user": "secret-user",
    "password": "s%3Ft",
    "password, decoded": "s?t",
    "proxy-authorization": b64encode(b"secret-user:s?t").decode(),
}


def echo(status: str, *headers: str, more: str = "secret query") -> Answer:
    """Answer with *more*, and all that came."""

    def answer(request: bytes) -> bytes:
        return http(status, *headers, body=more.encode() + request)

    return answer


def in_json(request: bytes) -> bytes:
    """Quote the headers of a request as a gateway does."""
    quoted = f"wrong: {KEY} {SECRETS['header']} {request[:90].decode()}"
    document = {"code": "InvalidApiKey", "message": quoted, "request_id": f"of {KEY}"}
    return json.dumps(document).encode()


def no_names(
    resolve: Callable[..., object], host: str | bytes, *args: Any, **kwargs: Any
) -> object:
    """Stand for the operating system's resolver: knows only addresses."""
    if b"invalid" in (host if isinstance(host, bytes) else host.encode()):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return resolve(host, *args, **kwargs)


class NoNames(AbstractResolver):
    """Knows no host."""

    async def resolve(self, host: str, *_: object, **__: object) -> NoReturn:
        """Fail as the operating system does."""
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        """Nothing to close."""


class Case(NamedTuple):
    """A way to fail: endpoint, proxy, response, and the expected error."""

    expected: str
    endpoint: str = "ws://127.0.0.1:{port}"
    proxy: str = ""
    answer: Answer = lambda _: b""
    retryable: bool = False
    chained: bool = True


PROXIES = "http://{user}:{password}@127.0.0.1:{{port}}".format_map(SECRETS)
DEAF = PROXIES.replace("{port}", "1")
NO_HOST = "ä" * 70  # too long for the name of a host
CASES = {
    "refused": Case("127.0.0.1: Connection refused", "ws://127.0.0.1:1", retryable=True),
    "refused, TLS": Case("127.0.0.1: Connection refused", "wss://127.0.0.1:1", retryable=True),
    "no such name": Case(
        "the name service.invalid cannot be resolved: Name or service not known",
        "wss://service.invalid",
    ),
    "no TLS": Case("TLS with 127.0.0.1 failed", "wss://127.0.0.1:{port}", answer=echo("200")),
    "certificate": Case("the certificate of 127.0.0.1 is not valid", "{secure}"),
    "hangs up": Case("127.0.0.1: the peer closed the connection", retryable=True),
    "no HTTP": Case(
        'not HTTP, it begins with "GET /v1?… HTTP/1.1"',
        answer=lambda request: request + b"\r\n",
        chained=False,
    ),
    "no HTTP, cut": Case(
        "the answer is not HTTP",
        answer=lambda _: b"x" * 33 + b"secret-of-a-header\r\n\r\n",
        chained=False,
    ),
    "no WebSocket": Case("the WebSocket handshake is wrong: ", answer=echo("101 x"), chained=False),
    "401": Case("HTTP 401", answer=echo("401 x")),
    "503": Case("HTTP 503", answer=echo("503 x"), retryable=True),
    "401, JSON": Case(
        "HTTP 401: InvalidApiKey: wrong",
        answer=lambda request: http("401 x", body=in_json(request)),
    ),
    "503, JSON": Case(
        "HTTP 503: InvalidApiKey: wrong",
        answer=lambda request: http("503 x", body=in_json(request)),
    ),
    "redirect": Case(
        "other.example",
        answer=echo("302 x", f"Location: http://{KEY}@other.example/{KEY}?secret-of-a-header"),
    ),
    "proxy: refused": Case(
        "no connection to the proxy 127.0.0.1:1: Connection refused",
        "wss://service.invalid",
        DEAF,
        retryable=True,
    ),
    "proxy: no such name": Case(
        "the name proxy.invalid cannot be resolved",
        "wss://service.invalid",
        DEAF.replace("127.0.0.1", "proxy.invalid"),
    ),
    "proxy: 407 to CONNECT": Case(
        "the proxy refused with HTTP 407",
        "wss://service.invalid",
        PROXIES,
        echo("407 secret-user"),
        chained=False,
    ),
    "proxy: 407": Case(
        "HTTP 407",
        "ws://service.invalid",
        PROXIES,
        echo("407 x", more="secret-user s%3Ft s?t"),
    ),
    "proxy: no HTTP": Case(
        "the answer is not HTTP",
        "wss://service.invalid",
        PROXIES,
        lambda request: request,
        chained=False,
    ),
    "proxy: hangs up": Case(": ", "wss://service.invalid", PROXIES, retryable=True),
    "proxy: no address": Case(
        "the address is invalid",
        "wss://service.invalid",
        DEAF.replace("127.0.0.1", NO_HOST),
        chained=False,
    ),
    "no address": Case("the address is invalid", f"wss://{NO_HOST}", chained=False),
}


# picows reports less about these failures.
OTHERWISE = {
    "no HTTP, cut": "",
    "proxy: 407": "the proxy refused with HTTP 407",
    "proxy: no HTTP": "closed the connection without an answer",
    "proxy: no address": "",
    "no address": "",
}


def aiohttp_without_names() -> TransportFactory:
    """Make a factory whose resolver knows no host."""
    return factory_of("aiohttp", lambda: TCPConnector(resolver=NoNames()))


@pytest.mark.parametrize("transport", ["aiohttp", "picows"])
@pytest.mark.parametrize("name", CASES)
async def test_no_failure_shows_a_secret(
    name: str,
    transport: str,
    secure_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However a connection fails, neither the error, its traceback nor the log shows a secret."""
    caplog.set_level(0)
    # Not there: in debug mode, asyncio's server takes a client that leaves for an error of its own.
    asyncio.get_running_loop().set_debug(name != "certificate")
    case = CASES[name]
    is_picows = transport == "picows"
    if is_picows:
        case = case._replace(expected=OTHERWISE.get(name, case.expected))
        if name == "proxy: no HTTP":
            case = case._replace(retryable=True)
        names = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda host, *a, **k: no_names(names, host, *a, **k)
        )
    dialer = Dialer((lambda: factory_of("picows")) if is_picows else aiohttp_without_names)
    async with raw_server(case.answer) as port:
        url = case.endpoint.format(port=port, secure=secure_url.rstrip("/"))
        options = Options(
            endpoint=f"{url}/v1?token={SECRETS['query']}&secret-of-a-header",
            api_key=KEY,
            headers={"X-Token": SECRETS["header"], "Cookie": f"a {SECRETS['header']}"},
            proxy=case.proxy.format(port=port) or None,
        )
        with pytest.raises(ConnectError) as caught:
            await dialer.dial(options)
    await dialer.aclose()
    error = caught.value
    log = [repr((record.getMessage(), record.args)) for record in caplog.records]
    shown = "".join([*traceback.format_exception(error), repr(error), repr(vars(error)), *log])
    assert [] == [secret for secret, value in SECRETS.items() if value in shown + repr(options)]
    assert case.expected in str(error)
    assert case.retryable is error.retryable
    if not isinstance(error, HandshakeError) and not is_picows:
        assert case.chained is (error.__cause__ is not None)


async def test_a_server_with_tls_at_a_plain_address(dialer: Dialer) -> None:
    """When TLS answers a ws:// address, the hint is wss://."""
    async with raw_server(lambda _: b"\x15\x03\x03\x00\x02\x02\x46") as port:
        with pytest.raises(ConnectError, match="the answer is TLS, not HTTP") as caught:
            await dialer.dial(Options(endpoint=f"ws://127.0.0.1:{port}", api_key=KEY))
    assert "wss://" in caught.value.hint
    assert not caught.value.retryable


async def test_binary_data_instead_of_http(dialer: Dialer) -> None:
    """What is not printable of another protocol's answer is not shown."""
    async with raw_server(lambda _: b"\x00\x01\x1b[31m\r\n\r\n") as port:
        with pytest.raises(ConnectError, match="the answer is not HTTP") as caught:
            await dialer.dial(Options(endpoint=f"ws://127.0.0.1:{port}", api_key=KEY))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("message", ["", "b'", "b'\\x'", "no b'' and 'b'"])
def test_answers_that_aiohttp_does_not_show(message: str) -> None:
    """When aiohttp's message has no literal of bytes, the answer is not shown."""
    handshake = Handshake(url="ws://service.example", headers={})
    error = Failures().no_http(handshake, beginning_in(message))
    assert str(error).startswith("no connection to service.example: the answer is not HTTP (")


@pytest.mark.parametrize(
    ("number", "was_reached", "retryable"),
    [
        (socket.EAI_NONAME, False, False),
        (socket.EAI_NONAME, True, True),
        (socket.EAI_AGAIN, False, True),
        (None, False, True),
    ],
)
@pytest.mark.parametrize("proxy", [None, "http://other.example:3128"])
def test_which_names_are_worth_another_try(
    number: int | None, proxy: str | None, *, was_reached: bool, retryable: bool
) -> None:
    """An unknown name is not retryable, unless it was known before: then the network is down."""
    failures = Failures()
    handshake = Handshake(url="wss://service.example", headers={}, proxy=proxy)
    if was_reached:
        failures.reached(handshake)
    host = "service.example" if proxy is None else "other.example"
    error = failures.no_name(handshake, socket.gaierror(number, "no such name"), host)
    assert retryable is error.retryable
    assert f"the name {host} cannot be resolved: no such name" in str(error)


async def test_a_secret_in_the_words_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret in the message of the user's resolver is removed from the reason."""

    async def resolve(*_: object, **__: object) -> NoReturn:
        raise OSError(None, f"no name for {KEY}")

    monkeypatch.setattr(NoNames, "resolve", resolve)
    dialer = Dialer(aiohttp_without_names)
    with pytest.raises(ConnectError, match="no name for …") as caught:
        await dialer.dial(Options(endpoint="ws://service.invalid", api_key=KEY))
    await dialer.aclose()
    shown = traceback.format_exception(caught.value)
    assert KEY not in "".join([*shown, repr(caught.value), repr(vars(caught.value))])


async def test_what_is_short_is_no_secret(dialer: Dialer) -> None:
    """A short value of a header or query, like `1`, is not removed from messages."""
    async with ScriptedServer(forever=Refuse(404, "no 1 is here")) as server:
        endpoint = f"{server.url}?v=1"
        with pytest.raises(HandshakeError, match="no 1 is here"):
            await dialer.dial(Options(endpoint=endpoint, api_key=KEY, headers={"A": "1"}))
