"""Flush and update in mid-stream, over real sockets: one stream, one timeline, nothing lost."""

from collections.abc import AsyncIterator

import anyio
import pytest

from paraformer_async import InvalidOptionError, PoolLimits, RecognitionStream, UsageError
from paraformer_async.testing import Drop, FailTask, ScriptedServer, marked
from tests.integration.marked import assert_complete, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SEAMS = 50
FAST = PoolLimits(tasks_per_second=1000)
EACH = 100  # ms of audio between two seams


async def push(stream: RecognitionStream, *, updates: bool, pause: float) -> None:
    """Send marked audio with a seam after each piece."""
    for number in range(SEAMS):
        await stream.send(marked(EACH, first=number * EACH // 20))
        if updates:
            await stream.update(max_sentence_silence=200 + number)
        else:
            await stream.flush()
        await anyio.sleep(pause)
    await stream.finish()


@pytest.mark.parametrize("updates", [False, True], ids=["flush", "update"])
@pytest.mark.parametrize("pause", [0.0, 0.01])
async def test_a_stream_of_seams(*, updates: bool, pause: float) -> None:
    """Fifty seams in one stream: every mark once, in order, at its time, on one connection."""
    async with ScriptedServer() as server, recognizer_for(server, pool=FAST) as recognizer:
        async with recognizer.stream() as stream, anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: push(stream, updates=updates, pause=pause))
            results = [result async for result in stream]
    assert_complete(results, list(range(SEAMS * EACH // 20)))
    assert 1 == server.connections.accepted
    assert [] == server.violations
    silences = [task.parameters.get("max_sentence_silence") for task in server.received]
    # The last update is followed by the end, and needs no task.
    assert (not updates) or list(range(200, 199 + SEAMS)) == silences[1:SEAMS]


@pytest.mark.parametrize("moment", ["run-task", "started", "finish", "finished", "idle"])
@pytest.mark.parametrize("after", [None, True, False])
async def test_a_drop_at_a_seam(moment: str, *, after: bool | None) -> None:
    """A connection that is lost at any moment of a seam loses no word, and repeats none."""
    fault = Drop(at=moment, before_final=after)  # type: ignore[arg-type]
    async with ScriptedServer(faults=[None, fault, None, fault]) as server:
        async with recognizer_for(server, pool=FAST) as recognizer:
            async with recognizer.stream() as stream, anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: push(stream, updates=False, pause=0.001))
                results = [result async for result in stream]
    assert_complete(results, list(range(SEAMS * EACH // 20)))
    assert [] == server.violations


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
            await stream.send(marked(EACH))
            await stream.finish()
            results = [result async for result in stream]
    assert list(range(5)) == [int(word.text) for one in results for word in one.sentence.words][-5:]


@pytest.mark.parametrize(
    ("overrides", "option"),
    [
        ({"sample_rate": 8000}, "sample_rate"),
        ({"format": "wav"}, "format"),
        ({"endpoint": "ws://127.0.0.1"}, "endpoint"),
        ({"max_sentence_silence": 5}, "max_sentence_silence"),
        ({"nonsense": 5}, "nonsense"),
    ],
)
async def test_what_cannot_change(overrides: dict[str, object], option: str) -> None:
    """What cannot change within a stream is refused, and the stream goes on as before."""
    async with ScriptedServer() as server, recognizer_for(server, pool=FAST) as recognizer:
        async with recognizer.stream() as stream:
            await stream.send(marked(EACH))
            with pytest.raises(InvalidOptionError) as caught:
                await stream.update(**overrides)  # type: ignore[arg-type]
            assert option == caught.value.option
            await stream.finish()
            assert_complete([one async for one in stream], list(range(5)))
    assert 1 == len(server.received)


async def test_seams_are_for_audio_that_is_sent_by_hand() -> None:
    """A stream with a source, and one that was finished, have no seams."""

    async def source() -> AsyncIterator[bytes]:
        yield marked(EACH)

    async with ScriptedServer() as server, recognizer_for(server, pool=FAST) as recognizer:
        async with recognizer.stream(source()) as stream:
            with pytest.raises(UsageError, match="has a source"):
                await stream.flush()
            assert_complete([one async for one in stream], list(range(5)))
        async with recognizer.stream() as stream:
            await stream.send(marked(EACH))
            await stream.finish()
            with pytest.raises(UsageError, match="after finish"):
                await stream.flush()
            assert_complete([one async for one in stream], list(range(5)))
