"""Many files: each has one outcome, whatever happens to the others."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from paraformer_async import (
    AsyncRecognizer,
    AudioError,
    BatchOutcome,
    BatchProgress,
    BatchStoppedError,
    ConnectError,
    InvalidOptionError,
    PoolLimits,
    RecognitionResult,
    TaskFailedError,
    UsageError,
)
from paraformer_async.testing import FailTask, NeverFinish, Refuse, ScriptedServer, marks_of
from tests.batch.conftest import Files, Opened, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

MARKS = list(range(10))  # of 200 ms


def marks_in(outcome: BatchOutcome) -> list[int]:
    """Return the marks of a file that was transcribed."""
    assert outcome.transcript is not None, outcome.error
    return marks_of([RecognitionResult(sentence, "") for sentence in outcome.transcript.sentences])


@pytest.mark.parametrize("ordered", [False, True])
async def test_every_file_has_an_outcome(files: Files, opened: Opened, ordered: bool) -> None:
    """Each file is transcribed once and completely, over no more connections than allowed."""
    paths = files(60)
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        batch = recognizer.transcribe_many(paths, concurrency=5, ordered=ordered)
        outcomes = [outcome async for outcome in batch]
        assert server.connections.accepted <= 5
        assert 60 == len(server.received)
    assert paths == [outcome.path for outcome in outcomes] or not ordered
    assert paths == sorted(Path(outcome.path) for outcome in outcomes)
    for outcome in outcomes:
        assert marks_in(outcome) == MARKS
        assert outcome.real_time_factor == outcome.seconds / 0.2


async def test_any_iterable_of_paths(files: Files, opened: Opened) -> None:
    """Paths come from a collection, a generator that blocks, or an async generator."""
    paths = files(3)

    async def later() -> AsyncIterator[str]:
        for path in paths:
            await asyncio.sleep(0)
            yield str(path)

    async with ScriptedServer() as server, opened(server.url) as recognizer:
        for given in (tuple(paths), paths[0].parent.rglob("*.wav"), later()):
            outcomes = [one async for one in recognizer.transcribe_many(given)]
            assert paths == sorted(Path(one.path) for one in outcomes)
            assert all(marks_in(one) == MARKS for one in outcomes)


async def test_options_are_those_of_the_call(files: Files, opened: Opened) -> None:
    """A list among the options may be used for something else while the batch runs."""
    hints = ["zh"]
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        async for _ in recognizer.transcribe_many(files(3), concurrency=1, language_hints=hints):
            hints[0] = "en"
    assert [["zh"]] * 3 == [task.parameters["language_hints"] for task in server.received]


async def test_no_path_is_taken_long_before_its_turn(files: Files, opened: Opened) -> None:
    """While nothing is read, no more paths are taken than a few for each that runs at once."""
    (path,) = files(1)
    taken = 0

    async def endless() -> AsyncIterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield path

    async with ScriptedServer() as server, opened(server.url) as recognizer:
        async with recognizer.transcribe_many(endless(), concurrency=2) as batch:
            for number in range(10):
                await anext(batch)
                assert taken <= number + 1 + 4


async def test_a_file_that_fails_does_not_stop_the_others(files: Files, opened: Opened) -> None:
    """A missing file, one that is no audio, a folder and a failed task fail alone."""
    good = files(6)
    (text := good[0].with_name("text.wav")).write_text("no audio")
    paths = [*good[:2], "missing.wav", text, *good[2:4], good[0].parent, 7, *good[4:]]
    async with (
        ScriptedServer(faults=[FailTask("InvalidParameter", "no")]) as server,
        opened(server.url) as recognizer,
    ):
        batch = recognizer.transcribe_many(paths, concurrency=1)
        outcomes = [outcome async for outcome in batch]
    expected = [
        *(TaskFailedError, None, FileNotFoundError, AudioError, None, None),
        *(IsADirectoryError, InvalidOptionError, None, None),
    ]
    for error, kind in zip([outcome.error for outcome in outcomes], expected, strict=True):
        assert error is None if kind is None else isinstance(error, kind)
    assert all(marks_in(outcome) == MARKS for outcome in outcomes if outcome.error is None)
    assert all(outcome.real_time_factor is None for outcome in outcomes if outcome.error)


@pytest.mark.parametrize(
    "raised", [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError]
)
async def test_a_hook_that_raises(
    files: Files, opened: Opened, raised: type[BaseException]
) -> None:
    """Whatever a hook raises for one file, even a cancellation, is the error of that file alone."""
    paths = files(8)

    def on_result(path: object, result: RecognitionResult) -> None:
        del result
        if path == paths[3]:
            raise raised("of the hook")

    async with ScriptedServer() as server, opened(server.url) as recognizer:
        batch = recognizer.transcribe_many(paths, concurrency=2, on_result=on_result)
        outcomes = [outcome async for outcome in batch]
    (failed,) = [outcome for outcome in outcomes if outcome.error]
    assert paths[3] == failed.path
    expected = UsageError if raised is asyncio.CancelledError else raised
    assert isinstance(failed.error, expected)
    assert 8 == len(outcomes)


async def test_a_hook_that_cancels_its_task(files: Files, opened: Opened) -> None:
    """A hook that cancels the task in which it runs ends its own file alone."""
    paths = files(6)

    def on_result(path: object, result: RecognitionResult) -> None:
        del result
        task = asyncio.current_task()
        if path == paths[1] and task is not None:
            task.cancel()

    async with ScriptedServer() as server, opened(server.url) as recognizer:
        batch = recognizer.transcribe_many(paths, concurrency=1, on_result=on_result)
        outcomes = [outcome async for outcome in batch]
    assert [paths[1]] == [outcome.path for outcome in outcomes if outcome.error]
    assert 6 == len(outcomes)


async def test_paths_that_fail(files: Files, opened: Opened) -> None:
    """If the source of the paths raises, the files before are returned, and then its exception."""
    paths = files(3)

    def failing() -> Iterator[Path]:
        yield from paths
        raise LookupError("no more")

    outcomes = []
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        with pytest.raises(LookupError, match="no more"):
            async for outcome in recognizer.transcribe_many(failing()):
                outcomes.append(outcome)  # noqa: PERF401 - until it raises
    assert paths == sorted(Path(outcome.path) for outcome in outcomes)


async def test_progress(files: Files, opened: Opened) -> None:
    """When a file is done, the numbers so far are reported."""
    paths = [*files(3), "missing.wav"]
    reports: list[BatchProgress] = []
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        batch = recognizer.transcribe_many(paths, on_progress=reports.append)
        outcomes = [outcome async for outcome in batch]
    assert outcomes == [report.latest for report in reports]
    assert [(number, 4) for number in (1, 2, 3, 4)] == [(one.done, one.total) for one in reports]
    last = reports[-1]
    assert (1, 0, pytest.approx(0.6)) == (last.failed, last.restored, last.audio)
    assert last.real_time_factor == last.seconds / last.audio
    assert BatchProgress(latest=outcomes[0], done=1).real_time_factor is None


async def test_progress_that_raises(files: Files, opened: Opened) -> None:
    """If `on_progress` raises, no further file is begun, and its exception follows the outcomes."""
    paths = files(10)

    def on_progress(progress: BatchProgress) -> None:
        if progress.done == 2:
            raise LookupError("of the hook")

    outcomes = []
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        with pytest.raises(LookupError, match="of the hook"):
            batch = recognizer.transcribe_many(paths, concurrency=1, on_progress=on_progress)
            async for outcome in batch:
                outcomes.append(outcome)  # noqa: PERF401 - until it raises
    assert paths[:2] == [outcome.path for outcome in outcomes]


@pytest.mark.parametrize("status", [503, 401])
async def test_a_dead_network_stops_the_batch(files: Files, opened: Opened, status: int) -> None:
    """After three consecutive files without a connection, the rest is given up, with one error."""
    paths = files(50)
    outcomes = []
    async with (
        ScriptedServer(faults=[None] * 4, forever=Refuse(status)) as server,
        opened(server.url, pool=PoolLimits(idle_seconds=0.001)) as recognizer,
    ):
        with pytest.raises(BatchStoppedError) as caught:
            async for outcome in recognizer.transcribe_many(paths, concurrency=1):
                outcomes.append(outcome)
                await asyncio.sleep(0.01)
        assert len(server.headers) <= 20
    failed = [outcome for outcome in outcomes if outcome.error]
    assert (3, 3) == (len(failed), caught.value.failures)
    assert caught.value.done == len(outcomes) - 3
    assert caught.value.left == 50 - caught.value.done
    assert isinstance(caught.value.__cause__, ConnectError)
    assert f"{caught.value.left} are left" in str(caught.value)
    assert "checkpoint" in str(caught.value)


async def test_files_that_cannot_be_read_say_nothing_about_the_network(
    files: Files, opened: Opened
) -> None:
    """Between files without a connection, others that cannot be read do not keep a batch alive."""
    paths = [path for good in files(20) for path in (good, "missing.wav")]
    async with ScriptedServer(forever=Refuse(503)) as server, opened(server.url) as recognizer:
        with pytest.raises(BatchStoppedError):
            async for _ in recognizer.transcribe_many(iter(paths), concurrency=1):
                pass


async def test_a_short_outage_stops_nothing(files: Files, opened: Opened) -> None:
    """A file that is transcribed between others without a connection resets their count."""
    refused = [Refuse(503)] * 2  # the attempt and its retry
    faults = [*refused, *refused, None, *refused, *refused, None]
    async with (
        ScriptedServer(faults=faults) as server,
        opened(server.url, pool=PoolLimits(idle=1, idle_seconds=0.001)) as recognizer,
    ):
        outcomes = []
        async for outcome in recognizer.transcribe_many(files(6), concurrency=1):
            outcomes.append(outcome)
            await asyncio.sleep(0.01)
    assert [True, True, False, True, True, False] == [bool(one.error) for one in outcomes]


async def test_files_wait_for_each_other(files: Files, opened: Opened) -> None:
    """Files that wait for the quota longer than a recognition may do not fail in a batch."""
    pool = PoolLimits(tasks_per_second=2, wait=1.5)
    async with ScriptedServer() as server, opened(server.url, pool=pool) as recognizer:
        batch = recognizer.transcribe_many(files(7), concurrency=7)
        outcomes = [outcome async for outcome in batch]
        assert 7 == len(server.received)
    assert [None] * 7 == [outcome.error for outcome in outcomes]


async def test_leaving_the_loop_early(files: Files, opened: Opened) -> None:
    """Leaving the loop, or the `async with`, ends what was begun."""
    paths = files(50)
    async with (
        ScriptedServer(faults=[None], forever=NeverFinish()) as server,
        opened(server.url) as recognizer,
    ):
        async for _ in recognizer.transcribe_many(paths, concurrency=4):
            break
        gc.collect()
        await until(lambda: not recognizer.statistics().recognitions)
        begun = len(server.received)
        async with recognizer.transcribe_many(paths, concurrency=4) as batch:
            await until(lambda: len(server.received) >= begun + 4)  # one of before may be late
        assert 0 == recognizer.statistics().recognitions
        with pytest.raises(UsageError, match="closed before all files were done"):
            await anext(batch)
        with pytest.raises(UsageError, match="entered before"):
            async with batch:
                pass


async def test_cancellation(files: Files, opened: Opened) -> None:
    """A canceled loop ends the batch, and the cancellation is not swallowed."""
    async with ScriptedServer(forever=NeverFinish()) as server, opened(server.url) as recognizer:
        with anyio.move_on_after(0.2) as scope:
            async with recognizer.transcribe_many(files(9), concurrency=3) as batch:
                async for _ in batch:
                    pass
        assert scope.cancelled_caught
        assert 0 == recognizer.statistics().recognitions


async def test_closing_the_recognizer(files: Files, opened: Opened) -> None:
    """A batch that is running when its recognizer is closed fails with an error that says so."""
    async with ScriptedServer(forever=NeverFinish()) as server:
        async with opened(server.url) as recognizer:
            batch = recognizer.transcribe_many(files(9), concurrency=3)
            iterator = aiter(batch)
            reading = asyncio.ensure_future(anext(iterator))
            await until(lambda: bool(server.received))
        with pytest.raises(UsageError, match="closed while this batch was running"):
            await reading
        with pytest.raises(UsageError, match="not open"):
            recognizer.transcribe_many(files(1))


async def test_options_of_a_batch(files: Files, opened: Opened) -> None:
    """Overrides hold for each file, and are checked at once."""
    async with ScriptedServer() as server, opened(server.url) as recognizer:
        batch = recognizer.transcribe_many(files(3), language_hints=["en"])
        assert 3 == len([outcome async for outcome in batch])
        assert [["en"]] * 3 == [task.parameters["language_hints"] for task in server.received]
        with pytest.raises(InvalidOptionError, match="no such option"):
            recognizer.transcribe_many([], nonsense=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("paths", ["one.wav", Path("one.wav"), b"one.wav", 7, None])
async def test_what_is_no_iterable_of_paths(opened: Opened, paths: object) -> None:
    """A single path, or what yields no paths, is refused before anything is begun."""
    async with opened("ws://127.0.0.1:9/") as recognizer:
        with pytest.raises(InvalidOptionError, match=r"^paths: "):
            recognizer.transcribe_many(paths)  # type: ignore[arg-type]


async def _hook(_: object) -> None:
    """Do nothing, but async."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("concurrency", 0),
        ("ordered", "False"),
        ("skip_done", 1),
        ("concurrency", True),
        ("concurrency", 2.5),
        ("concurrency", 1001),
        ("on_progress", _hook),
        ("on_result", _hook),
    ],
)
async def test_wrong_options_are_refused(opened: Opened, name: str, value: object) -> None:
    """Options that cannot work are refused by name before anything is begun."""
    async with opened("ws://127.0.0.1:9/") as recognizer:
        with pytest.raises(InvalidOptionError, match=rf"^{name}: "):
            recognizer.transcribe_many([], **{name: value})  # type: ignore[arg-type]


async def test_nothing_to_do(opened: Opened) -> None:
    """A batch without paths has no outcomes, and opens no connection."""
    async with opened("ws://127.0.0.1:9/") as recognizer:
        assert isinstance(recognizer, AsyncRecognizer)
        assert [] == [outcome async for outcome in recognizer.transcribe_many([])]
