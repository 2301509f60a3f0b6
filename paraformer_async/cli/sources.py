"""Where `listen` takes its audio from: a microphone, a file in real time, or standard input."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from paraformer_async.audio.files import open_audio
from paraformer_async.audio.microphone import microphone
from paraformer_async.audio.opening import open_stdin
from paraformer_async.audio.source import chunks
from paraformer_async.cli.files import STANDARD_INPUT

__all__ = ["FRAME_MS", "open_source"]

FRAME_MS = 100
_BYTES = 2  # of a sample


@asynccontextmanager
async def open_source(
    source: Path | None, device: str | None, sample_rate: int
) -> AsyncGenerator[AsyncIterator[bytes], None]:
    """
    Yield the frames of audio, s16le mono.

    Args:
        source: A file, `-` for s16le mono on standard input, `None` for a microphone.
        device: Number of the microphone, or a part of its name.
        sample_rate: In Hz.

    Raises:
        AudioError: The file or the microphone cannot be used, or standard input is a terminal.
        MissingExtraError: The extra `mic` is not installed, or `av` for this file.
        OSError: The file cannot be read.
    """
    if source is None:
        name = int(device) if device and device.isdecimal() else device
        async with microphone(name, sample_rate=sample_rate, frame_ms=FRAME_MS) as opened:
            yield aiter(opened)
    elif source == STANDARD_INPUT:
        # Unbuffered: what has arrived is not kept back until a whole block is there.
        number = open_stdin().fileno()
        with open(number, "rb", buffering=0, closefd=False) as file:  # noqa: ASYNC230
            yield aiter(chunks(file))
    else:
        async with open_audio(source, chunk_ms=FRAME_MS, sample_rate=sample_rate) as file:
            yield _in_real_time(file.read_from(0), sample_rate * _BYTES)


async def _in_real_time(
    frames: AsyncGenerator[bytes, None], bytes_per_second: int
) -> AsyncGenerator[bytes, None]:
    """Yield each frame when a microphone would have recorded it."""
    due = anyio.current_time()
    async for frame in frames:
        due += len(frame) / bytes_per_second
        await anyio.sleep_until(due)
        yield frame
