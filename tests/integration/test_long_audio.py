"""Audio of many minutes: complete in bounded memory, over several tasks, and after a drop."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import soundfile
from anyio import to_thread

from paraformer_async import Rollover
from paraformer_async.results import Sentence
from paraformer_async.testing import Drop, ScriptedServer, marked, marks
from paraformer_async.testing.marking import BLOCK_MS
from tests.integration.marked import assert_complete, recognizer_for
from tests.loops import one_loop

pytestmark = pytest.mark.anyio
anyio_backend = one_loop
RATE = 8000
# Prints the peak memory of a transcription in KB, the tasks, and the numbers of the blocks.
PROGRAM = """
import asyncio, json, resource, sys
from paraformer_async import AsyncRecognizer, Rollover
from paraformer_async.testing import marks_of

async def main(path, url):
    async with AsyncRecognizer(api_key="any", endpoint=url) as recognizer:
        ids = set()
        transcript = await recognizer.transcribe(
            path, rollover=Rollover(seconds=150), on_result=lambda one: ids.add(one.request_id)
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([peak, len(ids), marks_of(transcript.sentences), transcript.duration]))

asyncio.run(main(*sys.argv[1:]))
"""


def write(path: Path, seconds: int) -> Path:
    """Write marked audio to a file."""
    samples = np.frombuffer(marked(seconds * 1000, sample_rate=RATE), "<i2")
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


async def transcribed(path: Path) -> tuple[int, int, list[int], float]:
    """Transcribe a file in a process of its own."""
    async with ScriptedServer(marks(sentence_ms=4000)) as server:
        command = [sys.executable, "-c", PROGRAM, str(path), server.url]
        run = partial(subprocess.run, command, capture_output=True, text=True, check=True)
        done: subprocess.CompletedProcess[str] = await to_thread.run_sync(run)
        assert [] == server.violations
    peak, tasks, blocks, duration = json.loads(done.stdout)
    return peak, tasks, blocks, duration


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Ten minutes roll over several times, lose no word, and need little more than 20 seconds."""
    brief, *_ = await transcribed(write(tmp_path / "brief.flac", 20))
    peak, tasks, blocks, duration = await transcribed(write(tmp_path / "long.flac", 600))
    assert list(range(600 * 1000 // BLOCK_MS)) == blocks
    assert 600 == duration
    assert tasks >= 3
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    assert (peak - brief) / unit < 40  # MB, of which the transcript of 30,000 words has most


class Behind:
    """Recognizes marks, and returns what is final so many ms of audio later."""

    def __init__(self, ms: int, parameters: Mapping[str, Any]) -> None:
        self._run = marks(sentence_ms=1000)(parameters)
        self._held: list[Sentence] = []
        self._ms = ms
        self._received = 0

    def feed(self, audio: bytes) -> Iterable[Sentence]:
        """Receive more audio."""
        self._received += len(audio)
        self._held += [one for one in self._run.feed(audio) if one.is_final]
        due = self._received * 500 // RATE - self._ms
        while self._held and (self._held[0].end_time or 0) <= due:
            yield self._held.pop(0)

    def finish(self) -> Iterable[Sentence]:
        """Return what is left."""
        return [*self._held, *self._run.finish()]


def behind(ms: int) -> "Callable[[Mapping[str, Any]], Behind]":
    """Return the script of a service that is so far behind."""
    return partial(Behind, ms)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
async def test_a_drop_of_a_service_that_is_minutes_behind(tmp_path: Path, suffix: str) -> None:
    """However much is not final, the file is read again: no word is lost, none is repeated."""
    path = write(tmp_path / f"long.{suffix}", 300)
    drops = [Drop(after_ms=250_000), Drop(after_ms=200_000)]
    results = []
    async with (
        ScriptedServer(behind(180_000), faults=drops) as server,
        recognizer_for(server) as recognizer,
    ):
        with anyio.fail_after(120):
            transcript = await recognizer.transcribe(path, on_result=results.append)
        assert drops == server.happened
    assert_complete(results, list(range(300 * 1000 // BLOCK_MS)))
    assert transcript.overhead.replayed > 300


async def test_a_pushed_stream_rolls_over() -> None:
    """A stream of minutes that is pushed rolls over at sentences, and is complete, too."""
    audio = marked(200_000, sample_rate=RATE)
    rollover = Rollover(seconds=50, grace=5)
    async with (
        ScriptedServer(marks(sentence_ms=3000)) as server,
        recognizer_for(server, sample_rate=RATE, rollover=rollover) as recognizer,
        recognizer.stream() as stream,
        anyio.create_task_group() as tasks,
    ):

        async def push() -> None:
            for at in range(0, len(audio), 1600):
                await stream.send(audio[at : at + 1600])
            await stream.finish()

        tasks.start_soon(push)
        results = [result async for result in stream]
        assert len(server.received) >= 3
    assert_complete(results, list(range(200 * 1000 // BLOCK_MS)))
