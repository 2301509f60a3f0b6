"""A scripted service behind slow relays, each of which is reset once, in a separate process."""

import argparse
import asyncio
import json
import socket
import struct
import time

from _bench import allow_sockets, answer

from paraformer_async.testing import ScriptedServer

_BLOCK = 16384
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets


class Relay:
    """
    Relays to the service; the first connection slowly, until it is reset.

    Args:
        port: Port of the service.
        rate: Bytes per second that the first connection takes.
        after: Bytes after which it is reset.
        buffer: Its receive buffer, in bytes.
    """

    def __init__(self, port: int, rate: float, after: int, buffer: int) -> None:
        self._service = port
        self._rate = rate
        self._after = after
        self._buffer = buffer
        self._is_first = True

    async def start(self) -> int:
        """Accept connections; return the port."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer)
        await asyncio.start_server(self._accept, sock=listener, limit=_BLOCK)
        return int(listener.getsockname()[1])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_first, self._is_first = self._is_first, False
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._service)
        back = asyncio.create_task(_relay(inner_reader, writer))
        try:
            if is_first:
                await self._relay_slowly(reader, inner_writer)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                )
            else:
                await _relay(reader, inner_writer)
                await back
        except (OSError, asyncio.CancelledError):
            pass  # an end has gone
        finally:
            back.cancel()
            inner_writer.transport.abort()
            writer.transport.abort()

    async def _relay_slowly(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        begin, total = time.monotonic(), 0
        while total < self._after and (data := await reader.read(_BLOCK)):
            writer.write(data)
            await writer.drain()
            total += len(data)
            await asyncio.sleep(max(0.0, begin + total / self._rate - time.monotonic()))


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_BLOCK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relays", type=json.loads, required=True, help="[[rate, after, buffer]]")
    options = parser.parse_args()
    allow_sockets()
    async with ScriptedServer() as server:
        port = int(server.url.split(":")[2].split("/")[0])
        ports = [await Relay(port, *values).start() for values in options.relays]
        urls = [server.url.replace(str(port), str(each)) for each in ports]
        await answer(json.dumps(urls), lambda: None)


if __name__ == "__main__":
    asyncio.run(main())
