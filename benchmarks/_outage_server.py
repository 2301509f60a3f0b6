"""A scripted service behind gates, one for each kind of outage, in a separate process."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping

from _bench import allow_sockets, answer

from paraformer_async.testing import ScriptedServer

_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_BLOCK = 65536


class Gate:
    """
    A TCP relay to the service that has one outage.

    Args:
        port: Port of the service.
        kind: What happens to new connections during the outage; one of `KINDS`. Open connections
            are reset when it begins, except in a black hole, which passes nothing on.
    """

    def __init__(self, port: int, kind: str) -> None:
        self._service = port
        self._kind = kind
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Accept connections."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def fail(self, seconds: float) -> None:
        """Have an outage."""
        self._is_open.clear()
        if self._kind != "black hole":
            for writer in self._writers:
                writer.transport.abort()
        if self._kind == "refused" and self._server:
            self._server.close()
        await asyncio.sleep(seconds)
        if self._kind == "refused":
            await self.start()
        self._is_open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open.is_set() and (refuse := KINDS[self._kind]):
            await refuse(reader, writer)
            return
        await self._is_open.wait()
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._service)
        ends = {writer, inner_writer}
        self._writers |= ends
        try:
            await asyncio.gather(
                self._relay(reader, inner_writer), self._relay(inner_reader, writer)
            )
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(_BLOCK):
                await self._is_open.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


async def _cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.transport.abort()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(_UNAVAILABLE)
    writer.close()


Refuse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
KINDS: Mapping[str, Refuse | None] = {
    "refused": _cut,
    "accepted and cut": _cut,
    "HTTP 503": _refuse,
    "black hole": None,
}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", type=float, required=True, help="seconds until the outage")
    parser.add_argument("--seconds", type=float, required=True, help="length of the outage")
    options = parser.parse_args()
    allow_sockets()
    async with ScriptedServer() as server, asyncio.TaskGroup() as tasks:
        port = int(server.url.split(":")[2].split("/")[0])
        gates = {kind: Gate(port, kind) for kind in KINDS}
        for gate in gates.values():
            await gate.start()

        async def fail() -> None:
            await asyncio.sleep(options.after)
            await asyncio.gather(*(gate.fail(options.seconds) for gate in gates.values()))

        failing = tasks.create_task(fail())
        urls = {kind: server.url.replace(str(port), str(gate.port)) for kind, gate in gates.items()}
        await answer(json.dumps(urls), failing.done)
        failing.cancel()


if __name__ == "__main__":
    asyncio.run(main())
