"""
After: what `migrating_before.py` does with the vendor's SDK, as an async program.

    python examples/migrating_after.py

To change one import only, and nothing else, see docs/dashscope.md. The key is read from
DASHSCOPE_API_KEY, and an address from DASHSCOPE_WEBSOCKET_BASE_URL, if set.
"""

import asyncio
from pathlib import Path

from paraformer_async import AsyncRecognizer, ParaformerError

SPEECH = Path(__file__).parent / "audio" / "goforward.raw"  # s16le mono, 16 kHz


async def main() -> None:
    async with AsyncRecognizer("paraformer-realtime-v2", sample_rate=16000) as recognizer:
        async with recognizer.stream(SPEECH.read_bytes()) as stream:
            try:
                async for result in stream:
                    if result.is_final:
                        print(result.text)
            except ParaformerError as error:  # a lost connection is replaced, and is no error
                print("recognized until here:", error)
    print(stream.latency.first_packet, "s to the first result")


if __name__ == "__main__":
    asyncio.run(main())
