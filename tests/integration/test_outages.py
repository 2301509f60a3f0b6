"""Outages of a live stream that last longer than its audio is kept."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from paraformer_async import (
    AudioLostError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    Reconnect,
    ServiceError,
    Timeouts,
)
from paraformer_async.testing import ScriptedServer, marked, marks_of
from tests.integration.marked import recognizer_for, soon

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BLOCK = 20  # ms


class Gate:
    """A relay to a service, until it fails: then all connections are cut, and no others pass."""

    def __init__(self, service: int) -> None:
        self._service = service
        self._is_open = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._kind = ""
        self._placeholder = socket.socket()
        self.port = 0

    async def listen(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def fail(self, kind: str) -> None:
        """Cut all connections, and treat the following ones as *kind* says."""
        self._kind = kind
        if kind in ("", "refused"):
            self._server.close()
        if kind == "refused":  # and another process must not be given the port meanwhile
            self._placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._placeholder.bind(("127.0.0.1", self.port))
        for writer in self._writers:
            writer.transport.abort()

    def release(self) -> None:
        """Let others have the port."""
        self._placeholder.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._kind == "HTTP 503":
            await reader.readuntil(b"\r\n\r\n")
            writer.write(UNAVAILABLE)
            writer.close()
        elif self._kind == "accepted and cut":
            writer.transport.abort()
        elif self._kind == "black hole":
            await reader.read()
        else:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._service)
            self._writers.add(inner_writer)
            await asyncio.gather(relay(reader, inner_writer), relay(inner_reader, writer))


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what arrives, until either connection ends."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def service() -> AsyncIterator[tuple[Gate, ScriptedServer]]:
    """Run a service behind a gate."""
    async with ScriptedServer() as server:
        gate = Gate(int(server.url.split(":")[2].split("/")[0]))
        await gate.listen()
        yield gate, server
        gate.fail("")
        gate.release()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("refused", ConnectError),
        ("accepted and cut", ConnectError),
        ("HTTP 503", HandshakeError),
        ("black hole", DeadlineError),
    ],
)
async def test_the_error_names_the_audio(
    service: tuple[Gate, ScriptedServer], kind: str, reason: type[ServiceError]
) -> None:
    """After a long outage, the error has the range that no final result covers, and the reason."""
    gate, server = service
    policy = Reconnect(attempts=2, keep=0.5, backoff=soon)
    recognizer = recognizer_for(server, reconnect=policy, timeouts=Timeouts(connect=0.3, close=0.1))
    url = server.url.replace(server.url.split(":")[2].split("/")[0], str(gate.port))
    async with recognizer, recognizer.stream(endpoint=url) as stream:
        finals = []
        await stream.send(marked(3000))
        while not finals:
            result = await anext(stream)
            finals += [result] if result.is_final else []
        gate.fail(kind)
        await stream.send(marked(1000, first=3000 // BLOCK))
        with pytest.raises(AudioLostError) as caught:
            finals += [result async for result in stream if result.is_final]
    error = caught.value
    marks = marks_of(finals)
    assert marks == list(range(error.begin_time // BLOCK))
    assert 4000 == error.end_time
    assert isinstance(error.__cause__, reason | ConnectionLostError)
    assert error.outage
    assert f"from {error.begin_time} to 4000 ms" in str(error)
