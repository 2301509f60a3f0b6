"""
Recognize speech in real time: partial results change, final results do not.

A recording played in real time stands in for a microphone. If the microphone went silent,
`heartbeat` would complete the last sentence, and keep the stream alive.

    python examples/live_stream.py
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from paraformer_async import AsyncRecognizer
from paraformer_async.server import LocalServer

SPEECH = Path(__file__).parent / "audio" / "goforward.raw"  # s16le mono, 16 kHz
FRAME = 3200  # bytes: 100 ms


async def microphone() -> AsyncIterator[bytes]:
    audio = SPEECH.read_bytes()
    for start in range(0, len(audio), FRAME):
        yield audio[start : start + FRAME]
        await asyncio.sleep(0.1)


async def main() -> None:
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any", heartbeat=True) as recognizer,
    ):
        stream = recognizer.stream(microphone())
        async for result in stream:
            print("final  " if result.is_final else "partial", result.text)
        latency = stream.latency
        print(f"first packet {latency.first_packet:.3f} s, last packet {latency.last_packet:.3f} s")


if __name__ == "__main__":
    asyncio.run(main())
