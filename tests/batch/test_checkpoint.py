"""A batch that was stopped, or killed, continues where it was: each file is done once."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from paraformer_async import (
    AsyncRecognizer,
    BatchOutcome,
    BatchProgress,
    InvalidOptionError,
    UsageError,
)
from paraformer_async.testing import FailTask, ScriptedServer
from tests.batch.conftest import Files, Opened, until, write_marked

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

# Transcribes the files named in the arguments after the address and the checkpoint.
PROGRAM = """
import asyncio, sys
from paraformer_async import AsyncRecognizer, PoolLimits

async def main(url, checkpoint, *paths):
    pool = PoolLimits(tasks_per_second=100_000)
    async with AsyncRecognizer(endpoint=url, api_key="any", pool=pool) as recognizer:
        async for outcome in recognizer.transcribe_many(paths, checkpoint=checkpoint):
            print(outcome.path, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def run(
    recognizer: AsyncRecognizer, paths: list[Path], checkpoint: Path, **options: Any
) -> list[BatchOutcome]:
    """Transcribe *paths* with a checkpoint, and return the outcomes."""
    batch = recognizer.transcribe_many(paths, checkpoint=checkpoint, **options)
    return [outcome async for outcome in batch]


def lines_of(checkpoint: Path) -> list[Any]:
    """Return what is in a checkpoint after its first line."""
    return [json.loads(line) for line in checkpoint.read_bytes().splitlines()[1:]]


def has_lines(checkpoint: Path, count: int) -> bool:
    """Return whether so many files are in a checkpoint."""
    return checkpoint.exists() and checkpoint.read_bytes().count(b"\n") > count


async def test_what_is_done_is_not_done_again(files: Files, opened: Opened, tmp_path: Path) -> None:
    """A second run transcribes what the first did not, and returns the same transcripts."""
    paths, checkpoint = files(6), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        first = await run(recognizer, paths[:4], checkpoint)
        second = await run(recognizer, paths, checkpoint, ordered=True)
        third = await run(recognizer, paths, checkpoint, skip_done=True)
        assert 6 == len(server.received)
    assert [True] * 4 + [False] * 2 == [outcome.is_restored for outcome in second]
    transcripts = {outcome.path: outcome.transcript for outcome in first}
    assert transcripts == {outcome.path: outcome.transcript for outcome in second[:4]}
    assert (0.0, None) == (second[0].seconds, second[0].real_time_factor)
    assert [] == third
    assert sorted(map(str, paths)) == sorted(line["path"] for line in lines_of(checkpoint))


async def test_remarks_are_restored(opened: Opened, tmp_path: Path) -> None:
    """That a file was cut off is in its outcome, and still there when that is restored."""
    path, checkpoint = write_marked(tmp_path / "a.wav"), tmp_path / "run.jsonl"
    path.write_bytes(path.read_bytes()[:-3200])
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        outcomes = await run(recognizer, [path], checkpoint)
        outcomes += await run(recognizer, [path], checkpoint)
    assert [False, True] == [outcome.is_restored for outcome in outcomes]
    remark = "ends early: it declares 0.20 s of audio but contains 0.10 s"
    assert [(remark,)] * 2 == [outcome.transcript.remarks for outcome in outcomes]


async def test_progress_with_restored_files(files: Files, opened: Opened, tmp_path: Path) -> None:
    """Restored files count as done, but not as audio that was transcribed in this run."""
    paths, checkpoint = files(3), tmp_path / "run.jsonl"
    for skip_done, reports in ((False, 3), (True, 1)):
        seen: list[BatchProgress] = []
        async with ScriptedServer() as server, opened(server.url) as recognizer:
            await run(recognizer, paths[:2], checkpoint)
            await run(recognizer, paths, checkpoint, skip_done=skip_done, on_progress=seen.append)
        assert reports == len(seen)
        last = max(seen, key=lambda one: one.done)
        assert (3, 2, 0, 3) == (last.done, last.restored, last.failed, last.total)
        assert pytest.approx(0.2) == last.audio
        checkpoint.unlink()


async def test_files_that_failed_are_tried_again(
    files: Files, opened: Opened, tmp_path: Path
) -> None:
    """A file that failed is not in the checkpoint."""
    paths, checkpoint = files(2), tmp_path / "run.jsonl"
    faults = [FailTask("InvalidParameter", "no")]
    async with ScriptedServer(faults=faults) as server, opened(server.url) as recognizer:
        first = await run(recognizer, paths, checkpoint, concurrency=1)
        second = await run(recognizer, paths, checkpoint)
    assert [True, False] == [bool(outcome.error) for outcome in first]
    assert [None, None] == [outcome.error for outcome in second]


async def test_a_file_that_has_changed_is_done_again(
    files: Files, opened: Opened, tmp_path: Path
) -> None:
    """A file is known by its path, its size, and the time of its last change."""
    paths, checkpoint = files(4), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, paths, checkpoint)
        write_marked(paths[0], 400)
        os.utime(paths[1], (1, 1))
        paths[2].rename(renamed := paths[2].with_name("renamed.wav"))
        again = [paths[0], paths[1], renamed, paths[3]]
        second = await run(recognizer, again, checkpoint, ordered=True)
        third = await run(recognizer, again, checkpoint)
    assert [False, False, False, True] == [outcome.is_restored for outcome in second]
    assert all(outcome.is_restored for outcome in third)


