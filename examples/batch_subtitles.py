"""
Write subtitles for many files, several at a time; if it is killed, run it again to continue.

    python examples/batch_subtitles.py [FOLDER_OF_AUDIO [FOLDER_OF_SUBTITLES]]

The key is read from DASHSCOPE_API_KEY, and an address from DASHSCOPE_WEBSOCKET_BASE_URL, if set.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from paraformer_async import AsyncRecognizer, BatchProgress

AUDIO = Path(__file__).parent / "audio"


def report(progress: BatchProgress) -> None:
    print(f"{progress.done} done, {progress.failed} failed, {progress.audio:.0f} s of audio")


async def main(paths: Iterable[Path], subtitles: Path) -> None:
    async with AsyncRecognizer() as recognizer:
        batch = recognizer.transcribe_many(
            paths,
            concurrency=4,
            on_progress=report,
            checkpoint=subtitles / "checkpoint.jsonl",
        )
        async for outcome in batch:
            path = Path(outcome.path)
            if outcome.transcript:
                text = outcome.transcript.to_srt()
                await asyncio.to_thread((subtitles / f"{path.stem}.srt").write_text, text, "utf-8")
            else:
                print(f"{path}: {outcome.error}", file=sys.stderr)


if __name__ == "__main__":
    folders = [Path(one) for one in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as temporary:
        source, target = [*folders, *[AUDIO, Path(temporary)][len(folders) :]][:2]
        target.mkdir(parents=True, exist_ok=True)
        asyncio.run(main(source.glob("*.wav"), target))
