"""
Use several cores: one event loop and one recognizer per process, with the files split among them.

An event loop runs on one core. That is enough for hundreds of streams, and a second process takes
half a second to start; see benchmarks/README.md for when it is worth it. The quota of the service
applies to the whole account, so each process uses its share of it.

    python examples/many_cores.py [FILE …]

Without DASHSCOPE_WEBSOCKET_BASE_URL, a local service stands in for the real one. Its engine is
scripted: whatever the audio, it returns `word-0001 word-0002 …`.
"""

import argparse
import asyncio
import multiprocessing
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

from paraformer_async import AsyncRecognizer, PoolLimits
from paraformer_async.server import LocalServer

SPEECH = sorted((Path(__file__).parent / "audio").glob("*.wav"))
CONCURRENCY = 8  # per process: enough to keep a core busy without opening more files than needed


def work(url: str, paths: Sequence[Path], tasks_per_second: int) -> dict[Path, str]:
    """Transcribe a share of the files, in a process of its own."""
    return asyncio.run(transcribe_all(url, paths, tasks_per_second))


async def transcribe_all(url: str, paths: Sequence[Path], tasks_per_second: int) -> dict[Path, str]:
    texts: dict[Path, str] = {}
    slots = asyncio.Semaphore(CONCURRENCY)
    async with AsyncRecognizer(
        endpoint=url,
        api_key=os.environ.get("DASHSCOPE_API_KEY", "any"),
        pool=PoolLimits(tasks_per_second=tasks_per_second),
    ) as recognizer:

        async def transcribe(path: Path) -> None:
            async with slots:
                texts[path] = (await recognizer.transcribe(path)).text

        async with asyncio.TaskGroup() as tasks:
            for path in paths:
                tasks.create_task(transcribe(path))
    return texts


async def main(paths: Sequence[Path], processes: int, quota: int) -> None:
    async with AsyncExitStack() as stack:
        url = os.environ.get("DASHSCOPE_WEBSOCKET_BASE_URL")
        if not url:
            url = (await stack.enter_async_context(LocalServer("scripted"))).url

        # Not "fork": it would copy the running event loop, and locks held by other threads.
        context = multiprocessing.get_context("spawn")
        pool = stack.enter_context(ProcessPoolExecutor(processes, mp_context=context))
        shares = [paths[number::processes] for number in range(processes)]
        loop = asyncio.get_running_loop()
        start = time.perf_counter()
        done = await asyncio.gather(
            *(
                loop.run_in_executor(pool, work, url, share, max(1, quota // processes))
                for share in shares
                if share
            )
        )
        elapsed = time.perf_counter() - start

    for path, text in sorted(item for texts in done for item in texts.items()):
        print(f"{path.name}: {text}")
    print(f"{len(paths)} files with {processes} processes in {elapsed:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", default=SPEECH)
    parser.add_argument(
        "--times", type=int, default=1, help="number of times to transcribe each file"
    )
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--quota", type=int, default=20, help="tasks per second for the account")
    options = parser.parse_args()
    asyncio.run(main(options.files * options.times, options.processes, options.quota))