async def test_a_relative_path_is_the_same_file(
    files: Files, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is the same however its path is given; its outcome has the path as it was given."""
    (path,), checkpoint = files(1), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, [path], checkpoint)
        monkeypatch.chdir(path.parent)
        (outcome,) = await run(recognizer, [Path(path.name)], checkpoint)
    assert (True, Path(path.name)) == (outcome.is_restored, outcome.path)


@pytest.mark.parametrize("torn", [1, 20, 200])
async def test_a_line_that_was_cut_off(
    files: Files, opened: Opened, tmp_path: Path, torn: int
) -> None:
    """A line whose end is missing, however much, is removed, and its file is done again."""
    paths, checkpoint = files(3), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, paths, checkpoint, concurrency=1)
        whole = checkpoint.read_bytes()
        checkpoint.write_bytes(whole[:-torn])
        second = await run(recognizer, paths, checkpoint, ordered=True)
        assert [True, True, False] == [outcome.is_restored for outcome in second]
        assert whole.count(b"\n") == checkpoint.read_bytes().count(b"\n")
        assert all(one.is_restored for one in await run(recognizer, paths, checkpoint))


@pytest.mark.parametrize("size", [0, 1, 10, 40, 60])
async def test_a_first_line_that_was_cut_off(
    files: Files, opened: Opened, tmp_path: Path, size: int
) -> None:
    """A checkpoint whose very first line was not written to its end is begun anew."""
    paths, checkpoint = files(1), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, paths, checkpoint)
        checkpoint.write_bytes(checkpoint.read_bytes()[:size])
        await run(recognizer, paths, checkpoint)
        (outcome,) = await run(recognizer, paths, checkpoint)
    assert outcome.is_restored


async def test_damaged_lines(
    files: Files, opened: Opened, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Lines that are damaged are passed over with a warning, and their files are done again."""
    paths, checkpoint = files(4), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, paths, checkpoint, concurrency=1)
        lines = checkpoint.read_bytes().splitlines(keepends=True)
        lines[1] = b"\0" * 40 + b"\n"
        lines[2] = b'{"path": 7}\n'
        lines[3] = lines[3].replace(b'"duration":0.2', b'"duration":"x"')
        checkpoint.write_bytes(b"".join(lines))
        with caplog.at_level(logging.WARNING, "paraformer_async"):
            second = await run(recognizer, paths, checkpoint, ordered=True)
    assert [False, False, False, True] == [outcome.is_restored for outcome in second]
    assert "2 lines are damaged" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")
async def test_what_is_no_file(files: Files, opened: Opened, tmp_path: Path) -> None:
    """A pipe or a device is refused at once: opening it could wait forever."""
    os.mkfifo(tmp_path / "pipe")
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        for path in (tmp_path / "pipe", Path("/dev/null")):
            with pytest.raises(InvalidOptionError, match="is not a regular file"):
                await run(recognizer, files(1), path)
        assert server.received == []


@pytest.mark.parametrize("content", [b"RIFF\0\0", b"[]\n", b"text", b'{"checkpoint":"else"}\n'])
async def test_a_file_that_is_no_checkpoint(
    files: Files, opened: Opened, tmp_path: Path, content: bytes
) -> None:
    """Another kind of file is refused before anything is sent, and stays as it is."""
    (checkpoint := tmp_path / "other").write_bytes(content)
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        with pytest.raises(InvalidOptionError, match=r"^checkpoint: .*other is no checkpoint"):
            await run(recognizer, files(1), checkpoint)
        assert [] == server.received
    assert content == checkpoint.read_bytes()


@pytest.mark.parametrize(
    ("second", "named"),
    [
        ({"model": "fun-asr-realtime"}, "model"),
        ({"language_hints": ["en"], "max_sentence_silence": 500}, "max_sentence_silence"),
        ({"channels": "split"}, "channels"),
        ({"parameters": {"speaker_count": 2}}, "speaker_count"),
        ({"format": "pcm", "sample_rate": 8000}, "format, sample_rate"),
    ],
)
async def test_other_options(
    files: Files, opened: Opened, tmp_path: Path, second: dict[str, Any], named: str
) -> None:
    """Transcripts that were made with other options are refused, not mixed with new ones."""
    paths, checkpoint = files(1), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, paths, checkpoint, language_hints=("en",))
        with pytest.raises(InvalidOptionError, match=f"made with another {named}"):
            await run(recognizer, paths, checkpoint, **{"language_hints": ["en"], **second})
        (outcome,) = await run(recognizer, paths, checkpoint, language_hints=["en"], buffer=2.0)
    assert outcome.is_restored


