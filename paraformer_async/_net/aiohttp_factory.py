"""
Connections made by aiohttp: the default of `transport=`.

aiohttp does the handshake. Unlike its defaults, redirects are not followed, cookies are not kept,
and the body of a refusal is read.
"""

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import ClientError, ClientWebSocketResponse, ClientWSTimeout

from paraformer_async._net.aiohttp_documented import DocumentedTransport
from paraformer_async._net.aiohttp_failures import body_of_refusal, failure_of
from paraformer_async._net.contract import Handshake, Transport
from paraformer_async._net.failures import Failures
from paraformer_async._net.redaction import host_of_redirect
from paraformer_async.errors import HandshakeError, InvalidOptionError
from paraformer_async.options.checks import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import BaseConnector, ClientHandlerType, ClientRequest, ClientResponse

__all__ = ["TESTED", "AiohttpFactory"]

TESTED = frozenset({"3.14.0", "3.14.1", "3.14.2", "3.14.3", "3.14.4", "3.14.5"})
"""
Versions of aiohttp whose private parts may be used: only those on which CI has run.

On any other version, and when this set is empty, connections are `DocumentedTransport`.
"""
_SWITCHING_PROTOCOLS = 101
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class AiohttpFactory:
    """
    `TransportFactory` whose connections share what aiohttp keeps: resolver, TLS sessions.

    Args:
        connector: Returns aiohttp's connector, for another resolver or address family.

    Raises:
        InvalidOptionError: *connector* has returned something else.
    """

    def __init__(self, connector: "Callable[[], BaseConnector] | None" = None) -> None:
        self._is_tested = aiohttp.__version__ in TESTED
        self._buffer = memoryview(b"")  # for what all connections receive
        self._failures = Failures()
        self._session = aiohttp.ClientSession(
            connector=_made(connector) if connector else aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),  # one key's cookies are not another's
            timeout=aiohttp.ClientTimeout(total=None),
            raise_for_status=_refuse,
            ws_response_class=self._socket_class(),
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
                autoping=False,  # its pongs would make `receive` wait for a peer that reads nothing
                max_msg_size=handshake.largest_message + 1,  # it takes what is smaller
            )
        except HandshakeError as refusal:
            raise self._failures.redacted(handshake, refusal) from None
        except (ClientError, OSError, ValueError) as error:
            raise failure_of(self._failures, handshake, error) from self._failures.cause(
                handshake, error
            )
        self._failures.reached(handshake)
        if self._is_tested:
            from paraformer_async._net.aiohttp_private import PrivateTransport, Socket

            if isinstance(socket, Socket) and socket.is_fresh:
                return PrivateTransport(
                    socket, handshake.close, handshake.largest_message, self._buffer
                )
        return DocumentedTransport(socket, handshake.close, handshake.largest_message)

    async def aclose(self) -> None:
        """Free what the connections share."""
        await self._session.close()

    def _socket_class(self) -> type[ClientWebSocketResponse]:
        if not self._is_tested:
            return ClientWebSocketResponse
        from paraformer_async._net.aiohttp_private import BUFFER, Socket

        self._buffer = memoryview(bytearray(BUFFER))
        return Socket


def _made(connector: "Callable[[], BaseConnector]") -> "BaseConnector":
    made = connector()
    if not isinstance(made, aiohttp.BaseConnector):
        raise InvalidOptionError(
            "connector", f"it has returned {shown(made)}, which is no connector of aiohttp"
        )
    return made


async def _refuse(response: "ClientResponse") -> None:
    """Raise what the service returned instead of a WebSocket; aiohttp alone would drop the body."""
    if response.status == _SWITCHING_PROTOCOLS:
        return
    text = await body_of_refusal(response)
    response.close()
    raise Failures.refusal(response.status, text, response.headers.get("Retry-After", ""))


async def _refuse_redirect(
    request: "ClientRequest", shake_hands: "ClientHandlerType"
) -> "ClientResponse":
    """
    Refuse redirects: aiohttp would follow them, with the headers and without TLS.

    A middleware of aiohttp, because `ws_connect` has no option for it.
    """
    response = await shake_hands(request)
    if response.status in _REDIRECTS:
        response.close()
        where = host_of_redirect(response.headers.get("Location", ""))
        raise HandshakeError(response.status, f"it redirects to {where}, which is not followed")
    return response
