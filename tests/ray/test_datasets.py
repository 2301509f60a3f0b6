"""Datasets of audio on a real Ray cluster, with a scripted service that counts."""

import json
import os
import pickle
import signal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest
import ray
from anyio.to_thread import run_sync

from paraformer_async import InvalidOptionError, PoolLimits
from paraformer_async.integrations.ray import RayQuota, transcribe_dataset
from paraformer_async.testing import Refuse, ScriptedServer
from tests.ray.files import LIMIT, Counting, write_audio

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(LIMIT),
    pytest.mark.usefixtures("cluster"),
]

FILES = 500
PER_SECOND = 50
AT_ONCE = 4


def key_of_worker(folder: Path) -> str:
    """Return a key, and note the process that asks for one."""
    (folder / str(os.getpid())).touch()
    return "any"


def files_with(folder: Path, text: str) -> list[Path]:
    """Return the files in *folder* that contain *text*."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]


async def test_a_worker_is_killed(tmp_path: Path) -> None:
    """
    With one of two workers killed half-way, each file is in the result exactly once.

    The service counts no more than the quota within any second, and no more tasks than the files
    and those that were being transcribed by the killed worker.
    """
    texts = await run_sync(write_audio, tmp_path, FILES)
    workers = tmp_path / "workers"
    workers.mkdir()
    script = Counting(mark=FILES // 2)
    async with ScriptedServer(script) as server, anyio.create_task_group() as tasks:

        async def kill_one() -> None:
            await script.is_at_mark.wait()
            victim = min(int(path.name) for path in workers.iterdir())
            os.kill(victim, signal.SIGKILL)

        tasks.start_soon(kill_one)
        dataset = transcribe_dataset(
            ray.data.from_items([{"path": path, "number": n} for n, path in enumerate(texts)]),
            concurrency=2,
            files_at_once=AT_ONCE,
            options={
                "endpoint": server.url,
                "api_key": partial(key_of_worker, workers),
                "pool": PoolLimits(tasks_per_second=PER_SECOND),
            },
        )
        rows = await run_sync(dataset.take_all)
    assert sorted(enumerate(texts.items())) == sorted(
        (row["number"], (row["path"], row["text"])) for row in rows
    )
    assert {""} == {row["error"] for row in rows}
    assert 3 == len(list(workers.iterdir()))
    assert script.most_within_a_second() <= PER_SECOND
    assert len(server.received) <= FILES + AT_ONCE
    assert [] == server.violations


async def test_the_counter_is_killed(tmp_path: Path) -> None:
    """If the actor that counts dies, all files are in the result, and the quota holds."""
    texts = await run_sync(write_audio, tmp_path, 60)
    script = Counting(mark=20)
    async with ScriptedServer(script) as server, anyio.create_task_group() as tasks:

        async def kill_the_counter() -> None:
            await script.is_at_mark.wait()
            counter = ray.get_actor("another account", namespace="paraformer_async")
            ray.kill(counter, no_restart=False)

        tasks.start_soon(kill_the_counter)
        dataset = transcribe_dataset(
            ray.data.from_items([{"path": path} for path in texts]),
            concurrency=2,
            quota=RayQuota("another account"),
            options={
                "endpoint": server.url,
                "api_key": "any",
                "pool": PoolLimits(tasks_per_second=10),
            },
        )
        rows = await run_sync(dataset.take_all)
    assert texts == {row["path"]: row["text"] for row in rows}
    assert len(texts) == len(rows)
    assert script.most_within_a_second() <= 10


async def test_files_in_memory_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is no audio is a row with its error; other columns stay, the bytes do not."""
    texts = await run_sync(write_audio, tmp_path, 3)
    (tmp_path / "empty.wav").touch()
    (tmp_path / "notes.wav").write_text("no audio at all", encoding="utf-8")
    async with ScriptedServer() as server:
        files = ray.data.read_binary_files(str(tmp_path), include_paths=True)
        dataset = transcribe_dataset(
            files, "bytes", concurrency=1, options={"endpoint": server.url, "api_key": "any"}
        )
        rows = {Path(row["path"]).name: row for row in await run_sync(dataset.take_all)}
        assert len(texts) == len(server.received)
    assert {"path", "text", "transcript", "error"} == set(rows["000.wav"])
    for path, text in texts.items():
        row = rows[Path(path).name]
        assert (text, "") == (row["text"], row["error"])
        assert text == json.loads(row["transcript"])["text"]
    for name in ("empty.wav", "notes.wav"):
        assert ("", "") == (rows[name]["text"], rows[name]["transcript"])
    assert rows["empty.wav"]["error"].startswith("AudioError: ")
    assert rows["notes.wav"]["error"].startswith("AudioError: ")


