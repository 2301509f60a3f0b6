"""
Connections made by aiohttp: the default of `transport=`.

aiohttp shakes hands; what it follows, stores or hides on the way is switched off: redirects,
cookies, bodies of refusals that are dropped.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import anyio
from aiohttp import ClientError, ClientWebSocketResponse, ClientWSTimeout

from paraformer_async._net.aiohttp_documented import DocumentedTransport
from paraformer_async._net.aiohttp_private import BUFFER, PrivateTransport, Socket, is_tested
from paraformer_async._net.contract import Handshake, Transport
from paraformer_async._net.failures import Failures, Where
from paraformer_async._net.redaction import host_of_redirect
from paraformer_async.errors import ConnectError, HandshakeError

if TYPE_CHECKING:
    from aiohttp import BaseConnector, ClientHandlerType, ClientRequest, ClientResponse

__all__ = ["AiohttpFactory"]

_SWITCHING_PROTOCOLS = 101
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BODY_SHOWN = 500
_BODY_WAIT = 1.0  # seconds; at most half of what is left until the deadline


class AiohttpFactory:
    """
    `TransportFactory` that shares what aiohttp keeps: resolver, TLS sessions.

    Args:
        connector: Makes aiohttp's connector, for those who want another resolver or address family.
    """

    def __init__(self, connector: "Callable[[], BaseConnector] | None" = None) -> None:
        is_fast = is_tested()
        self._buffer = memoryview(bytearray(BUFFER)) if is_fast else memoryview(b"")
        self._failures = Failures()
        self._session = aiohttp.ClientSession(
            connector=connector() if connector else aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),  # one key's cookies are not another's
            timeout=aiohttp.ClientTimeout(total=None),
            raise_for_status=_refuse,
            ws_response_class=Socket if is_fast else ClientWebSocketResponse,
            middlewares=[_refuse_redirect],
            # Not trust_env: aiohttp would put credentials of ~/.netrc in our key's place.
        )

    async def connect(self, handshake: Handshake) -> Transport:
        """Open a connection, see `TransportFactory`."""
        try:
            socket = await self._session.ws_connect(
                handshake.url,
                headers=handshake.headers,
                proxy=handshake.proxy,
                ssl=handshake.ssl or True,
                timeout=ClientWSTimeout(ws_close=handshake.close),  # pyright: ignore[reportCallIssue] # attrs
                heartbeat=handshake.ping,
                max_msg_size=handshake.largest_message,
            )
        except HandshakeError as refusal:
            raise self._failures.redacted(handshake, refusal) from None
        except (ClientError, OSError, ValueError) as error:
            raise self._failure(handshake, error) from self._failures.cause(handshake, error)
        self._failures.reached(handshake)
        if isinstance(socket, Socket) and socket.is_fresh:
            return PrivateTransport(
                socket, handshake.close, handshake.largest_message, self._buffer
            )
        return DocumentedTransport(socket, handshake.close)

    async def aclose(self) -> None:
        """Free what the connections share."""
        await self._session.close()

    def _failure(self, handshake: Handshake, error: Exception) -> ConnectError:
        """Return why there is no connection, by the kind of *error*."""
        failures = self._failures
        match error:
            case aiohttp.WSServerHandshakeError():
                return failures.no_websocket(handshake, error.message)
            case aiohttp.ClientHttpProxyError():
                return failures.refused_by_proxy(handshake, error.status)
            case aiohttp.ClientResponseError():
                return failures.no_http(handshake, _beginning_in(error.message))
            case aiohttp.ClientConnectorError():
                cause = _tls_in(error) or error.os_error
                is_proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
                where = Where(error.host, error.port or 0, is_proxy=is_proxy)
                return failures.of_system(handshake, cause, where)
            case OSError():
                return failures.of_system(handshake, _tls_in(error) or error)
            case ValueError():  # InvalidURL is one of them
                return failures.no_address(handshake)
        return failures.hung_up(handshake)


def _tls_in(error: Exception) -> OSError | None:
    from ssl import SSLError

    for one in (getattr(error, "os_error", None), error.__cause__, error):
        if isinstance(one, SSLError):
            return one
    return None


def _beginning_in(message: str) -> bytes:
    """Return what aiohttp shows of an answer that is not HTTP."""
    found = re.search(r"""b(['"])(.*)\1""", message)
    return found[2].encode().decode("unicode_escape").encode("latin-1") if found else b""


async def _refuse(response: "ClientResponse") -> None:
    """Raise what the service answered in place of a WebSocket, which aiohttp alone would drop."""
    if response.status == _SWITCHING_PROTOCOLS:
        return
    body = b""
    left = anyio.current_effective_deadline() - anyio.current_time()
    with anyio.move_on_after(min(_BODY_WAIT, left / 2)), suppress(ClientError, OSError):
        while len(body) < _BODY_SHOWN and (part := await response.content.read(_BODY_SHOWN)):
            body += part
    response.close()
    text = body[:_BODY_SHOWN].decode(errors="replace")
    raise Failures.refusal(response.status, text, response.headers.get("Retry-After", ""))


async def _refuse_redirect(
    request: "ClientRequest", shake_hands: "ClientHandlerType"
) -> "ClientResponse":
    """
    Keep the audio here: aiohttp would follow, with the headers and without TLS.

    A middleware of aiohttp, because `ws_connect` has no option for it.
    """
    response = await shake_hands(request)
    if response.status in _REDIRECTS:
        response.close()
        where = host_of_redirect(response.headers.get("Location", ""))
        raise HandshakeError(response.status, f"it redirects to {where}, which is not followed")
    return response
