"""
Connections that carry task after task.

The handshake with a distant service takes about 300 ms; a connection whose task has finished is
free for another, so it waits here. A connection is lent to one task at a time, looked at before it
is lent, closed before the service's 60 s, and thrown away after anything but a clean end. After
httpcore: what changes the list is synchronous, and gives back what is to be closed.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Any

import anyio

from paraformer_async._core.protocol import ClientProtocol, State
from paraformer_async._session.transport import Transport
from paraformer_async.errors import DeadlineError
from paraformer_async.options import Options
from paraformer_async.policies import PoolLimits

__all__ = ["Connection", "Pool"]


# What connections must have in common to be taken for one another: where to, and as whom.
Key = tuple[Any, ...]


class Connection:
    """
    A connection, and where the protocol is on it.

    Attributes:
        transport: Where frames go.
        protocol: The state of the current task.
        key: What it has in common with the connections that could stand for it.
        has_waited: Whether it has waited in the pool, and may have gone stale there.
        idle_since: Since when it waits there.
    """

    def __init__(self, transport: Transport, key: Key) -> None:
        self.transport = transport
        self.protocol = ClientProtocol()
        self.key = key
        self.has_waited = False
        self.idle_since = 0.0


class Pool:
    """
    Lends connections.

    Args:
        dial: Makes a connection.
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
        self._places = anyio.Semaphore(limits.connections)
        self._idle: list[Connection] = []  # the one that has waited longest first
        self._changed = anyio.Event()

    def __repr__(self) -> str:
        active = self._limits.connections - self._places.value
        waiting = self._places.statistics().tasks_waiting
        return f"<Pool: {active} active, {len(self._idle)} idle, {waiting} waiting>"

    @asynccontextmanager
    async def lend(self, options: Options) -> AsyncGenerator[Connection, None]:
        """
        Lend a connection: one that waits, or a new one. After an exception it is thrown away.

        Cancellation is safe: nothing is left open.

        Raises:
            DeadlineError: No place became free within `PoolLimits.wait`.
            ServiceError: No connection could be made.
        """
        await self._take_place()
        try:
            connection = await self._acquire(options)
            try:
                yield connection
            except BaseException:
                await connection.transport.aclose()
                raise
            await self._close(self._push_idle(connection))
        finally:
            self._places.release()

    async def warm(self, options: Options, connections: int) -> None:
        """Make connections that wait, until there are *connections* of them."""
        key = _key(options)
        while sum(one.key == key for one in self._idle) < min(connections, self._limits.idle):
            await self._close(self._push_idle(Connection(await self._dial(options), key)))

    async def run(self) -> None:
        """Close what has waited too long, until cancelled."""
        while True:
            now = self._clock()
            await self._close(self._pop_expired(now))
            self._changed = anyio.Event()
            since = min((one.idle_since for one in self._idle), default=inf)
            with anyio.move_on_after(since + self._limits.idle_seconds - now):
                await self._changed.wait()

    async def aclose(self) -> None:
        """Close all that wait."""
        idle, self._idle = self._idle, []
        await self._close(idle)

    async def _take_place(self) -> None:
        with anyio.move_on_after(self._limits.wait):
            await self._places.acquire()
            return
        raise DeadlineError("pool", self._limits.wait)

    async def _acquire(self, options: Options) -> Connection:
        key = _key(options)
        connection, stale = self._pop_idle(key)
        await self._close(stale)
        return connection or Connection(await self._dial(options), key)

    async def _close(self, connections: Sequence[Connection]) -> None:
        for connection in connections:
            await connection.transport.aclose()

    def _pop_idle(self, key: Key) -> tuple[Connection | None, list[Connection]]:
        """Take the connection that waited least; give what turned out to be of no use, too."""
        stale = self._pop_expired(self._clock())
        for connection in reversed(self._idle):
            if connection.key == key:
                self._idle.remove(connection)
                return connection, stale
        return None, stale

    def _push_idle(self, connection: Connection) -> list[Connection]:
        """Let a connection wait; give what is too much, which may be the connection itself."""
        if connection.protocol.state is not State.IDLE or not connection.transport.is_open:
            return [connection]
        connection.has_waited = True
        connection.idle_since = self._clock()
        self._idle.append(connection)
        self._changed.set()
        return [self._idle.pop(0)] if len(self._idle) > self._limits.idle else []

    def _pop_expired(self, now: float) -> list[Connection]:
        oldest = now - self._limits.idle_seconds
        kept = [one for one in self._idle if one.transport.is_open and one.idle_since > oldest]
        expired = [one for one in self._idle if one not in kept]
        self._idle = kept
        return expired


def _key(options: Options) -> Key:
    credentials = options.api_key or os.environ.get("DASHSCOPE_API_KEY")
    headers = tuple(sorted(options.headers.items()))
    return options.url, credentials, options.workspace, headers, options.proxy, options.ssl
