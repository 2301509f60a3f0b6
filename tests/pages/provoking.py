"""What leads to an error of docs/troubleshooting.md, by the symptom that is its heading there."""

from collections.abc import Awaitable, Callable

import pytest

from paraformer_async import AsyncRecognizer

__all__ = ["PROVOCATIONS", "Provoke", "provokes", "recognize", "transcribe"]

Provoke = Callable[[pytest.MonkeyPatch], Awaitable[None]]
PROVOCATIONS: dict[str, Provoke] = {}


def provokes(provoke: Provoke) -> Provoke:
    """Register what leads to an error, under the symptom that its docstring names."""
    PROVOCATIONS[str(provoke.__doc__).rstrip(".")] = provoke
    return provoke


async def recognize(audio: object = b"", **options: object) -> None:
    """Recognize a stream."""
    async with AsyncRecognizer(**options) as recognizer:  # type: ignore[arg-type]
        async for _ in recognizer.stream(audio):  # type: ignore[arg-type]
            pass


async def transcribe(path: str) -> None:
    """Recognize a file."""
    async with AsyncRecognizer() as recognizer:
        await recognizer.transcribe(path)
