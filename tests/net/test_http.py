"""HTTP requests beside the socket: what is sent, and what an answer means."""

import asyncio
import json
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
import trustme
from aiohttp import web

from paraformer_async import (
    AuthenticationError,
    ConnectError,
    ParaformerError,
    RemoteProtocolError,
    RequestError,
    ServiceError,
)
from paraformer_async._accepting import finish_accepting
from paraformer_async._net.http import HttpClient, HttpRequest
from paraformer_async._net.redaction import Hidden
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop

KEY = "sk-very-secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A client, closed in the end."""
    client = HttpClient()
    yield client
    await client.aclose()


@asynccontextmanager
async def serving(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve HTTP with *handle* on this machine; yield the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await finish_accepting()
        await runner.cleanup()


def request_to(url: str, **others: object) -> HttpRequest:
    """Return a request with a key."""
    headers = {"Authorization": Hidden(f"Bearer {KEY}")}
    return HttpRequest(url=url, headers=headers, **others)  # type: ignore[arg-type]


def answering(status: int, body: str = "", **headers: str) -> Handler:
    """Return a handler that always gives the same answer."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(
            status=status,
            text=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return handle


async def test_what_is_sent_and_returned(client: HttpClient) -> None:
    """The body, the key and the query are sent, and the body of the answer is returned."""
    seen: list[tuple[str, str, str, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        headers = request.headers
        body = await request.read()
        seen.append(
            (request.path_qs, headers["Authorization"], headers.get("Content-Type", ""), body)
        )
        return web.json_response({"output": {}})

    async with serving(handle) as url:
        answer = await client.post(request_to(f"{url}/api/v1/x?a=b", body=b"{}"))
    assert b'{"output": {}}' == answer
    assert [("/api/v1/x?a=b", f"Bearer {KEY}", "application/json", b"{}")] == seen


async def test_cookies_are_not_kept(client: HttpClient) -> None:
    """A cookie that the service sets is not sent again."""
    seen: list[bool] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append("Cookie" in request.headers)
        return web.Response(headers={"Set-Cookie": "a=b; Path=/"})

    async with serving(handle) as url:
        for _ in range(2):
            await client.post(request_to(url))
    assert [False, False] == seen


async def test_tls_is_verified(client: HttpClient) -> None:
    """The certificate of an unknown authority is refused, unless `ssl` trusts it."""
    # In debug mode, asyncio's server takes a client that leaves for an error of its own.
    asyncio.get_running_loop().set_debug(False)
    authority = trustme.CA()
    server, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(trusting)
    async with serving(answering(200, "yes"), server) as url:
        with pytest.raises(ConnectError, match=r"the certificate of .* is not valid"):
            await client.post(request_to(url))
        assert b"yes" == await client.post(request_to(url, ssl=trusting))


async def test_a_proxy_is_used(client: HttpClient) -> None:
    """With a proxy, the request goes there, and what the proxy refuses is explained."""
    hosts: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.Response(status=407, text="no secret-password here")

    async with serving(handle) as proxy:
        by_proxy = proxy.replace("://", "://user:secret-password@")
        request = request_to("http://service.example/api/v1/x", proxy=by_proxy)
        with pytest.raises(RequestError, match="pass its credentials") as caught:
            await client.post(request)
    assert ["service.example"] == hosts
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key(client: HttpClient, status: int) -> None:
    """A refused key is the same error as in a handshake."""
    body = '{"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "r"}'
    async with serving(answering(status, body)) as url:
        with pytest.raises(AuthenticationError, match="Invalid API-key provided") as caught:
            await client.post(request_to(url))
    assert ("InvalidApiKey", "r", False) == (
        caught.value.error_code,
        caught.value.request_id,
        caught.value.retryable,
    )


async def test_a_refused_request(client: HttpClient) -> None:
    """A refusal has the service's code, message and Retry-After, and is judged by the catalogue."""
    body = '{"code": "Throttling.RateQuota", "message": "slow down"}'
    async with serving(answering(429, body, Retry_After="7")) as url:
        with pytest.raises(RequestError, match=r"HTTP 429: Throttling\.RateQuota: slow") as caught:
            await client.post(request_to(url))
    error = caught.value
    assert (429, 7.0, True, True) == (
        error.status,
        error.retry_after,
        error.retryable,
        error.is_throttled,
    )


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_a_refusal_whose_body_cannot_be_read(client: HttpClient, encoding: str) -> None:
    """The status decides, also if the body does not come within a second, or is damaged."""
    is_over = asyncio.Event()

    async def refuse(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=401, headers={"Content-Encoding": encoding})
        response.content_length = 50
        await response.prepare(request)
        await response.write(b"\x1f\x8b damaged" if encoding == "gzip" else b"no such")
        await is_over.wait()
        return response

    async with serving(refuse) as url:
        with anyio.fail_after(10), pytest.raises(AuthenticationError) as caught:
            await client.post(request_to(url))
        is_over.set()
    assert 401 == caught.value.status


async def test_redirects_are_not_followed(client: HttpClient) -> None:
    """A redirect is an error that names the host, and nothing else of the address."""
    async with serving(answering(307, Location="http://evil.example/?secret")) as url:
        with pytest.raises(RequestError, match=r"redirects to evil\.example, which") as caught:
            await client.post(request_to(url))
    assert "secret" not in str(caught.value)


async def test_an_answer_that_is_too_large(client: HttpClient) -> None:
    """Not more than the limit is read of an answer."""
    async with serving(answering(200, "x" * 1001)) as url:
        request = request_to(url, largest_message=1000)
        with pytest.raises(RemoteProtocolError, match="larger than 1000 bytes"):
            await client.post(request)


async def test_no_answer(client: HttpClient) -> None:
    """A peer that hangs up, does not speak HTTP, or is not there, is retryable or explained."""

    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with serving(hang_up) as url:
        with pytest.raises(ConnectError) as caught:
            await client.post(request_to(url))
        assert caught.value.retryable
    with pytest.raises(ConnectError, match="refused") as caught:
        await client.post(request_to(url))
    assert caught.value.retryable


async def test_the_key_is_never_shown(client: HttpClient) -> None:
    """However a request fails, neither the error nor its traceback shows the key."""
    echo = answering(400, f"the key {KEY} is wrong")
    failures: list[ParaformerError] = []
    async with serving(echo) as url:
        for address in (url, "http://127.0.0.1:1", url.replace("http:", "https:"), "http://h:x"):
            request = request_to(address)
            with pytest.raises(ParaformerError) as caught:
                await client.post(request)
            failures.append(caught.value)
    for error in failures:
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        assert KEY not in shown
    assert KEY not in repr(request) + str(request)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("field", ["code", "message", "request_id", "error"])
async def test_an_answer_that_quotes_the_key(client: HttpClient, status: int, field: str) -> None:
    """What the service quotes of a request is removed from every attribute of the error."""
    quoted = f"wrong: Bearer {KEY} at ?token=query/secret with proxy-secret"
    nested = {"code": quoted, "message": quoted}
    body = json.dumps({field: nested if field == "error" else quoted}).replace("/", r"\/")
    async with serving(answering(status, body)) as proxy:
        request = request_to(
            "http://service.example/api/v1/x?token=query/secret",
            proxy=proxy.replace("://", "://user:proxy-secret@"),
        )
        with pytest.raises(ServiceError) as caught:
            await client.post(request)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    assert [] == [each for each in (KEY, "y/secret", r"y\/secret", "xy-secret") if each in shown]
    assert "wrong: … at ?… with …" in shown


async def test_cancellation_closes_the_connection(client: HttpClient) -> None:
    """A canceled request ends at once, and its connection is closed."""
    arrived, closed = anyio.Event(), anyio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        with suppress(ConnectionError):
            await reader.read()
        closed.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with anyio.fail_after(5):
        async with server, anyio.create_task_group() as tasks:
            tasks.start_soon(client.post, request_to(f"http://127.0.0.1:{port}"))
            await arrived.wait()
            tasks.cancel_scope.cancel()
        await closed.wait()
