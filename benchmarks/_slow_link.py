"""
A link to a server with added latency: a TCP proxy on loopback, in a separate process.

Data from either side is passed on after *delay*, in order and without a limit on data in transit. A
TCP connection takes one round trip to set up. Loopback takes none, so the first data from the
client is delayed by that much more.

Controlled through standard input, see `_bench.answer`; the state is the number of connections.
"""

import argparse
import asyncio
from collections import deque
from typing import cast
from urllib.parse import urlsplit

from _bench import answer


class Endpoint(asyncio.Protocol):
    """
    One end of a connection; passes what it reads to the other end.

    Args:
        delay: Latency in seconds.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._earliest = 0.0
        self._in_transit: deque[bytes | None] = deque()
        self.other: Endpoint | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def hold(self, seconds: float) -> None:
        """Hold data back for *seconds*, in addition to the latency."""
        self._earliest = self._loop.time() + seconds

    def data_received(self, data: bytes) -> None:
        """Pass data on after the latency."""
        self._start(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other end after the latency."""
        self._start(None)

    def _start(self, data: bytes | None) -> None:
        if not self._delay:
            self._pass(data)
            return
        self._in_transit.append(data)
        begin = max(self._loop.time(), self._earliest)
        self._loop.call_at(begin + self._delay, self._arrive)

    def _arrive(self) -> None:
        self._pass(self._in_transit.popleft())  # in order, regardless of which timer fired

    def _pass(self, data: bytes | None) -> None:
        if self.other is None or self.other.transport is None:
            return
        if data is None:
            self.other.transport.close()
        else:
            self.other.transport.write(data)


class ClientEndpoint(Endpoint):
    """The client's end: connects to the server when the client connects."""

    def __init__(self, delay: float, host: str, port: int, accepted: list[int]) -> None:
        super().__init__(delay)
        self._address = (host, port)
        self._accepted = accepted
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server."""
        super().connection_made(transport)
        self._accepted[0] += 1
        cast("asyncio.Transport", transport).pause_reading()
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        server_end = Endpoint(self._delay)
        server_end.other, self.other = self, server_end
        await self._loop.create_connection(lambda: server_end, *self._address)
        self.hold(2 * self._delay)
        assert self.transport
        self.transport.resume_reading()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="URL of the server")
    parser.add_argument("--delay", type=float, default=0.0, help="ms, each way")
    options = parser.parse_args()
    target = urlsplit(options.url)
    host, port, accepted = str(target.hostname), int(target.port or 0), [0]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: ClientEndpoint(options.delay / 1000, host, port, accepted), "127.0.0.1", 0
    )
    own_port = server.sockets[0].getsockname()[1]
    await answer(target._replace(netloc=f"127.0.0.1:{own_port}").geturl(), lambda: accepted[0])


if __name__ == "__main__":
    asyncio.run(main())
