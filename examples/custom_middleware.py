"""
Write your own middleware: record what was sent, and redact numbers in all results.

    python examples/custom_middleware.py

A scripted service stands in for the real one, since the recordings here contain no numbers.
"""

import asyncio
import re
import tempfile
import wave
from collections.abc import AsyncIterator
from pathlib import Path

from msgspec.structs import replace

from paraformer_async import AsyncRecognizer, Sentence, Word
from paraformer_async.middleware import (
    Audio,
    Command,
    Event,
    Middleware,
    ResultGenerated,
    RunTask,
)
from paraformer_async.testing import ScriptedServer

DIGITS = re.compile(r"\d")
SENTENCE = Sentence(
    end_time=900,
    text="My number is 4929.",
    words=(
        Word(0, 200, "My"),
        Word(200, 400, "number"),
        Word(400, 600, "is"),
        Word(600, 900, "4929", "."),
    ),
)


class Recorder(Middleware):
    """Write all audio of a recognition to a WAV file: also silence that the heartbeat has sent."""

    def __init__(self, file: wave.Wave_write) -> None:
        self._file = file

    def outgoing(self, command: Command, now: float) -> Command:
        if isinstance(command, RunTask):
            self._file.setparams((1, 2, command.parameters["sample_rate"], 0, "NONE", ""))
        elif isinstance(command, Audio):
            self._file.writeframes(bytes(command.data))
        return command


class RedactNumbers(Middleware):
    """Replace each digit by #, in partial and final results, in texts and in words."""

    def incoming(self, event: Event, now: float) -> Event:
        if isinstance(event, ResultGenerated) and event.sentence:
            return replace(event, sentence=redacted(event.sentence))
        return event


def redacted(sentence: Sentence) -> Sentence:
    return replace(
        sentence,
        text=DIGITS.sub("#", sentence.text),
        words=tuple(replace(word, text=DIGITS.sub("#", word.text)) for word in sentence.words),
    )


async def speech() -> AsyncIterator[bytes]:
    for _ in range(10):
        yield bytes(3200)  # 100 ms
        await asyncio.sleep(0.02)


async def main(recording: Path) -> None:
    async with ScriptedServer([SENTENCE]) as server:
        with wave.open(str(recording), "wb") as file:
            async with AsyncRecognizer(
                endpoint=server.url,
                api_key="any",
                # Outermost first. Each recognition gets new ones.
                middleware=[RedactNumbers, lambda: Recorder(file)],
            ) as recognizer:
                async for result in recognizer.stream(speech()):
                    print("final  " if result.is_final else "partial", result.text)
    with wave.open(str(recording)) as read:
        print(f"{read.getnframes() / read.getframerate():.1f} s were sent")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "sent.wav"))
