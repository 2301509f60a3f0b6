"""
Connections that carry task after task.

The handshake with a distant service takes about 300 ms. A connection whose task has finished is
free for another one, so it waits here. A connection is lent to one task at a time, checked
before that, closed before the service's 60 s, and discarded after anything but a clean end. As in
httpcore, whatever changes the lists is synchronous; closing, which takes time, is done by `run`.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import anyio
from msgspec.structs import replace

from paraformer_async._net.contract import Handshake, Transport
from paraformer_async._net.dialer import with_key
from paraformer_async._net.endpoints import Endpoints
from paraformer_async._net.identity import headers_with
from paraformer_async._net.places import Places
from paraformer_async._net.proxies import proxy_from_environment
from paraformer_async._net.redaction import Hidden, Secrets
from paraformer_async.errors import DeadlineError, InvalidOptionError, ServiceError, UsageError
from paraformer_async.options.environment import default_key
from paraformer_async.options.options import Options
from paraformer_async.options.policies import PoolLimits

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Pool", "PooledConnection"]

_T = TypeVar("_T")
_logger = logging.getLogger("paraformer_async.client")
_AUTHORIZATION = "authorization"


class Key(NamedTuple):
    """What connections must have in common to be interchangeable: address and credentials."""

    url: str
    credentials: Hidden
    workspace: str | None
    headers: tuple[tuple[str, str], ...]
    proxy: str | None
    ssl: "SSLContext | None"

    @property
    def secrets(self) -> Secrets:
        """What must not be shown of it, and of a proxy in the environment."""
        proxy = self.proxy
        with suppress(InvalidOptionError):  # the variable was changed meanwhile
            proxy = proxy or proxy_from_environment(self.url)
        return Secrets(Handshake(url=self.url, headers=self._sent, proxy=proxy))

    @property
    def access(self) -> Secrets:
        """What gives access to the service, and is not shown in raw messages, either."""
        keys = {name: value for name, value in self._sent.items() if name.lower() == _AUTHORIZATION}
        return Secrets(Handshake(url=self.url, headers=keys))

    @property
    def _sent(self) -> dict[str, str]:
        return headers_with(self.credentials, self.workspace, dict(self.headers))


class PooledConnection:
    """
    A connection that is lent.

    Attributes:
        transport: Where frames go.
        key: What it has in common with the connections that could replace it.
        switched_from: The address that this one took the place of when it was lent, and why.
        is_reused: Whether it has waited for another task, and may have gone stale meanwhile.
        idle_since: Since when it waits there.
    """

    __slots__ = ("_secrets", "idle_since", "is_reused", "key", "switched_from", "transport")

    def __init__(self, transport: Transport, key: Key) -> None:
        self.transport: Transport = transport
        self.key: Key = key
        self.switched_from: tuple[str, ServiceError | None] | None = None
        self.is_reused: bool = False
        self.idle_since: float = 0.0
        self._secrets: Secrets | None = None

    @property
    def secrets(self) -> Secrets:
        """What must not be shown of what opened it; collected when something has failed."""
        if self._secrets is None:
            self._secrets = self.key.secrets
        return self._secrets

    def hide(self, text: str) -> str:
        """Return *text*, which came over this connection, without the secrets that opened it."""
        return self.secrets.hide(text)


class Counts(NamedTuple):
    """How many places are taken, connections idle, and places waited for."""

    active: int
    idle: int
    waiting: int


class Pool:
    """
    Lends connections.

    Args:
        dial: Opens a connection.
        limits: How many, and for how long.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        dial: Callable[[Options], Awaitable[Transport]],
        limits: PoolLimits,
        clock: Callable[[], float],
    ) -> None:
        self._dial = dial
        self._limits = limits
        self._clock = clock
        self._endpoints = Endpoints(clock)
        self._places = Places(limits.connections)
        self._idle: list[PooledConnection] = []  # the one that has waited longest first
        self._retired: list[PooledConnection] = []
        self._changed = anyio.Event()
        self._is_closed = False

    def __repr__(self) -> str:
        counts = self.counts
        return f"<Pool: {counts.active} active, {counts.idle} idle, {counts.waiting} waiting>"

    @property
    def counts(self) -> Counts:
        """How many connections there are, or may be opened."""
        active = self._limits.connections - self._places.free
        return Counts(active, len(self._idle), self._places.waited_for)

    async def take_places(self, count: int = 1) -> None:
        """
        Wait for places for *count* connections, all at once; `leave` each.

        Raises:
            DeadlineError: Too few places were free within `PoolLimits.wait`.
        """
        if self._places.take_free(count):
            return
        with anyio.move_on_after(self._limits.wait):
            await self._places.take(count)
            return
        raise DeadlineError("pool", self._limits.wait)

    def leave(self) -> None:
        """Give back a place, after its connection."""
        self._places.give_back()

    async def connect(self, options: Options) -> PooledConnection:
        """
        Return a connection for a place that was taken: an idle one, or a new one. `release` it.

        If an address fails, the next one is tried. Cancellation is safe: nothing is left open.

        Raises:
            ServiceError: No connection could be opened.
        """
        urls = options.urls
        opening = partial(self._at_first_that_works, urls, self._connect)
        connection = await with_key(options, opening)
        if len(urls) > 1:
            connection.switched_from = self._endpoints.switched(urls, connection.key.url)
        return connection

    def ended(
        self, connection: PooledConnection, failure: BaseException | None, *, is_excused: bool
    ) -> None:
        """
        Note how the task of a connection has ended, which may be the fault of its address.

        Args:
            connection: What was lent.
            failure: Why it failed; `None` if it is complete.
            is_excused: Whether that is no evidence against the address.
        """
        self._endpoints.ended(connection.key.url, failure, is_excused=is_excused)

    def release(
        self, connection: PooledConnection, *, is_clean: bool, was_stale: bool = False
    ) -> None:
        """
        Return a connection to the pool.

        Args:
            connection: What was lent.
            is_clean: Whether its task has finished; otherwise it is closed.
            was_stale: Whether it broke before its task could start: idle connections to the same
                address are probably broken, too, and are closed.
        """
        if is_clean:
            self._push_idle(connection)
        else:
            self._retired.append(connection)
            if was_stale:
                self._retire_all([one for one in self._idle if one.key == connection.key])
            self._changed.set()

    async def warm(self, options: Options, connections: int) -> None:
        """
        Open connections until *connections* of them are idle, where `connect` would open them.

        Raises:
            UsageError: The pool was closed meanwhile.
            ServiceError: No connection could be opened.
        """

        async def fill(options: Options) -> None:
            waiting = sum(one.key == _key(options) for one in self._idle)
            for _ in range(min(connections, self._limits.idle) - waiting):
                self._push_idle(await self._open(options, _key(options)))

        await with_key(options, partial(self._at_first_that_works, options.urls, fill))

    async def run(self) -> None:
        """Close connections that cannot be used any longer, until canceled."""
        async with anyio.create_task_group() as tasks:
            while True:
                now = self._clock()
                self._retire_expired(now)
                while self._retired:
                    tasks.start_soon(_close, self._retired.pop().transport)
                self._changed = anyio.Event()
                since = min((one.idle_since for one in self._idle), default=inf)
                with anyio.move_on_after(since + self._limits.idle_seconds - now):
                    await self._changed.wait()

    async def aclose(self) -> None:
        """Close all idle connections at once; what is opened after this is closed, too."""
        self._is_closed = True
        leftover, self._idle, self._retired = [*self._idle, *self._retired], [], []
        async with anyio.create_task_group() as tasks:
            for connection in leftover:
                tasks.start_soon(_close, connection.transport)

    async def _at_first_that_works(
        self, urls: tuple[str, ...], use: Callable[[Options], Awaitable[_T]], options: Options
    ) -> _T:
        """Return what *use* returns for the first of the addresses that can be connected to."""
        if len(urls) == 1:
            return await use(options)
        failures: list[ServiceError] = []
        for url in self._endpoints.in_order(urls):
            try:
                used = await use(replace(options, endpoint=url, endpoints=()))
            except ServiceError as error:
                if not self._endpoints.not_connected(url, error):
                    raise
                failures.append(error)
            else:
                self._endpoints.connected(url)
                return used
        raise max(failures, key=lambda error: error.retryable)  # the first one that may pass

    async def _connect(self, options: Options) -> PooledConnection:
        key = _key(options)
        return self._pop_idle(key) or await self._open(options, key)

    async def _open(self, options: Options, key: Key) -> PooledConnection:
        transport = await self._dial(options)
        if self._is_closed:
            with anyio.CancelScope(shield=True):
                await _close(transport)
            raise UsageError("the recognizer was closed while a connection was opened")
        return PooledConnection(transport, key)

    def _pop_idle(self, key: Key) -> PooledConnection | None:
        """Take the connection that has been idle for the shortest time, if any can be used."""
        self._retire_expired(self._clock())
        for connection in reversed(self._idle):
            if connection.key == key:
                self._idle.remove(connection)
                return connection
        return None

    def _push_idle(self, connection: PooledConnection) -> None:
        """Keep a connection idle, if it is free and there is room."""
        connection.is_reused = True
        connection.switched_from = None
        connection.idle_since = self._clock()
        self._idle.append(connection)
        if not _is_free(connection):
            self._retire_all([connection])
        elif len(self._idle) > self._limits.idle:
            self._retire_all(self._idle[:1])
        elif len(self._idle) == 1:  # otherwise another one expires before it
            self._changed.set()

    def _retire_expired(self, now: float) -> None:
        oldest = now - self._limits.idle_seconds
        self._retire_all(
            [one for one in self._idle if one.idle_since <= oldest or not _is_free(one)]
        )

    def _retire_all(self, connections: list[PooledConnection]) -> None:
        """Take connections out; `run` closes them."""
        for connection in connections:
            self._idle.remove(connection)
            self._retired.append(connection)
            self._changed.set()


async def _close(transport: Transport) -> None:
    """Close a connection; if that fails, nothing else is affected."""
    try:
        await transport.aclose()
    except Exception:
        _logger.exception("a connection could not be closed")


def _is_free(connection: PooledConnection) -> bool:
    return connection.transport.is_open and not connection.transport.unsent()


def _key(options: Options) -> Key:
    headers = tuple(sorted(options.headers.items()))
    credentials = Hidden(options.api_key or default_key())
    return Key(options.url, credentials, options.workspace_id, headers, options.proxy, options.ssl)
