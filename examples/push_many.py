"""
Push audio for several concurrent callers, each with a stream of its own.

One recognizer serves all of them. `send` waits while the service is slower than the audio.

    python examples/push_many.py
"""

import asyncio
import wave
from pathlib import Path

from paraformer_async import AsyncRecognizer, RecognitionStream
from paraformer_async.server import LocalServer

SPEECH = sorted((Path(__file__).parent / "audio").glob("*-08[89]0.wav"))
CHUNK = 500  # samples; any size will do


async def send_file(stream: RecognitionStream, path: Path) -> None:
    with wave.open(str(path)) as file:
        while samples := file.readframes(CHUNK):
            await stream.send(samples)
    await stream.finish()


async def call(recognizer: AsyncRecognizer, path: Path) -> None:
    async with recognizer.stream() as stream, asyncio.TaskGroup() as tasks:
        tasks.create_task(send_file(stream, path))
        async for result in stream:
            if result.is_final:
                print(f"{path.name}: {result.text}")


async def main() -> None:
    async with LocalServer() as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            async with asyncio.TaskGroup() as calls:
                for path in SPEECH:
                    calls.create_task(call(recognizer, path))


if __name__ == "__main__":
    asyncio.run(main())
