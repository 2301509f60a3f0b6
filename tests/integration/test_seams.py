"""Flush, update and rollover over real sockets: one stream, one timeline, nothing lost."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from paraformer_async import (
    InvalidOptionError,
    PoolLimits,
    RecognitionResult,
    RecognitionStream,
    Rollover,
    UsageError,
)
from paraformer_async.testing import Drop, FailTask, ScriptedServer, marked, marks
from tests.integration.marked import assert_complete, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SEAMS = 100  # every other one an update
FAST = PoolLimits(tasks_per_second=1000)
EACH = 300  # ms of audio between two seams
STEP = 100  # ms
LIMIT = 60  # seconds until a test gives up
BLOCKS = list(range(SEAMS * EACH // 20))
# Every 100 ms of a task, and every moment of a seam.
MOMENTS: list[dict[str, Any]] = [
    *({"after_ms": ms} for ms in range(0, EACH, STEP)),
    *({"at": moment} for moment in ("run-task", "started", "finish", "finished", "idle")),
]
each_pace = pytest.mark.parametrize("pause", [0.0, 0.001], ids=["unpaced", "paced"])


async def push(stream: RecognitionStream, pause: float) -> None:
    """Send marked audio with a seam after each piece: a flush, an update, and so on."""
    for number in range(SEAMS):
        for at in range(number * EACH, (number + 1) * EACH, STEP):
            await stream.send(marked(STEP, first=at // 20))
            await anyio.sleep(pause)
        if number % 2:
            await stream.update(max_sentence_silence=200 + number)
        else:
            await stream.flush()
    await stream.finish()


async def results_of_pushing(server: ScriptedServer, pause: float) -> list[RecognitionResult]:
    """Recognize what `push` sends."""
    with anyio.fail_after(LIMIT):
        async with recognizer_for(server, pool=FAST) as recognizer:
            async with recognizer.stream() as stream, anyio.create_task_group() as tasks:
                tasks.start_soon(push, stream, pause)
                return [result async for result in stream]
    raise AssertionError("unreachable")


@each_pace
async def test_a_stream_of_seams(pause: float) -> None:
    """50 flushes and 50 updates: every mark once, in order, at its time, on one connection."""
    async with ScriptedServer() as server:
        results = await results_of_pushing(server, pause)
    assert_complete(results, BLOCKS)
    assert 1 == server.connections.accepted
    assert [] == server.violations
    # The last update is followed by the end, and needs no task.
    assert SEAMS == len(server.received)
    silences = [task.parameters.get("max_sentence_silence") for task in server.received]
    assert silences == [None, None, *(201 + at // 2 * 2 for at in range(SEAMS - 2))]


@pytest.mark.parametrize("after", [True, False])
async def test_a_drop_at_the_last_final_of_a_task(*, after: bool) -> None:
    """A connection that is lost before or after the final at a seam loses no word."""
    fault = Drop(at="finish", before_final=after)
    async with ScriptedServer(faults=[fault, None] * SEAMS) as server:
        assert_complete(await results_of_pushing(server, 0.0), BLOCKS)
    assert [] == server.violations


@each_pace
async def test_a_stream_that_rolls_over(pause: float) -> None:
    """Fresh tasks every half second of audio: every mark once, in order, on one connection."""
    policy = Rollover(seconds=0.5, grace=0.3)
    async with (
        ScriptedServer(marks(sentence_ms=200)) as server,
        recognizer_for(server, pool=FAST, rollover=policy) as recognizer,
    ):
        with anyio.fail_after(LIMIT):
            source = paced(SEAMS * EACH, pause)
            results = [result async for result in recognizer.stream(source)]
    assert_complete(results, BLOCKS)
    assert 1 == server.connections.accepted
    assert len(server.received) >= 10
    assert [] == server.violations


async def test_a_drop_while_rolling_over() -> None:
    """A drop at any moment of any rollover loses no word, and repeats none."""
    policy = Rollover(seconds=0.5, grace=0.3)
    faults = [each for moment in MOMENTS * 5 for each in (Drop(**moment), None)]
    async with (
        ScriptedServer(marks(sentence_ms=200), faults=faults) as server,
        recognizer_for(server, pool=FAST, rollover=policy) as recognizer,
    ):
        with anyio.fail_after(LIMIT):
            source = paced(SEAMS * EACH, 0.001)
            assert_complete([one async for one in recognizer.stream(source)], BLOCKS)
    assert len(server.happened) >= 10


async def paced(ms: int, pause: float) -> AsyncIterator[bytes]:
    """Yield marked audio in steps."""
    for at in range(0, ms, STEP):
        yield marked(STEP, first=at // 20)
        await anyio.sleep(pause)


async def test_a_seam_in_silence_is_no_failure() -> None:
    """A task that received no speech before a flush may fail for it: the stream goes on."""
    fault = FailTask("NO_VALID_AUDIO_ERROR", "no speech", at="finish")
    async with (
        ScriptedServer(faults=[fault]) as server,
        recognizer_for(server, pool=FAST) as recognizer,
    ):
        async with recognizer.stream() as stream:
            await stream.send(bytes(3200))
            await stream.flush()
            await stream.flush()
            await stream.send(marked(STEP))
            await stream.finish()
            results = [result async for result in stream]
    assert list(range(5)) == [int(word.text) for one in results for word in one.sentence.words][-5:]


@pytest.mark.parametrize(
    ("overrides", "option"),
    [
        ({"sample_rate": 8000}, "sample_rate"),
        ({"format": "wav"}, "format"),
        ({"heartbeat": True}, "heartbeat"),
        ({"endpoint": "ws://127.0.0.1"}, "endpoint"),
        ({"max_sentence_silence": 5}, "max_sentence_silence"),
        ({"nonsense": 5}, "nonsense"),
    ],
)
async def test_what_cannot_change(overrides: dict[str, object], option: str) -> None:
    """What cannot change within a stream is refused, and the stream goes on as before."""
    async with ScriptedServer() as server, recognizer_for(server, pool=FAST) as recognizer:
        async with recognizer.stream() as stream:
            await stream.send(marked(STEP))
            with pytest.raises(InvalidOptionError) as caught:
                await stream.update(**overrides)  # type: ignore[arg-type]
            assert option == caught.value.option
            await stream.finish()
            assert_complete([one async for one in stream], list(range(5)))
    assert 1 == len(server.received)


async def test_seams_are_for_audio_that_is_sent_by_hand() -> None:
    """A stream with a source, and one that was finished, have no seams."""

    async def source() -> AsyncIterator[bytes]:
        yield marked(STEP)

    async with ScriptedServer() as server, recognizer_for(server, pool=FAST) as recognizer:
        async with recognizer.stream(source()) as stream:
            with pytest.raises(UsageError, match="has a source"):
                await stream.flush()
            assert_complete([one async for one in stream], list(range(5)))
        async with recognizer.stream() as stream:
            await stream.send(marked(STEP))
            await stream.finish()
            with pytest.raises(UsageError, match="after finish"):
                await stream.flush()
            assert_complete([one async for one in stream], list(range(5)))