async def test_a_key_that_is_refused_ends_the_dataset(tmp_path: Path, cluster: Path) -> None:
    """What fails every file is raised where the dataset is consumed; no log shows the key."""
    texts = await run_sync(write_audio, tmp_path, 20)
    secret = f"sk-{uuid4().hex}"
    async with ScriptedServer(forever=Refuse(401)) as server:
        dataset = transcribe_dataset(
            ray.data.from_items([{"path": path} for path in texts]),
            concurrency=1,
            files_at_once=1,
            options={"endpoint": server.url, "api_key": secret, "headers": {"x-key": secret}},
        )
        assert secret not in repr(dataset)
        with pytest.raises(ray.exceptions.RayTaskError, match="AuthenticationError"):
            await run_sync(dataset.take_all)
        assert 1 <= len(server.headers) < 20
    assert [] == await run_sync(files_with, cluster, secret)
    assert await run_sync(files_with, cluster, "AuthenticationError")


async def test_without_a_network_the_dataset_ends(tmp_path: Path) -> None:
    """Three consecutive files without a connection are enough."""
    texts = await run_sync(write_audio, tmp_path, 20)
    dataset = transcribe_dataset(
        ray.data.from_items([{"path": path} for path in texts]),
        concurrency=1,
        files_at_once=1,
        options={"endpoint": "ws://127.0.0.1:9", "api_key": "any", "reconnect": None},
    )
    with pytest.raises(ray.exceptions.RayTaskError, match="ConnectError"):
        await run_sync(dataset.take_all)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"column": "file"}, "column: the dataset has no 'file', only path, text"),
        ({}, "dataset: it has a column 'text' already"),
        ({"concurrency": 0}, "concurrency: 0 is not a whole number"),
        ({"concurrency": (3, 2)}, "concurrency: 3 is more than 2"),
        ({"files_at_once": 0}, "files_at_once: 0 is not"),
        ({"files_per_task": "1"}, "files_per_task: '1' is not"),
        ({"num_cpus": -1}, "num_cpus: -1 is less than 0"),
        ({"column": ""}, "column: '' must be text"),
        ({"column": "path", "options": {"model": ""}}, "model: '' must be text"),
    ],
)
def test_what_cannot_work_is_refused_at_once(arguments: dict[str, Any], match: str) -> None:
    """Nothing runs on the cluster for an option that cannot work."""
    columns = {"path": "a.wav"} if "options" in arguments else {"path": "a.wav", "text": ""}
    with pytest.raises(InvalidOptionError, match=match):
        transcribe_dataset(ray.data.from_items([columns]), **arguments)


def test_what_is_no_dataset_is_refused() -> None:
    """A list of paths is no dataset."""
    with pytest.raises(InvalidOptionError, match=r"must be a ray\.data\.Dataset, not list"):
        transcribe_dataset(["a.wav"])


def test_a_quota_is_shared_by_its_name() -> None:
    """A quota that is sent to another process has the same name there; a name is text."""
    assert "RayQuota('one')" == repr(pickle.loads(pickle.dumps(RayQuota("one"))))  # noqa: S301
    with pytest.raises(InvalidOptionError, match="name: 5 must be text"):
        RayQuota(5)  # type: ignore[arg-type]
