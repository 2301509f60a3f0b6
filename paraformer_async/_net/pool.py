"""
Connections that carry task after task.

The handshake with a distant service takes about 300 ms; a connection whose task has finished is
free for another, so it waits here. A connection is lent to one task at a time, looked at before it
is lent, closed before the service's 60 s, and thrown away after anything but a clean end. After
httpcore: what changes the lists is synchronous; closing, which takes time, is done elsewhere.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Any

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from paraformer_async._core.protocol import ClientProtocol, State
from paraformer_async._net.transport import Transport
from paraformer_async.errors import DeadlineError, ServiceError
from paraformer_async.options.options import Options
from paraformer_async.options.policies import PoolLimits

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
        self._retired: list[Connection] = []
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
            except BaseException as reason:
                if isinstance(reason, ServiceError) and _was_stale(connection):
                    self._retire_like(connection)
                await connection.transport.aclose()
                raise
            self._push_idle(connection)
        finally:
            self._places.release()

    async def warm(self, options: Options, connections: int) -> None:
        """Make connections that wait, as many as are missing to *connections* of them."""
        key = _key(options)
        waiting = sum(one.key == key for one in self._idle)
        for _ in range(min(connections, self._limits.idle) - waiting):
            self._push_idle(Connection(await self._dial(options), key))

    async def run(self) -> None:
        """Close what is of no use any more, until canceled."""
        while True:
            now = self._clock()
            self._retire_expired(now)
            while self._retired:
                await self._retired.pop().transport.aclose()
                await checkpoint_if_cancelled()  # closing is shielded: the rest is closed at once
            self._changed = anyio.Event()
            since = min((one.idle_since for one in self._idle), default=inf)
            with anyio.move_on_after(since + self._limits.idle_seconds - now):
                await self._changed.wait()

    async def aclose(self) -> None:
        """Close all that wait, at once."""
        leftover, self._idle, self._retired = [*self._idle, *self._retired], [], []
        async with anyio.create_task_group() as tasks:
            for connection in leftover:
                tasks.start_soon(connection.transport.aclose)

    async def _take_place(self) -> None:
        with suppress(anyio.WouldBlock):
            self._places.acquire_nowait()
            return
        with anyio.move_on_after(self._limits.wait):
            await self._places.acquire()
            return
        raise DeadlineError("pool", self._limits.wait)

    async def _acquire(self, options: Options) -> Connection:
        key = _key(options)
        return self._pop_idle(key) or Connection(await self._dial(options), key)

    def _pop_idle(self, key: Key) -> Connection | None:
        """Take the connection that waited least, if there is one that is of use."""
        self._retire_expired(self._clock())
        for connection in reversed(self._idle):
            if connection.key == key:
                self._idle.remove(connection)
                return connection
        return None

    def _push_idle(self, connection: Connection) -> None:
        """Let a connection wait, if it is free and there is room."""
        connection.has_waited = True
        connection.idle_since = self._clock()
        self._idle.append(connection)
        if not _is_free(connection):
            self._retire(connection)
        elif len(self._idle) > self._limits.idle:
            self._retire(self._idle[0])
        elif len(self._idle) == 1:  # otherwise another expires before it
            self._changed.set()

    def _retire_expired(self, now: float) -> None:
        oldest = now - self._limits.idle_seconds
        for connection in list(self._idle):
            if connection.idle_since <= oldest or not _is_free(connection):
                self._retire(connection)

    def _retire_like(self, stale: Connection) -> None:
        """Those that waited beside one that went stale took the same way: do not try each."""
        for connection in list(self._idle):
            if connection.key == stale.key:
                self._retire(connection)

    def _retire(self, connection: Connection) -> None:
        """Take a connection out; `run` closes it."""
        self._idle.remove(connection)
        self._retired.append(connection)
        self._changed.set()


def _is_free(connection: Connection) -> bool:
    return connection.protocol.state is State.IDLE and connection.transport.is_open


def _was_stale(connection: Connection) -> bool:
    return connection.has_waited and connection.protocol.state is State.STARTING


def _key(options: Options) -> Key:
    credentials = options.api_key or os.environ.get("DASHSCOPE_API_KEY")
    headers = tuple(sorted(options.headers.items()))
    return options.url, credentials, options.workspace, headers, options.proxy, options.ssl
