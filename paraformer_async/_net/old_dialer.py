"""
The way to a connection: credentials, proxy, handshake, and what its refusal means.

aiohttp is imported on first use, so that importing the package stays light.
"""

import inspect
import ipaddress
import os
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio

from paraformer_async._net.old_redaction import Secrets, connect_error, host_of_redirect
from paraformer_async._net.transport import Transport
from paraformer_async.errors import (
    AuthenticationError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
)
from paraformer_async.options.checks import require_address
from paraformer_async.options.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import (
        BaseConnector,
        ClientHandlerType,
        ClientRequest,
        ClientResponse,
        ClientSession,
    )

__all__ = ["Dialer", "api_key_of"]

_SWITCHING_PROTOCOLS = 101
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEY_REFUSED = frozenset({401, 403})
_BODY_SHOWN = 500


class Dialer:
    """
    Makes connections. All of a recognizer share what aiohttp keeps (resolver, TLS sessions).

    Args:
        connector: Makes aiohttp's connector, for those who want another resolver or address family.
    """

    def __init__(self, connector: "Callable[[], BaseConnector] | None" = None) -> None:
        self._connector = connector
        self._session: ClientSession | None = None
        self._buffer = bytearray()  # for what all connections receive
        self._proxies: dict[str, str | None] = {}

    async def dial(self, options: Options) -> Transport:
        """
        Make a connection and shake hands.

        Cancellation is safe: nothing is left open.

        Raises:
            InvalidOptionError: There is no API key, or an address in the environment is wrong.
            DeadlineError: It took longer than `Timeouts.connect`.
            AuthenticationError: The key was refused (HTTP 401 or 403).
            HandshakeError: The service answered with another HTTP status, a redirect too.
            ConnectError: There was no answer.
        """
        with anyio.move_on_after(options.timeouts.connect):
            return await self._shake_hands(options, await api_key_of(options))
        raise DeadlineError("connect", options.timeouts.connect)

    async def aclose(self) -> None:
        """Free what the connections share. The connections are closed by those who hold them."""
        if self._session:
            await self._session.close()

    async def _shake_hands(self, options: Options, key: str) -> Transport:
        from aiohttp import ClientError, ClientWSTimeout

        from paraformer_async._net.websocket import BUFFER, LARGEST_MESSAGE, Socket, WebSocket

        self._buffer = self._buffer or bytearray(BUFFER)
        proxy = options.proxy or self._proxy_for(options.url)
        try:
            socket = await self._get_session().ws_connect(
                options.url,
                headers=_headers(options, key),
                proxy=proxy,
                ssl=options.ssl or True,
                timeout=ClientWSTimeout(ws_close=options.timeouts.close),  # pyright: ignore[reportCallIssue] # attrs
                heartbeat=options.timeouts.ping,
                max_msg_size=LARGEST_MESSAGE,
            )
        except HandshakeError as refusal:
            refusal.body = Secrets(options, key, proxy).hide(refusal.body)
            raise
        except (ClientError, OSError, ValueError) as error:
            secrets = Secrets(options, key, proxy)
            failure = connect_error(urlsplit(options.url).hostname or "", error, secrets)
            raise failure from (None if secrets.are_in(error) else error)
        return WebSocket(cast("Socket", socket), self._buffer, options.timeouts.close)

    def _proxy_for(self, url: str) -> str | None:
        """Look into the environment once for each address."""
        if url not in self._proxies:
            self._proxies[url] = _proxy_from_environment(url)
        return self._proxies[url]

    def _get_session(self) -> "ClientSession":
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, TCPConnector

            from paraformer_async._net.websocket import Socket

            self._session = ClientSession(
                connector=self._connector() if self._connector else TCPConnector(limit=0),
                timeout=ClientTimeout(total=None),
                raise_for_status=_refuse,
                ws_response_class=Socket,
                middlewares=[_refuse_redirect],
                # Not trust_env: aiohttp would put credentials of ~/.netrc in our key's place.
            )
        return self._session


async def api_key_of(options: Options) -> str:
    """Give the key to use now: as given, or what the callable gives, or DASHSCOPE_API_KEY."""
    given = options.api_key or os.environ.get("DASHSCOPE_API_KEY")
    key = given() if callable(given) else given
    if inspect.isawaitable(key):
        key = await key
    if not key or not isinstance(key, str):
        raise InvalidOptionError(
            "api_key", "there is no API key", hint="pass api_key= or set DASHSCOPE_API_KEY"
        )
    if not key.isprintable() or key != key.strip():
        raise InvalidOptionError("api_key", "the key has control characters, or spaces around it")
    return key


def _headers(options: Options, key: str) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "paraformer-async"}
    if options.workspace:
        headers["X-DashScope-WorkSpace"] = options.workspace
    return headers | dict(options.headers)


def _proxy_from_environment(url: str) -> str | None:
    """
    Give the proxy of HTTPS_PROXY (wss) or HTTP_PROXY (ws).

    NO_PROXY exempts hosts from it, and so is this machine: a proxy would not find its services.
    """
    where = urlsplit(url)
    if _is_loopback(where.hostname or "") or proxy_bypass(where.netloc.rpartition("@")[2]):
        return None
    scheme = "https" if where.scheme == "wss" else "http"
    proxy = getproxies().get(scheme)
    if proxy:
        require_address(f"{scheme}_proxy".upper(), proxy, "http", "https")
    return proxy


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _refuse(response: "ClientResponse") -> None:
    """Tell what the service answered in place of a WebSocket; aiohttp alone would drop the body."""
    if response.status == _SWITCHING_PROTOCOLS:
        return
    body = (await response.content.read(_BODY_SHOWN)).decode(errors="replace")
    error = AuthenticationError if response.status in _KEY_REFUSED else HandshakeError
    after = response.headers.get("Retry-After", "")
    raise error(response.status, body, retry_after=float(after) if after.isdecimal() else 0.0)


async def _refuse_redirect(
    request: "ClientRequest", shake_hands: "ClientHandlerType"
) -> "ClientResponse":
    """
    Keep the audio here: aiohttp would go wherever it is sent to, with the headers and without TLS.

    A middleware of aiohttp, because `ws_connect` cannot be told not to follow.
    """
    response = await shake_hands(request)
    if response.status in _REDIRECTS:
        response.close()
        where = host_of_redirect(response.headers.get("Location", ""))
        raise HandshakeError(response.status, f"it redirects to {where}, which is not followed")
    return response