async def test_another_version(files: Files, opened: Opened, tmp_path: Path) -> None:
    """A checkpoint of a version that is not known is refused."""
    paths, checkpoint = files(1), tmp_path / "run.jsonl"
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        await run(recognizer, paths, checkpoint)
        checkpoint.write_bytes(checkpoint.read_bytes().replace(b'"version":1', b'"version":2', 1))
        with pytest.raises(InvalidOptionError, match="another version"):
            await run(recognizer, paths, checkpoint)


async def test_one_batch_at_a_time(files: Files, opened: Opened, tmp_path: Path) -> None:
    """A checkpoint that another batch uses is refused, and free again when that has ended."""
    paths, checkpoint = files(2), tmp_path / "run.jsonl"

    async def slowly() -> AsyncIterator[Path]:
        yield paths[0]
        await anyio.sleep_forever()

    async with ScriptedServer() as server, opened(server.url) as recognizer:
        async with recognizer.transcribe_many(slowly(), checkpoint=checkpoint) as batch:
            await anext(batch)
            with pytest.raises(UsageError, match="in use by another batch"):
                await run(recognizer, paths, checkpoint)
        assert 2 == len(await run(recognizer, paths, checkpoint))


async def test_a_checkpoint_that_cannot_be_opened(
    files: Files, opened: Opened, tmp_path: Path
) -> None:
    """A folder that does not exist, a folder in place of a file, and no path at all are refused."""
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        with pytest.raises(FileNotFoundError):
            await run(recognizer, files(1), tmp_path / "none" / "run.jsonl")
        with pytest.raises(IsADirectoryError):
            await run(recognizer, files(1), tmp_path)
        with pytest.raises(InvalidOptionError, match=r"^checkpoint: 7 "):
            await run(recognizer, files(1), 7)  # type: ignore[arg-type]
        assert [] == server.received


async def test_a_full_disk(files: Files, opened: Opened, tmp_path: Path) -> None:
    """If a line cannot be written, the batch ends with that error, and no part of it is left."""
    paths, checkpoint = files(9), tmp_path / "run.jsonl"
    limited = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n{PROGRAM}"
    async with ScriptedServer() as server:
        with anyio.fail_after(30):
            done = await anyio.run_process(
                [sys.executable, "-c", limited, server.url, str(checkpoint), *map(str, paths)],
                check=False,
            )
        assert b"OSError: [Errno 27] File too large" in done.stderr
        recorded = len(lines_of(checkpoint))
        assert 0 < recorded < len(done.stdout.splitlines()) <= 9
        async with opened(server.url) as recognizer:
            outcomes = await run(recognizer, paths, checkpoint)
    assert recorded == sum(outcome.is_restored for outcome in outcomes)


async def test_a_pipe_is_transcribed_but_not_recorded(
    files: Files, opened: Opened, tmp_path: Path
) -> None:
    """What is no file on disk cannot be known again: it is transcribed each time."""
    (path,), checkpoint = files(1), tmp_path / "run.jsonl"
    os.mkfifo(pipe := tmp_path / "pipe")
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, pipe.write_bytes, path.read_bytes())
            (outcome,) = await run(recognizer, [pipe], checkpoint)
    assert outcome.transcript is not None
    assert [] == lines_of(checkpoint)


async def test_names_that_are_no_unicode(files: Files, opened: Opened, tmp_path: Path) -> None:
    """A file is known again if there are bytes in its name that are not UTF-8."""
    (path,), checkpoint = files(1), tmp_path / "run.jsonl"
    odd = Path(os.fsdecode(os.fsencode(path.parent) + b"/\xff\xfe.wav"))
    path.rename(odd)
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        (first,) = await run(recognizer, [odd], checkpoint)
        (second,) = await run(recognizer, [odd], checkpoint)
    assert second.is_restored
    assert first.transcript == second.transcript


async def test_a_process_that_is_killed(files: Files, opened: Opened, tmp_path: Path) -> None:
    """
    A process is killed in mid-run, several times; in the end, each file was recorded once.

    None of them has opened more connections than it may transcribe files at once.
    """
    paths, checkpoint = files(60), tmp_path / "run.jsonl"
    arguments = [str(checkpoint), *map(str, paths)]
    async with ScriptedServer() as server:
        for done in (10, 25, 45):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROGRAM, server.url, *arguments),
                stdout=subprocess.DEVNULL,
            )
            await until(partial(has_lines, checkpoint, done))
            process.send_signal(signal.SIGKILL)
            assert -signal.SIGKILL == await process.wait()
        async with opened(server.url) as recognizer:
            outcomes = await run(recognizer, paths, checkpoint)
        assert len(server.received) < 60 + 3 * 9  # nothing but what each kill has interrupted
        assert server.connections.accepted <= 4 * 8
    assert sorted(map(str, paths)) == sorted(line["path"] for line in lines_of(checkpoint))
    assert paths == sorted(Path(outcome.path) for outcome in outcomes)
    assert sum(outcome.is_restored for outcome in outcomes) >= 45
