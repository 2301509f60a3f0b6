"""The library's own local service with its scripted engine, in a separate process."""

import asyncio

from _bench import allow_sockets, control

from paraformer_async.server import LocalServer


async def main() -> None:
    allow_sockets()
    async with LocalServer("scripted") as server:
        await control(server.url, lambda: 0)


if __name__ == "__main__":
    asyncio.run(main())
