"""`ScriptedServer`: the service for tests, with a script and with faults."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from anyio import AsyncContextManagerMixin, CancelScope, move_on_after

from paraformer_async._accepting import finish_accepting
from paraformer_async._core.clocks import Clocks
from paraformer_async._core.service import LARGEST_MESSAGE, PATH
from paraformer_async.testing.faults import Fault
from paraformer_async.testing.marking import marks
from paraformer_async.testing.records import Connections, ReceivedTask, Records
from paraformer_async.testing.scripts import Script, require_script

if TYPE_CHECKING:
    from aiohttp import web

    from paraformer_async.testing._connection import ScriptedConnection

__all__ = ["ScriptedServer"]

_HOST = "127.0.0.1"
# Longest time that closing takes, in seconds.
_LONGEST_CLOSE = 2.0


class ScriptedServer(AsyncContextManagerMixin):
    """
    A service with scripted results and scripted faults, which records what it receives.

        async with ScriptedServer(faults=[None, Drop(after_ms=2300)]) as server:
            ...  # connect your program to server.url, with any API key
        assert server.violations == []

    It listens on this machine only, and decodes nothing: audio of other formats than `pcm` counts
    as if it were PCM of the task's sample rate. Leaving the `async with`, also by cancellation,
    closes all connections within 2 s.

    Args:
        script: The results of each task: sentences with times in ms of the task's audio, or a
            callable that returns a `ScriptRun` from the parameters of run-task. By default
            `marks()`: the numbers of marked audio.
        faults: One entry for each task in the order of arrival, `None` for one without a fault. A
            `Refuse` is for a handshake: it waits for the next one, and does not count as a task.
            Tasks beyond the list have no fault.
        forever: The fault of each task beyond the list.
        clocks: Time limits of the service.

    Raises:
        TypeError: The script is not a script, a fault is not a fault, or *clocks* are not `Clocks`.

    Entering raises `OSError` if no port is free. What a script raises ends its task as failed, and
    is raised on leaving.
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
        if not isinstance(clocks, Clocks):
            raise TypeError(f"clocks: must be Clocks(…), not {clocks!r}")
        self._records = Records(faults, forever)
        self._clocks = clocks
        self._port = 0
        self._is_open = False
        self._serving: set[ScriptedConnection] = set()

    def __repr__(self) -> str:
        return f"<ScriptedServer {self.url if self._is_open else 'closed'}>"

    @property
    def url(self) -> str:
        """The address for `endpoint=`; the port is known once the server is entered."""
        return f"ws://{_HOST}:{self._port}{PATH}"

    @property
    def received(self) -> list[ReceivedTask]:
        """The received tasks, in order."""
        return self._records.received

    @property
    def connections(self) -> Connections:
        """Numbers of connections: accepted so far, and open now."""
        return self._records.connections

    @property
    def headers(self) -> list[Mapping[str, str]]:
        """The headers of each handshake, refused ones included; names in any case."""
        return self._records.headers

    @property
    def violations(self) -> list[str]:
        """Breaches of the protocol by clients, as texts."""
        return self._records.violations

    @property
    def happened(self) -> list[Fault]:
        """The faults that have happened, in order."""
        return self._records.happened

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        try:
            async with self._open():
                yield self
        except Exception:
            self._raise_of_script()  # the likely cause
            raise
        self._raise_of_script()

    def _raise_of_script(self) -> None:
        if self._records.raised:
            raise self._records.raised[0]

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[None, None]:
        from aiohttp import web

        app = web.Application()
        app.router.add_get(PATH, self._handle)
        app.on_shutdown.append(self._stop_connections)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LONGEST_CLOSE / 2)
        try:
            await runner.setup()
            site = web.TCPSite(runner, _HOST, 0)
            await site.start()
            self._port = runner.addresses[0][1]
            self._is_open = True
            yield
        finally:
            self._is_open = False
            with CancelScope(shield=True), move_on_after(_LONGEST_CLOSE):
                await finish_accepting()
                await runner.cleanup()

    async def _handle(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        from paraformer_async.testing._connection import ScriptedConnection
        from paraformer_async.testing._link import Link

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
            max_msg_size=LARGEST_MESSAGE,
        )
        if not socket.can_prepare(request) or request.transport is None:
            records.violations.append("a request that is not a WebSocket handshake")
            return web.Response(status=400, text="This is a WebSocket endpoint.")
        if not request.headers.get("Authorization", "").lower().startswith("bearer "):
            records.violations.append("a handshake without an API key")
        try:
            await socket.prepare(request)
        except ConnectionError:  # the client has left: aiohttp passes that over for a response
            return web.Response()
        records.connections.accepted += 1
        link = Link(socket, request.transport, clocks)
        await self._serve(ScriptedConnection(link, records, self._script, clocks))
        return socket

    async def _serve(self, connection: "ScriptedConnection") -> None:
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
