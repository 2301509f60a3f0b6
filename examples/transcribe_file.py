"""
Transcribe a file: with the real service if DASHSCOPE_API_KEY is set, otherwise on this machine.

    python examples/transcribe_file.py [FILE]
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from paraformer_async import AsyncRecognizer
from paraformer_async.server import LocalServer

SPEECH = Path(__file__).parent / "audio" / "sense_and_sensibility_01_austen_64kb-0870.wav"


async def main(path: str | Path) -> None:
    async with AsyncExitStack() as stack:
        if "DASHSCOPE_API_KEY" in os.environ:
            recognizer = AsyncRecognizer()
        else:
            server = await stack.enter_async_context(LocalServer())
            recognizer = AsyncRecognizer(endpoint=server.url, api_key="any")
        await stack.enter_async_context(recognizer)

        transcript = await recognizer.transcribe(path)

        print(transcript.text)
        print(f"{transcript.duration:.1f} s of audio, {transcript.billed} s billed")
        print(transcript.to_srt())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else SPEECH))
