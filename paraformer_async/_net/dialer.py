"""Opens connections: credentials, headers, proxy and deadline, for a transport factory."""

import inspect
import ipaddress
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
from msgspec.structs import replace

from paraformer_async._net.contract import Handshake, Transport, TransportFactory
from paraformer_async._net.redaction import USER_AGENT, Hidden
from paraformer_async.errors import (
    AuthenticationError,
    DeadlineError,
    InvalidOptionError,
    UsageError,
)
from paraformer_async.options.checks import require_address
from paraformer_async.options.endpoint import key_hint
from paraformer_async.options.environment import default_key
from paraformer_async.options.options import ApiKey, Options
from paraformer_async.options.service import TEMPORARY

__all__ = ["Dialer", "api_key_of", "explain", "with_key"]

_UNAUTHORIZED = 401
_EXPIRED = (
    "the temporary token has expired, or was made for another region; a TemporaryToken() of "
    "paraformer_async.account as api_key= is renewed in time"
)


class Dialer:
    """
    Opens the connections of a recognizer.

    Args:
        make_factory: Returns the factory that opens them; called on first use, in the event loop.
    """

    def __init__(self, make_factory: Callable[[], TransportFactory]) -> None:
        self._make_factory = make_factory
        self._factory: TransportFactory | None = None
        self._proxies: dict[str, str | None] = {}
        self._is_closed = False

    async def dial(self, options: Options) -> Transport:
        """
        Open a connection.

        Cancellation is safe: nothing is left open.

        Raises:
            UsageError: The dialer was closed meanwhile.
            InvalidOptionError: There is no API key, or an address in the environment is wrong.
            MissingExtraError: The transport's library is not installed.
            DeadlineError: It took longer than `Timeouts.connect`.
            AuthenticationError: The key was refused (HTTP 401 or 403).
            HandshakeError: The service returned another HTTP status, including redirects.
            ConnectError: There was no response, or a wrong one.
        """
        with anyio.move_on_after(options.timeouts.connect):
            handshake = self._handshake(options, await api_key_of(options))
            if self._is_closed:  # nobody would close what is opened now
                raise UsageError("the recognizer was closed while a connection was opened")
            if self._factory is None:
                self._factory = self._make_factory()
            try:
                return await self._factory.connect(handshake)
            except AuthenticationError as error:
                explain(error, handshake.url, handshake.headers)
                raise
        raise DeadlineError("connect", options.timeouts.connect)

    async def aclose(self) -> None:
        """Free what the connections share, and open no more. Their users close the connections."""
        self._is_closed = True
        if self._factory is not None:
            await self._factory.aclose()

    def _handshake(self, options: Options, key: Hidden) -> Handshake:
        return Handshake(
            url=options.url,
            headers=_headers(options, key),
            proxy=options.proxy or self._proxy_for(options.url),
            ssl=options.ssl,
            ping=options.timeouts.ping,
            close=options.timeouts.close,
        )

    def _proxy_for(self, url: str) -> str | None:
        """Look up the environment once for each address."""
        if url not in self._proxies:
            self._proxies[url] = _proxy_from_environment(url)
        return self._proxies[url]


async def with_key(options: Options) -> Options:
    """
    Return *options* with the key that a callable returns now, if `api_key` is one.

    Connections are reused for the same key only, whoever asks for it.

    Raises:
        InvalidOptionError: There is no API key.
        DeadlineError: It took longer than `Timeouts.connect`.
    """
    if not callable(options.api_key):
        return options
    with anyio.move_on_after(options.timeouts.connect):
        return replace(options, api_key=await api_key_of(options))
    raise DeadlineError("connect", options.timeouts.connect)


async def api_key_of(options: Options) -> Hidden:
    """Return the key to use now: as given, as returned by the callable, or of the environment."""
    key = Hidden(await _given_key(options.api_key))
    if not key:
        raise InvalidOptionError(
            "api_key", "there is no API key", hint="pass api_key= or set DASHSCOPE_API_KEY"
        )
    if not key.isprintable() or key != key.strip():
        raise InvalidOptionError("api_key", "the key has control characters, or spaces around it")
    return key


def explain(refusal: AuthenticationError, url: str, headers: Mapping[str, str]) -> None:
    """Make the hint of *refusal* fit the key and the region, if it is about the key."""
    if refusal.status == _UNAUTHORIZED:
        is_token = headers.get("Authorization", "").startswith(f"Bearer {TEMPORARY}")
        refusal.hint = _EXPIRED if is_token else key_hint(url) or refusal.hint


async def _given_key(given: ApiKey | None) -> str:
    if given is None:
        return default_key()
    key: object = given() if callable(given) else given
    if inspect.isawaitable(key):
        key = await key
    return key if isinstance(key, str) else ""


def _headers(options: Options, key: Hidden) -> dict[str, str]:
    headers: dict[str, str] = {"Authorization": Hidden(f"Bearer {key}"), "User-Agent": USER_AGENT}
    if workspace := options.workspace_id:
        headers["X-DashScope-WorkSpace"] = workspace
    given = {name.lower() for name in options.headers}
    own = {name: value for name, value in headers.items() if name.lower() not in given}
    return own | {name: Hidden(value) for name, value in options.headers.items()}


def _proxy_from_environment(url: str) -> str | None:
    """
    Return the proxy of HTTPS_PROXY (wss) or HTTP_PROXY (ws).

    NO_PROXY exempts hosts from it. This machine is always exempt: a proxy would not find it.
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
