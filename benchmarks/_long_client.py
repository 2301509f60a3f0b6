"""Transcribes one marked file; prints what that took, and whether it is complete."""

import argparse
import asyncio
import json
import resource
import sys
import time

from _bench import cpu_seconds

from paraformer_async import AsyncRecognizer, Rollover
from paraformer_async.testing import marks_of

WORD_MS = 200
_TOLERANCE_MS = 40


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("url")
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--rollover", type=float, required=True)
    options = parser.parse_args()
    tasks: set[str] = set()
    began, cpu = time.monotonic(), cpu_seconds()
    async with AsyncRecognizer(api_key="any", endpoint=options.url) as recognizer:
        transcript = await recognizer.transcribe(
            options.path,
            rollover=Rollover(seconds=options.rollover),
            on_result=lambda result: tasks.add(result.request_id),
        )
    words = [word for sentence in transcript.sentences for word in sentence.words]
    late = max(abs(word.begin_time - WORD_MS * int(word.text)) for word in words)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "wall": time.monotonic() - began,
                "cpu": cpu_seconds() - cpu,
                "peak_mb": peak / (1 << 20 if sys.platform == "darwin" else 1 << 10),
                "rollovers": len(tasks) - 1,
                "words": len(words),
                "is_complete": marks_of(transcript.sentences) == list(range(options.words)),
                "latest_ms": late,
                "is_in_time": late <= _TOLERANCE_MS,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
