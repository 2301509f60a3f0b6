"""
A link to a server that takes its time: a TCP proxy on loopback, in a process of its own.

What comes from either side goes on *delay* later, in order and without a bound on what is under
way. Setting up a connection takes a round trip, as TCP does it: on loopback it takes none, so what
the client says first is held back for so much longer.

Standard input is the way to control it, see `_bench.answer`: it tells the connections so far.
"""

import argparse
import asyncio
from collections import deque
from typing import cast
from urllib.parse import urlsplit

from _bench import answer


class Side(asyncio.Protocol):
    """
    One side of a connection; passes what it reads to the other.

    Args:
        delay: Seconds that everything takes.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._earliest = 0.0
        self._under_way: deque[bytes | None] = deque()
        self.other: Side | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)

    def hold(self, seconds: float) -> None:
        """Pass nothing on for so long, beside the delay."""
        self._earliest = self._loop.time() + seconds

    def data_received(self, data: bytes) -> None:
        """Send data on its way."""
        self._start(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Send the news on its way."""
        self._start(None)

    def _start(self, data: bytes | None) -> None:
        if not self._delay:
            self._pass(data)
            return
        self._under_way.append(data)
        begin = max(self._loop.time(), self._earliest)
        self._loop.call_at(begin + self._delay, self._arrive)

    def _arrive(self) -> None:
        self._pass(self._under_way.popleft())  # in order, whichever timer this is

    def _pass(self, data: bytes | None) -> None:
        if self.other is None or self.other.transport is None:
            return
        if data is None:
            self.other.transport.close()
        else:
            self.other.transport.write(data)


class Entrance(Side):
    """The client's side: connects to the server when the client is there."""

    def __init__(self, delay: float, host: str, port: int, accepted: list[int]) -> None:
        super().__init__(delay)
        self._address = (host, port)
        self._accepted = accepted
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._accepted[0] += 1
        cast("asyncio.Transport", transport).pause_reading()
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        exit_ = Side(self._delay)
        exit_.other, self.other = self, exit_
        await self._loop.create_connection(lambda: exit_, *self._address)
        self.hold(2 * self._delay)
        assert self.transport
        self.transport.resume_reading()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="where it leads to")
    parser.add_argument("--delay", type=float, default=0.0, help="ms, each way")
    options = parser.parse_args()
    target = urlsplit(options.url)
    host, port, accepted = str(target.hostname), int(target.port or 0), [0]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Entrance(options.delay / 1000, host, port, accepted), "127.0.0.1", 0
    )
    entrance = server.sockets[0].getsockname()[1]
    await answer(target._replace(netloc=f"127.0.0.1:{entrance}").geturl(), lambda: accepted[0])


if __name__ == "__main__":
    asyncio.run(main())
