"""Clients that connect while a service is closed, and clients that leave while they connect."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import anyio.lowlevel
import pytest

from paraformer_async._accepting import finish_accepting
from paraformer_async.server import LocalServer
from paraformer_async.testing import ScriptedServer
from paraformer_async.testing._far_end import RESETS, FarEnd, listening
from tests.loops import each_loop

pytestmark = pytest.mark.anyio
anyio_backend = each_loop

HANDSHAKE = (
    b"GET /api-ws/v1/inference HTTP/1.1\r\nHost: a\r\nAuthorization: bearer any\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
Serving = Callable[[], AbstractAsyncContextManager[int]]


@asynccontextmanager
async def scripted() -> AsyncIterator[int]:
    """Yield the port of a scripted service."""
    async with ScriptedServer() as server:
        yield urlsplit(server.url).port or 0


@asynccontextmanager
async def local() -> AsyncIterator[int]:
    """Yield the port of a local service."""
    async with LocalServer(engine="scripted") as server:
        yield urlsplit(server.url).port or 0


async def read(end: FarEnd) -> None:
    """Read the request of a client."""
    await end.request()


def far_end() -> AbstractAsyncContextManager[int]:
    """Return a server of bytes."""
    return listening(read)


@pytest.mark.parametrize("serving", [scripted, local, far_end])
@pytest.mark.parametrize("passes", range(8))
async def test_a_client_that_has_just_connected(
    serving: Serving, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket is closed with the service, however many passes of the loop lie between."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)  # otherwise a connection that cannot be passed on is not reported
    failures: list[object] = []
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    try:
        async with serving() as port:
            client = socket.create_connection(("127.0.0.1", port))
            for _ in range(passes):
                await anyio.lowlevel.checkpoint()
        client.close()
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        gc.collect()
    finally:
        loop.set_exception_handler(handler)
        loop.set_debug(False)
    assert [] == failures
    assert [] == unraisable


@pytest.mark.parametrize("serving", [scripted, local])
@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_client_that_leaves_during_the_handshake(
    serving: Serving, caplog: pytest.LogCaptureFixture, *, is_reset: bool
) -> None:
    """It is no error of the service, and nothing is logged."""
    async with serving() as port:
        client = socket.create_connection(("127.0.0.1", port))
        await finish_accepting()
        client.sendall(HANDSHAKE)
        if is_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)
        client.close()
        for _ in range(9):
            await anyio.lowlevel.checkpoint()
    assert [] == caplog.records
