"""`LocalServer`: the local service as an async context manager."""

import hmac
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from anyio import AsyncContextManagerMixin, CancelScope

from paraformer_async.engines import make_engine
from paraformer_async.engines.base import Engine, ListenerSettings
from paraformer_async.errors import InvalidOptionError
from paraformer_async.server.clocks import Clocks

if TYPE_CHECKING:
    from aiohttp import web

    from paraformer_async.server.connection import Connection

__all__ = ["PATH", "LocalServer"]

PATH = "/api-ws/v1/inference"
# Frames of up to 16 KB are advised; the vendor's SDK sends 12,800 bytes. More than this is refused.
_LARGEST_MESSAGE = 1024 * 1024
# What a connection may take to end, beside its closing handshake, before it is cut off.
_GRACE = 1.0
# What an engine has.
_ENGINE = ("sample_rate", "open", "aclose")


class LocalServer(AsyncContextManagerMixin):
    """
    The Paraformer service on this machine, over a recognition engine of this machine.

        async with LocalServer() as server:
            async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
                transcript = await recognizer.transcribe("speech.wav")

    The engines are `moonshine` (Moonshine tiny: English, and not Paraformer), which is the default
    and comes with the extra `local`; `paraformer`, for a streaming model that you have downloaded:
    `LocalServer(make_engine("paraformer", model_dir))`; and `scripted`, which says a fixed text and
    needs no model.

    Leaving the `async with`, also by cancellation, closes all connections and frees the engine, in
    bounded time.

    Args:
        engine: An engine, as `make_engine` gives it or one of your own (see `Engine`), or the name
            of one that needs no model folder: `moonshine`, `scripted`.
        host: Address to listen on. Only this machine can reach the default.
        port: Port to listen on; 0 for any that is free.
        api_key: The key that clients must send; any key will do when not given.
        clocks: When the service loses patience.

    Raises:
        InvalidOptionError: It is no engine, or there is none of that name, or it needs a folder.

    Entering raises `OSError` when the address cannot be listened on, and `MissingExtraError` when
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
    ) -> None:
        self._engine = make_engine(engine) if isinstance(engine, str) else _engine(engine)
        self._host = host
        self._port = port
        self._api_key = api_key
        self._clocks = clocks
        self._is_open = False
        self._connections: set[Connection] = set()

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
        app.on_shutdown.append(self._close_connections)
        patience = self._clocks.close + _GRACE
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=patience)
        try:
            await self._load_engine()
            await runner.setup()
            site = web.TCPSite(runner, self._host, self._port)
            await site.start()
            self._port = runner.addresses[0][1]
            self._is_open = True
            yield self
        finally:
            self._is_open = False
            with CancelScope(shield=True):
                await self._close(runner)

    async def _close(self, runner: "web.AppRunner") -> None:
        try:
            await runner.cleanup()
        finally:
            await self._engine.aclose()

    async def _load_engine(self) -> None:
        """Load the model now, so that a missing one is known before the first client comes."""
        listener = await self._engine.open(ListenerSettings())
        await listener.aclose()

    async def _handle(self, request: "web.Request") -> "web.StreamResponse":
        from aiohttp import web

        from paraformer_async.server.connection import Connection

        if not self._admits(request.headers.get("Authorization", "")):
            return _refusal(401, "InvalidApiKey", "Invalid API-key provided.")
        socket = web.WebSocketResponse(timeout=self._clocks.close, max_msg_size=_LARGEST_MESSAGE)
        if not socket.can_prepare(request):
            return _refusal(400, "BadRequest", "This is a WebSocket endpoint.")
        await socket.prepare(request)
        connection = Connection(socket, request.transport, self._engine, self._clocks)
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)
        return socket

    def _admits(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            return False
        # aiohttp escapes bytes that are no UTF-8 so.
        given = key.encode(errors="surrogateescape")
        return self._api_key is None or hmac.compare_digest(given, self._api_key.encode())

    async def _close_connections(self, _app: "web.Application") -> None:
        for connection in self._connections:
            connection.stop()


def _engine(given: Engine) -> Engine:
    """Give back what is an engine. A class of engines is none."""
    if isinstance(given, type) or not all(hasattr(given, name) for name in _ENGINE):
        raise InvalidOptionError(
            "engine",
            f"{given!r} is neither the name of an engine ('moonshine', 'scripted') nor an object "
            "with sample_rate, open() and aclose()",
            hint='make_engine("paraformer", model_dir) gives one for a model of yours',
        )
    return given


def _refusal(status: int, code: str, message: str) -> "web.Response":
    from aiohttp import web

    body = {"code": code, "message": message, "request_id": uuid.uuid4().hex}
    return web.json_response(body, status=status)
