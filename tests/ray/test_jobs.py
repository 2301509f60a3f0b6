"""A job that dies is started again, and goes on where it was; one that loses a node goes on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pyarrow.parquet
import pytest
from anyio.to_thread import run_sync

from paraformer_async.testing import ScriptedServer
from tests.ray.files import LIMIT, Counting, write_audio

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(LIMIT)]

FILES = 60
JOB = Path(__file__).with_name("_job.py")
NODES = Path(__file__).with_name("_nodes.py")


def written(checkpoint: Path) -> int:
    """Return how many files Ray has noted as written."""
    noted = checkpoint.glob("*.parquet")
    return sum(".pending." not in path.name for path in noted)


async def until(is_so: Callable[[], object]) -> None:
    """Wait until a condition holds that other processes bring about."""
    while not is_so():  # noqa: ASYNC110 - other processes set no event
        await anyio.sleep(0.1)


async def test_a_killed_job_is_started_again(tmp_path: Path) -> None:
    """What was written is not transcribed again, and each file is in the result once."""
    (tmp_path / "audio").mkdir()
    texts = await run_sync(write_audio, tmp_path / "audio", FILES)
    checkpoint = tmp_path / "checkpoint"
    command = [sys.executable, str(JOB), str(tmp_path)]
    async with ScriptedServer() as server:
        with anyio.fail_after(LIMIT):
            async with await anyio.open_process(
                [*command, server.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as job:
                await until(lambda: written(checkpoint) >= FILES // 10)
                os.kill(job.pid, signal.SIGKILL)
                await job.wait()
            # The workers of the job end by themselves.
            await until(lambda: not server.connections.open)
        before, done = len(server.received), await run_sync(written, checkpoint)
        with anyio.fail_after(LIMIT):
            await anyio.run_process([*command, server.url])
        assert len(server.received) - before <= FILES - done
    table = await run_sync(pyarrow.parquet.read_table, tmp_path / "transcripts")
    assert sorted(texts.items()) == sorted((row["path"], row["text"]) for row in table.to_pylist())


async def test_a_node_is_lost(tmp_path: Path) -> None:
    """Each file is in the result once, though a node dies with what was transcribed there."""
    texts = await run_sync(write_audio, tmp_path, FILES)
    script = Counting(mark=FILES // 2)
    async with ScriptedServer(script) as server, anyio.create_task_group() as tasks:

        async def end_a_node() -> None:
            await script.is_at_mark.wait()
            await anyio.Path(tmp_path / "now").touch()

        tasks.start_soon(end_a_node)
        command = [sys.executable, str(NODES), str(tmp_path), server.url]
        with anyio.fail_after(LIMIT):
            await anyio.run_process(command)
    rows = json.loads(await anyio.Path(tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert sorted(texts.items()) == sorted((row["path"], row["text"]) for row in rows)
    assert script.most_within_a_second() <= 10
