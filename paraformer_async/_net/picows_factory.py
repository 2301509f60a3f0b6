"""
Connections made by picows: `transport="picows"`, where streams are many. Needs the extra `fast`.

picows does the handshake, over TLS and through proxies. The sockets are created here, because
picows leaves them open when the connecting task is canceled.
"""

import asyncio
import logging
import re
import socket as sockets
import ssl as tls
from typing import Any
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection
from picows import (
    WSError,
    WSHandshakeError,
    WSInvalidHeaderError,
    WSInvalidMessageError,
    WSInvalidStatusError,
    WSParsedURL,
    ws_connect,
)
from python_socks import ProxyError

from paraformer_async._net.aiohttp_documented import cut_off, keep_send_buffer_small
from paraformer_async._net.contract import Handshake, Transport
from paraformer_async._net.failures import Failures, Where
from paraformer_async._net.picows_transport import PicowsTransport
from paraformer_async._net.redaction import host_of_redirect
from paraformer_async.errors import ConnectError, HandshakeError

__all__ = ["PicowsFactory"]

_REDIRECTS = range(300, 400)
_BODY_SHOWN = 500
_HAPPY_EYEBALLS = 0.25  # seconds until the next address is tried in parallel
_READ_BUFFER = 4096  # bytes to begin with; it grows
# Not one of `getLogger`: picows logs handshakes, credentials included.
_SILENT = logging.Logger("paraformer_async.picows", logging.CRITICAL + 1)  # noqa: LOG001


class PicowsFactory:
    """`TransportFactory` whose connections share the TLS settings of the system."""

    def __init__(self) -> None:
        self._failures = Failures()
        self._system_tls: tls.SSLContext | None = None

    async def connect(self, handshake: Handshake) -> Transport:
        """Open a connection, see `TransportFactory`."""
        made: list[sockets.socket] = []

        async def make_socket(address: WSParsedURL) -> sockets.socket:
            made.append(await _connected(address.host, address.port))
            return made[0]

        proxy = handshake.proxy
        try:
            _, listener = await ws_connect(
                lambda: PicowsTransport(handshake),
                handshake.url,
                ssl_context=self._tls_of(handshake),
                websocket_handshake_timeout=None,
                logger_name=_SILENT,
                enable_auto_ping=handshake.ping is not None,
                auto_ping_idle_timeout=handshake.ping or 0.0,
                auto_ping_reply_timeout=(handshake.ping or 0.0) / 2,
                enable_auto_pong=False,
                max_frame_size=handshake.largest_message,
                extra_headers=handshake.headers,
                max_redirects=0,
                proxy=proxy,
                proxy_ssl_context=handshake.ssl
                if urlsplit(proxy or "").scheme == "https"
                else None,
                read_buffer_init_size=_READ_BUFFER,
                socket_factory=make_socket,
            )
        except BaseException as error:
            for each in made:
                cut_off(each)
            if not isinstance(error, OSError | WSError | ProxyError | ValueError):
                raise
            raise self._failure(handshake, error) from self._failures.cause(handshake, error)
        if not isinstance(listener, PicowsTransport):  # the connection ended before the response
            raise self._failures.hung_up(handshake)
        self._failures.reached(handshake)
        return listener

    async def aclose(self) -> None:
        """Do nothing: no shared resource has to be closed."""

    def _tls_of(self, handshake: Handshake) -> tls.SSLContext | None:
        """Return the TLS settings; those of the system are loaded once."""
        if handshake.ssl is not None or urlsplit(handshake.url).scheme != "wss":
            return handshake.ssl
        if self._system_tls is None:
            self._system_tls = tls.create_default_context()
        return self._system_tls

    def _failure(self, handshake: Handshake, error: Exception) -> ConnectError:
        """Return why there is no connection, by the kind of *error*."""
        failures = self._failures
        failure = failures.hung_up(handshake)
        match error:
            case WSInvalidStatusError():
                failure = failures.redacted(handshake, _refusal(error))
            case WSInvalidHeaderError():
                failure = failures.no_websocket(handshake, f"Invalid {error.name} header")
            case WSInvalidMessageError():
                failure = failures.no_http(handshake, error.raw_header or b"")
            case ProxyError():
                if status := re.search(r"status (\d{3})", str(error)):
                    failure = failures.refused_by_proxy(handshake, int(status[1]))
            case OSError():
                failure = failures.of_system(handshake, error, _peer_of(handshake))
            case ValueError():
                failure = failures.no_address(handshake)
        return failure


async def _connected(host: str, port: int) -> sockets.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=sockets.SOCK_STREAM)
    made = await start_connection(found, happy_eyeballs_delay=_HAPPY_EYEBALLS, interleave=1)
    keep_send_buffer_small(made)
    return made


def _peer_of(handshake: Handshake) -> Where:
    where = urlsplit(handshake.proxy or handshake.url)
    return Where(where.hostname or "", where.port or 0, is_proxy=handshake.proxy is not None)


def _refusal(error: WSHandshakeError) -> HandshakeError:
    response: Any = error.response
    status = int(response.status)
    if status in _REDIRECTS:
        where = host_of_redirect(response.headers.get("Location", ""))
        return HandshakeError(status, f"it redirects to {where}, which is not followed")
    body = (error.raw_body or b"")[:_BODY_SHOWN].decode(errors="replace")
    return Failures.refusal(status, body, response.headers.get("Retry-After", ""))
