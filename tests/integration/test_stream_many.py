"""Several sources of several parties, as one stream of results."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import numpy as np
import pytest

from paraformer_async import InvalidOptionError, PoolLimits, TaskFailedError, UsageError
from paraformer_async._client.begin import Begin, Start
from paraformer_async.audio.source import chunks
from paraformer_async.testing import Drop, FailTask, ScriptedServer, marked, marks, marks_of
from tests.integration.marked import BLOCKS, LENGTH, assert_complete, recognizer_for
from tests.integration.test_channels import endless, of_channel

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

AUDIO = marked(LENGTH)


@pytest.mark.parametrize("fault", [None, Drop(after_ms=6000)], ids=["good", "drop"])
async def test_labels(fault: Drop | None) -> None:
    """Each source is a recognition of its own, whose results carry its label."""
    sources = {"agent": AUDIO, "customer": np.frombuffer(AUDIO, np.int16)}
    async with ScriptedServer(marks(sentence_ms=2000), faults=[fault]) as server:
        async with recognizer_for(server) as recognizer:
            results = [one async for one in recognizer.stream_many(sources)]
    assert_complete(of_channel(results, "agent"))
    assert_complete(of_channel(results, "customer"))


async def test_numbers() -> None:
    """Sources without labels are numbered, and any option can be overridden."""
    async with ScriptedServer(marks()) as server, recognizer_for(server) as recognizer:
        many = recognizer.stream_many([AUDIO, AUDIO, AUDIO], language_hints=["en"])
        async with many as stream:
            results = [one async for one in stream]
            with pytest.raises(UsageError, match="this stream has a source"):
                await stream.send(b"")
    for number in range(3):
        assert_complete(of_channel(results, number))
    assert [["en"]] * 3 == [task.parameters["language_hints"] for task in server.received]


async def test_a_party_that_comes_later() -> None:
    """The times of a source that begins later are on the timeline of all."""
    has_begun = asyncio.Event()

    async def agent() -> AsyncIterator[bytes]:
        yield AUDIO[:160_000]
        has_begun.set()
        yield AUDIO[160_000:]

    async def customer() -> AsyncIterator[bytes]:
        await has_begun.wait()
        await asyncio.sleep(0.3)
        yield AUDIO

    sources = {"agent": agent(), "customer": customer()}
    async with ScriptedServer(marks(sentence_ms=2000)) as server:
        async with recognizer_for(server) as recognizer:
            results = [one async for one in recognizer.stream_many(sources)]
    assert_complete(of_channel(results, "agent"))
    later = [one for one in of_channel(results, "customer") if one.is_final]
    assert BLOCKS == marks_of(later)
    words = [word for one in later for word in one.sentence.words]
    shift = words[0].begin_time
    assert 299 <= shift
    for word in words:
        assert abs(word.begin_time - shift - 20 * int(word.text)) <= 40
    assert all(one.sentence.begin_time == one.sentence.words[0].begin_time for one in later)


async def test_begin_of_sources() -> None:
    """Of several sources, the one whose audio comes first begins the timeline."""
    times = iter([7.0, 7.25, 9.0])
    start = Start(lambda: next(times))
    first, second, third = (Begin(start) for _ in range(3))
    for begin, source in ((first, [b"ab", b"cd"]), (second, [b"ef"]), (third, [])):
        noted = begin.noted(chunks(source))
        assert source == [chunk async for chunk in noted]
        await noted.aclose()
    assert (0, 250, 0) == (first.ms, second.ms, third.ms)


async def test_failure_of_one_source() -> None:
    """The failure of one recognition ends all, with a note of whose it is."""
    faults = [FailTask("InvalidParameter", "no", after_ms=500)] * 2
    sources = {"agent": endless(), "customer": endless()}
    async with ScriptedServer(marks(), faults=faults) as server:
        async with recognizer_for(server) as recognizer:
            with anyio.fail_after(10), pytest.raises(TaskFailedError) as caught:
                async for _ in recognizer.stream_many(sources):
                    pass
            assert 0 == recognizer.statistics().recognitions
    assert caught.value.__notes__ in (["in channel agent"], ["in channel customer"])


@pytest.mark.parametrize(
    ("sources", "options", "message"),
    [
        ({}, {}, "there is none"),
        (b"audio", {}, "a dict of labels and sources"),
        ({1: b""}, {}, "must be text"),
        ({"": b""}, {}, "must be text"),
        ({"a": "a.wav"}, {}, r"use transcribe\(path\)"),
        ({"a": b""}, {"channels": "split"}, "each of several sources is one channel"),
        ({"a": b""}, {"input_channels": 2}, "each of several sources is one channel"),
        ({"a": b"", "b": b""}, {}, "2 recognitions at once need as many connections"),
    ],
)
async def test_what_cannot_work(sources: Any, options: dict[str, Any], message: str) -> None:
    """What is no set of sources is refused, and nothing is sent."""
    async with ScriptedServer() as server:
        async with recognizer_for(server, pool=PoolLimits(connections=1)) as recognizer:
            with pytest.raises(InvalidOptionError, match=message):
                recognizer.stream_many(sources, **options)
    assert server.received == []
