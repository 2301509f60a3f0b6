"""
HTTP requests beside the socket, with the same TLS, proxies, errors and redaction.

As for WebSockets, and unlike aiohttp's defaults, redirects are not followed, cookies are not kept,
and `~/.netrc` is not read. Each request has a connection of its own: they are rare, and one that
was idle might be closed by the service while a request that must not be repeated is on its way.
"""

import aiohttp
from aiohttp import ClientError

from paraformer_async._net.aiohttp_failures import body_of_refusal, failure_of
from paraformer_async._net.contract import Handshake
from paraformer_async._net.failures import Failures
from paraformer_async._net.redaction import host_of_redirect
from paraformer_async.errors import RemoteProtocolError

__all__ = ["HttpClient", "HttpRequest"]

_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpRequest(Handshake, frozen=True, kw_only=True):
    """
    A request: address (`http://` or `https://`), headers, proxy and TLS, and what is sent.

    Attributes:
        body: JSON; empty for none.
    """

    body: bytes = b""

    def __repr__(self) -> str:
        """Show nothing, as for a handshake."""
        return "<HttpRequest>"


class HttpClient:
    """Sends requests; created and used in one event loop."""

    def __init__(self) -> None:
        self._failures = Failures()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),  # one key's cookies are not another's
            timeout=aiohttp.ClientTimeout(total=None),  # the caller's
        )

    async def post(self, request: HttpRequest) -> bytes:
        """
        Send *request* and return the body of the answer, which is a success.

        Cancellation is safe: the connection is closed. Whether the service has acted on the request
        is not known then, nor after a `ConnectError` that is retryable.

        Raises:
            AuthenticationError: The key was refused (HTTP 401 or 403).
            RequestError: The service returned another status, including redirects.
            RemoteProtocolError: The answer is too large.
            ConnectError: There was no answer.
        """
        try:
            async with self._session.post(
                request.url,
                data=request.body or None,
                headers={"Content-Type": "application/json", **request.headers},
                proxy=request.proxy,
                ssl=request.ssl or True,
                allow_redirects=False,
            ) as response:
                is_success = response.status == _OK
                body = await _body_of(response, request.largest_message) if is_success else b""
                text = "" if is_success else await body_of_refusal(response)
        except (ClientError, OSError, ValueError) as error:
            failure = failure_of(self._failures, request, error)
            raise failure from self._failures.cause(request, error)
        self._failures.reached(request)
        if is_success:
            return body
        if response.status in _REDIRECTS:
            where = host_of_redirect(response.headers.get("Location", ""))
            text = f"it redirects to {where}, which is not followed"
        retry_after = response.headers.get("Retry-After", "")
        refusal = self._failures.refused_request(response.status, text, retry_after)
        raise self._failures.redacted(request, refusal)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _body_of(response: aiohttp.ClientResponse, largest: int) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > largest:
            raise RemoteProtocolError(f"the answer is larger than {largest} bytes")
    return bytes(body)
