"""
The measured process: transcribe files concurrently, and print the cost as JSON.

Interpreter startup, imports and one initial file, which triggers lazy loading, are not counted.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _alternatives import KEY, MODEL, unlimited
from _bench import cpu_seconds

_RATE = 16000


def ours(url: str, files: Sequence[Path], concurrency: int) -> list[str]:
    """Use `transcribe_many`."""
    return asyncio.run(_ours(url, files, concurrency))


async def _ours(url: str, files: Sequence[Path], concurrency: int) -> list[str]:
    from paraformer_async import AsyncRecognizer

    async with AsyncRecognizer(endpoint=url, api_key=KEY, pool=unlimited()) as recognizer:
        batch = recognizer.transcribe_many(files, concurrency=concurrency)
        return [outcome.transcript.text async for outcome in batch if outcome.transcript]


def vendors(url: str, files: Sequence[Path], concurrency: int) -> list[str]:
    """Use the vendor's SDK, whose `call` blocks, in a thread pool."""
    import dashscope
    from dashscope.audio.asr import Recognition, RecognitionCallback

    dashscope.api_key = KEY
    dashscope.base_websocket_api_url = url

    def call(path: Path) -> str:
        recognition = Recognition(MODEL, RecognitionCallback(), "wav", _RATE)  # never called
        sentences: Any = recognition.call(str(path)).get_sentence()
        return "".join(sentence["text"] for sentence in sentences or ())

    with ThreadPoolExecutor(concurrency) as pool:
        return list(pool.map(call, files))


ALTERNATIVES: Mapping[str, Callable[[str, Sequence[Path], int], list[str]]] = {
    "ours": ours,
    "dashscope": vendors,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ALTERNATIVES)
    parser.add_argument("url")
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--concurrency", type=int, required=True)
    options = parser.parse_args()
    transcribe = ALTERNATIVES[options.name]
    transcribe(options.url, options.files[:1], 1)
    wall, cpu = time.perf_counter(), cpu_seconds()
    texts = transcribe(options.url, options.files, options.concurrency)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    assert len(texts) == len(options.files)
    assert all(texts), "a file without text"
    characters = sum(len("".join(text.split())) for text in texts)  # spaces between sentences vary
    print(json.dumps({"wall": wall, "cpu": cpu, "characters": characters}))


if __name__ == "__main__":
    main()
