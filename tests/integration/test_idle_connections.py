"""What a service, or a network, does to a connection between two tasks."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import pytest

from paraformer_async import AsyncRecognizer, Timeouts
from paraformer_async._accepting import finish_accepting
from paraformer_async.testing import ScriptedServer, marked
from paraformer_async.testing._far_end import Opcode, frame
from tests.integration.marked import AGAIN, LENGTH, assert_complete, noting

if TYPE_CHECKING:
    from paraformer_async.observing import RetryScheduled

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

HEADER = b'{"header": {"task_id": "%s", "event": "%s", "attributes": {}}, "payload": {}}'
OLD = b"f" * 32
RESULT = frame(Opcode.TEXT, HEADER % (OLD, b"result-generated"))
LEFT = {
    "a byte of a frame": RESULT[:1],
    "the head of a frame": RESULT[:4],
    "half a frame": RESULT[:-20],
    "half a message": frame(Opcode.TEXT, b'{"header": {"ev', is_last=False),
    "half a ping": frame(Opcode.PING, b"payload")[:5],
    "a late result": RESULT,
    "a late failure": frame(Opcode.TEXT, HEADER % (OLD, b"task-failed")),
    "another end": frame(Opcode.TEXT, HEADER % (OLD, b"task-finished")),
    "noise": frame(Opcode.TEXT, b"\n"),
    "binary noise": frame(Opcode.BINARY, b"\0" * 9),
    "pings": frame(Opcode.PING, b"any") * 9,
    "nothing, and never again": b"",
}


class Relay:
    """Passes bytes to and from a service; its first connection has its say after the first task."""

    def __init__(self, service: int, left: bytes, *, is_cut: bool) -> None:
        self._service = service
        self._left = left
        self._is_cut = is_cut
        self._writers: list[asyncio.StreamWriter] = []
        self.connections = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection."""
        self.connections += 1
        service = await asyncio.open_connection("127.0.0.1", self._service)
        self._writers += [writer, service[1]]
        is_first = self.connections == 1
        await asyncio.gather(
            self._pass_on(reader, service[1]), self._pass_on(service[0], writer, is_first=is_first)
        )

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_first: bool = False,
    ) -> None:
        is_silent = False
        while data := await reader.read(65536):
            if not is_silent:
                writer.write(data)
            if is_first and b"task-finished" in data:
                is_first, is_silent = False, self._is_cut
                writer.write(self._left)
        writer.close()

    def close(self) -> None:
        """Cut what is open."""
        for writer in self._writers:
            writer.transport.abort()


@pytest.fixture(params=LEFT)
async def relay(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Relay, str]]:
    """Run a service behind a relay; yield the relay and its address."""
    async with ScriptedServer() as server:
        address = urlsplit(server.url)
        is_cut = request.param == "nothing, and never again"
        relay = Relay(address.port or 0, LEFT[request.param], is_cut=is_cut)
        listening = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        yield relay, address._replace(netloc=f"127.0.0.1:{port}").geturl()
        await finish_accepting()
        listening.close()
        relay.close()


async def test_the_next_recognition_is_complete_and_hardly_late(relay: tuple[Relay, str]) -> None:
    """Whatever an idle connection has received costs the next task one fresh connection at most."""
    retries: list[RetryScheduled] = []
    recognizer = AsyncRecognizer(
        endpoint=relay[1],
        api_key="any",
        reconnect=AGAIN,
        observe=noting(retries),
        timeouts=Timeouts(started=60, reused=0.3, close=0.3),
    )
    with anyio.fail_after(20):
        async with recognizer:
            for _ in range(3):
                results = [one async for one in recognizer.stream(marked(LENGTH))]
                assert_complete(results)
                await anyio.sleep(0.05)
    assert relay[0].connections <= 2
    assert [] == [retry for retry in retries if retry.failures]
