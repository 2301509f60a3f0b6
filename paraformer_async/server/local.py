"""`LocalServer`: the local service as an async context manager."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, cast

import anyio
from anyio import AsyncContextManagerMixin, CancelScope

from paraformer_async._accepting import finish_accepting
from paraformer_async._core.clocks import Clocks
from paraformer_async._core.service import LARGEST_MESSAGE, PATH
from paraformer_async.engines import make_engine
from paraformer_async.engines.base import Engine, StreamSettings
from paraformer_async.server._account import Account
from paraformer_async.server._checks import check_options, require_engine
from paraformer_async.server._handshakes import Handshakes
from paraformer_async.server._refusals import RefusedRequest, invalid_key, refusal

if TYPE_CHECKING:
    from aiohttp import web

    from paraformer_async.server._connection import LocalConnection

__all__ = ["LocalServer"]

# Time that a connection may take to end, besides its closing handshake, before it is cut off.
_GRACE = 1.0


class LocalServer(AsyncContextManagerMixin):
    """
    The Paraformer service on this machine, with a recognition engine on this machine.

        async with LocalServer() as server:
            async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
                transcript = await recognizer.transcribe("speech.wav")

    The engines are `moonshine` (Moonshine tiny: English, and not Paraformer), which is the default
    and needs the extra `local`; `paraformer`, for a streaming model that you have downloaded:
    `LocalServer(make_engine("paraformer", model_dir))`; and `scripted`, which returns a fixed text
    and needs no model.

    It accepts every model, checks parameters, context and `continue-task` by the table of the
    models, and recognizes with the same engine for all.

    The HTTP routes beside the WebSocket, for temporary tokens and lists of hot words, are answered,
    too, from memory; see `paraformer_async.account`. Hot words do not influence the engines.

    Leaving the `async with`, also by cancellation, closes all connections and releases the engine,
    in bounded time. Audio is decoded in threads of the server's own, as many as there are cores: it
    delays neither the event loop nor other work in anyio's worker threads.

    Args:
        engine: An engine, from `make_engine` or one of your own (see `Engine`), or the name of one
            that needs no model folder: `moonshine`, `scripted`.
        host: Address to listen on. The default is reachable from this machine only.
        port: Port to listen on; 0 for any free one.
        api_key: The key that clients must send; without it, any key is accepted. A temporary token
            must be one that this server has issued, and must not have expired.
        clocks: Time limits of the service. A connection without a handshake is cut off after the
            `idle` time, too.
        max_connections: Concurrent connections; others are refused with HTTP 503.

    Raises:
        InvalidOptionError: An option can never work: the engine is not one, has an unknown name, or
            needs a folder; or the host, the port or the key is invalid.

    Entering raises `OSError` if the server cannot listen on the address, and `MissingExtraError` if
    the engine needs packages that are not installed.
    """

    def __init__(
        self,
        engine: Engine | str = "moonshine",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        clocks: Clocks = Clocks(),
        max_connections: int = 2048,
    ) -> None:
        check_options(
            host=host, port=port, api_key=api_key, clocks=clocks, max_connections=max_connections
        )
        self._engine = make_engine(engine) if isinstance(engine, str) else require_engine(engine)
        self._host = host
        self._port = port
        self._account = Account(api_key)
        self._clocks = clocks
        self._max_connections = max_connections
        self._is_open = False
        self._connections: set[LocalConnection] = set()
        self._handshakes = Handshakes(limit=max_connections, seconds=clocks.idle)
        # More threads than cores would only take the interpreter away from the event loop.
        self._decoding = anyio.CapacityLimiter(os.cpu_count() or 1)

    def __repr__(self) -> str:
        return f"<LocalServer {self.url if self._is_open else 'closed'}>"

    @property
    def url(self) -> str:
        """The address for `endpoint=`; the port is known once the server is entered."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"ws://{host}:{self._port}{PATH}"

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        from aiohttp import web

        app = web.Application()
        app.router.add_get(PATH, self._handle)
        self._account.add_routes(app)
        app.on_shutdown.append(self._stop_connections)
        timeout = self._clocks.close + _GRACE
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=timeout)
        listening: asyncio.Server | None = None
        try:
            await self._load_engine()
            await runner.setup()
            listening = await self._listen(runner)
            self._port = listening.sockets[0].getsockname()[1]
            self._is_open = True
            yield self
        finally:
            self._is_open = False
            with CancelScope(shield=True):
                await self._close(runner, listening)

    async def _listen(self, runner: "web.AppRunner") -> asyncio.Server:
        """Listen with a protocol factory of our own, as aiohttp's low-level servers do."""
        make = self._handshakes.watched(cast("web.Server", runner.server))
        return await asyncio.get_running_loop().create_server(make, self._host, self._port)

    async def _close(self, runner: "web.AppRunner", listening: asyncio.Server | None) -> None:
        if listening is not None:
            await finish_accepting()
            listening.close()
        self._handshakes.close()
        try:
            await runner.cleanup()
        finally:
            await self._engine.aclose()

    async def _load_engine(self) -> None:
        """Load the model now, so that a missing one is reported before the first client."""
        stream = await self._engine.open(StreamSettings())
        await stream.aclose()

    async def _handle(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        from paraformer_async.server._connection import LocalConnection

        if not self._account.is_authorized(request.headers.get("Authorization", "")):
            return refusal(invalid_key())
        socket = web.WebSocketResponse(timeout=self._clocks.close, max_msg_size=LARGEST_MESSAGE)
        if not socket.can_prepare(request):
            return refusal(RefusedRequest(400, "BadRequest", "This is a WebSocket endpoint."))
        if len(self._connections) >= self._max_connections:
            return refusal(
                RefusedRequest(503, "ServiceUnavailable", "Too many connections, try again later.")
            )
        transport = request.transport
        connection = LocalConnection(socket, transport, self._engine, self._clocks, self._decoding)
        self._connections.add(connection)
        try:
            try:
                await socket.prepare(request)
            except ConnectionError:  # the client has left: aiohttp passes that over for a response
                return web.Response()
            self._handshakes.discard(transport)
            await connection.serve()
        finally:
            self._connections.discard(connection)
        return socket

    async def _stop_connections(self, _app: "web.Application") -> None:
        for connection in self._connections:
            connection.stop()
