"""Opens connections: credentials, headers, proxy and deadline, for a transport factory."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlsplit

import anyio
from msgspec.structs import replace

from paraformer_async._net.contract import Handshake, Transport, TransportFactory
from paraformer_async._net.identity import discard, explain, explain_fresh, headers_with, key_of
from paraformer_async._net.proxies import proxy_from_environment
from paraformer_async._net.redaction import Hidden
from paraformer_async.errors import AuthenticationError, DeadlineError, UsageError
from paraformer_async.options.options import Options

__all__ = ["Dialer", "with_key"]

ResultT = TypeVar("ResultT")


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
            handshake = self._handshake(options, await key_of(options.api_key))
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
        url = options.url
        return Handshake(
            url=url,
            headers=headers_with(key, options.workspace_id, options.headers),
            proxy=options.proxy or self._proxy_for(url),
            ssl=options.ssl,
            ping=options.timeouts.ping,
            close=options.timeouts.close,
        )

    def _proxy_for(self, url: str) -> str | None:
        """Look up the environment once for each host; an address may be used only once."""
        where = urlsplit(url)
        host = f"{where.scheme}://{where.netloc}"
        if host not in self._proxies:
            self._proxies[host] = proxy_from_environment(host)
        return self._proxies[host]


async def with_key(options: Options, use: Callable[[Options], Awaitable[ResultT]]) -> ResultT:
    """
    Call *use* with options that have the key that a callable returns now, if `api_key` is one.

    Connections are reused for the same key only, whoever asks for it. If a key that can be renewed
    is refused, because the service has revoked or forgotten it, *use* is called again with another
    one, once.

    Raises:
        InvalidOptionError: There is no API key.
        DeadlineError: It took longer than `Timeouts.connect`.
    """
    keyed = await _keyed(options)
    try:
        return await use(keyed)
    except AuthenticationError as refusal:
        if not discard(options.api_key, keyed.api_key, refusal):
            raise
    keyed = await _keyed(options)
    try:
        return await use(keyed)
    except AuthenticationError as refusal:
        explain_fresh(refusal)
        raise


async def _keyed(options: Options) -> Options:
    if not callable(options.api_key):
        return options
    with anyio.move_on_after(options.timeouts.connect):
        return replace(options, api_key=await key_of(options.api_key))
    raise DeadlineError("connect", options.timeouts.connect)
