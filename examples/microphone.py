"""
Recognize what a microphone records, for ten seconds; needs the extra `mic`.

    python examples/microphone.py [NUMBER OR PART OF THE NAME OF A DEVICE]
"""

import asyncio
import sys

from paraformer_async import AsyncRecognizer, AudioError, MissingExtraError, microphone
from paraformer_async.server import LocalServer

SECONDS = 10


async def main(device: int | str | None) -> None:
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
    ):
        source = microphone(device)
        try:
            async with asyncio.timeout(SECONDS):
                async for result in recognizer.stream(source):
                    print("final  " if result.is_final else "partial", result.text)
        except TimeoutError:
            print(f"{source.name}: {source.dropped:.1f} s were dropped")
        except (AudioError, MissingExtraError) as error:  # no microphone, for example
            print(error)


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else None
    asyncio.run(main(int(given) if given and given.isdigit() else given))
