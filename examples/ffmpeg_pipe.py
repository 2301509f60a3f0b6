"""
Recognize whatever ffmpeg reads: any container, the address of a stream, a capture device.

    python examples/ffmpeg_pipe.py [FILE OR ADDRESS]

ffmpeg is a program of its own, and has to be installed. It ends with the recognition, whichever of
the two ends first. Files need none of this: `transcribe` reads them, video included.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from paraformer_async import AsyncRecognizer
from paraformer_async.server import LocalServer

SPEECH = Path(__file__).parent / "audio" / "goforward.wav"
RATE = 16_000  # Hz
READ = ("-nostdin", "-hide_banner", "-loglevel", "error")
WRITE = ("-vn", "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-")


class FfmpegError(Exception):
    """ffmpeg is not installed, or has failed."""


async def decoded(source: str) -> AsyncGenerator[bytes, None]:
    """Yield what ffmpeg decodes, as s16le mono. Raise `FfmpegError` with what it reports."""
    try:
        process = await asyncio.create_subprocess_exec(
            "ffmpeg", *READ, "-i", source, *WRITE, stdout=PIPE, stderr=PIPE
        )
    except FileNotFoundError as error:
        raise FfmpegError("install ffmpeg first, or see docs/audio.md for files") from error
    assert process.stdout is not None
    assert process.stderr is not None
    report = asyncio.create_task(process.stderr.read())  # it would block if nobody read it
    try:
        while audio := await process.stdout.read(RATE // 5):  # 100 ms
            yield audio
        status = await process.wait()
        reported = (await report).decode(errors="replace").strip()
        if status:
            raise FfmpegError(reported or f"ffmpeg ended with status {status}")
        if reported:
            print(f"ffmpeg: {reported}", file=sys.stderr)
    finally:
        if process.returncode is None:
            process.kill()
        report.cancel()
        await process.wait()


async def main(source: str) -> None:
    async with (
        LocalServer() as server,
        AsyncRecognizer(endpoint=server.url, api_key="any", sample_rate=RATE) as recognizer,
        aclosing(decoded(source)) as audio,
    ):
        async for result in recognizer.stream(audio):
            if result.is_final:
                print(result.text)


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else str(SPEECH)))
    except FfmpegError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
