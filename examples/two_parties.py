"""
Recognize the two parties of a call: on the two channels of one file, and as two live streams.

    python examples/two_parties.py
"""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from paraformer_async import AsyncRecognizer
from paraformer_async.server import LocalServer

AUDIO = Path(__file__).parent / "audio"
RATE = 16_000  # Hz
FRAME = 3200  # bytes: 100 ms


def samples_of(name: str) -> bytes:
    with wave.open(str(AUDIO / name), "rb") as file:
        return file.readframes(file.getnframes())


AGENT = samples_of("goforward.wav")
CUSTOMER = samples_of("sense_and_sensibility_01_austen_64kb-0880.wav")


def recorded_call() -> bytes:
    """Return a WAV file with the agent on channel 0, and then the customer on channel 1."""
    call = np.zeros((len(AGENT + CUSTOMER) // 2, 2), np.int16)
    call[: len(AGENT) // 2, 0] = np.frombuffer(AGENT, np.int16)
    call[len(AGENT) // 2 :, 1] = np.frombuffer(CUSTOMER, np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(2)
        output.setsampwidth(2)
        output.setframerate(RATE)
        output.writeframes(call.tobytes())
    return file.getvalue()


async def live(audio: bytes, answered: asyncio.Event, *, is_first: bool) -> AsyncIterator[bytes]:
    """Yield audio in real time, the second party after the first."""
    if not is_first:
        await answered.wait()
    for start in range(0, len(audio), FRAME):
        yield audio[start : start + FRAME]
        await asyncio.sleep(FRAME / 2 / RATE)
    answered.set()


async def main() -> None:
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any", sample_rate=RATE) as recognizer,
    ):
        transcript = await recognizer.transcribe(recorded_call(), channels="split")
        print(transcript.text)
        print(transcript.to_srt())

        answered = asyncio.Event()
        parties = {
            "agent": live(AGENT, answered, is_first=True),
            "customer": live(CUSTOMER, answered, is_first=False),
        }
        async for result in recognizer.stream_many(parties):
            if result.is_final:
                print(f"{result.sentence.begin_time:5} ms  {result.channel_id}: {result.text}")


if __name__ == "__main__":
    asyncio.run(main())
