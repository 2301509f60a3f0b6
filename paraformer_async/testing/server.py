"""`ScriptedServer`: the service's role for tests, with a script to say and faults to commit."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from anyio import AsyncContextManagerMixin, CancelScope, move_on_after

from paraformer_async._core.clocks import Clocks
from paraformer_async.testing.faults import Fault
from paraformer_async.testing.marking import marks
from paraformer_async.testing.records import Connections, ReceivedTask, Records
from paraformer_async.testing.scripts import Script, require_script

if TYPE_CHECKING:
    from aiohttp import web

    from paraformer_async.testing.connection import Connection

__all__ = ["ScriptedServer"]

_HOST = "127.0.0.1"
_PATH = "/api-ws/v1/inference"
_LARGEST_MESSAGE = 1024 * 1024
# Leaving takes no longer, in seconds.
_LONGEST_LEAVE = 2.0


class ScriptedServer(AsyncContextManagerMixin):
    """
    A service that says what it is told, does wrong what it is told, and remembers what it got.

        async with ScriptedServer(faults=[None, Drop(after_ms=2300)]) as server:
            ...  # point your service at server.url; any API key will do
        assert server.violations == []

    It listens on this machine only, and decodes nothing: audio of other formats than `pcm` is
    counted as if it were PCM of the task's sample rate. Leaving the `async with`, also by
    cancellation, ends all connections, within 2 s.

    Args:
        script: What to say in each task: sentences with times in ms of the task's audio, or what
            makes a `Speaker` from the parameters of run-task. By default `marks()`: the numbers
            of marked audio.
        faults: What to do wrong: one entry for each task in the order of arrival, `None` for a
            good one. A `Refuse` is for a handshake: it waits for the next one, and is not counted
            as a task. When the list is used up, all is good.
        forever: What to do wrong after that.
        clocks: When the service loses patience.

    Raises:
        TypeError: The script is no script, or a fault is no fault.

    Entering raises `OSError` when no port can be listened on.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        faults: Iterable[Fault | None] = (),
        forever: Fault | None = None,
        clocks: Clocks = Clocks(),
    ) -> None:
        self._script: Script = marks() if script is None else script
        require_script(self._script)
        self._records = Records(faults, forever)
        self._clocks = clocks
        self._port = 0
        self._is_open = False
        self._serving: set[Connection] = set()

    def __repr__(self) -> str:
        return f"<ScriptedServer {self.url if self._is_open else 'closed'}>"

    @property
    def url(self) -> str:
        """The address for `endpoint=`; the port is known once the server is entered."""
        return f"ws://{_HOST}:{self._port}{_PATH}"

    @property
    def received(self) -> list[ReceivedTask]:
        """The tasks that came, in order."""
        return self._records.received

    @property
    def connections(self) -> Connections:
        """How many connections there were, and are."""
        return self._records.connections

    @property
    def headers(self) -> list[Mapping[str, str]]:
        """The headers of each handshake, refused ones included; names in any case."""
        return self._records.headers

    @property
    def violations(self) -> list[str]:
        """What clients did against the protocol, as texts; empty for good clients."""
        return self._records.violations

    @property
    def happened(self) -> list[Fault]:
        """The faults that have happened, in order."""
        return self._records.happened

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        from aiohttp import web

        app = web.Application()
        app.router.add_get(_PATH, self._handle)
        app.on_shutdown.append(self._stop_connections)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LONGEST_LEAVE / 2)
        try:
            await runner.setup()
            site = web.TCPSite(runner, _HOST, 0)
            await site.start()
            self._port = runner.addresses[0][1]
            self._is_open = True
            yield self
        finally:
            self._is_open = False
            with CancelScope(shield=True), move_on_after(_LONGEST_LEAVE):
                await runner.cleanup()

    async def _handle(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        from paraformer_async.testing._link import Link
        from paraformer_async.testing.connection import Connection

        records, clocks = self._records, self._clocks
        records.headers.append(request.headers.copy())
        refusal = records.next_refusal()
        if refusal:
            headers = dict(refusal.headers)
            return web.Response(status=refusal.status, text=refusal.body, headers=headers)
        socket = web.WebSocketResponse(
            timeout=clocks.close,
            autoclose=False,
            autoping=False,
            max_msg_size=_LARGEST_MESSAGE,
        )
        if not socket.can_prepare(request) or request.transport is None:
            records.violations.append("a request that is no WebSocket handshake")
            return web.Response(status=400, text="This is a WebSocket endpoint.")
        if not request.headers.get("Authorization", "").lower().startswith("bearer "):
            records.violations.append("a handshake without an API key")
        await socket.prepare(request)
        records.connections.accepted += 1
        link = Link(socket, request.transport, clocks)
        await self._serve(Connection(link, records, self._script, clocks))
        return socket

    async def _serve(self, connection: "Connection") -> None:
        self._serving.add(connection)
        self._records.connections.open += 1
        try:
            await connection.serve()
        finally:
            self._records.connections.open -= 1
            self._serving.discard(connection)

    async def _stop_connections(self, _app: "web.Application") -> None:
        for connection in self._serving:
            connection.stop()
