"""The context of a conversation over real sockets: at the start, in mid-stream, after a drop."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from paraformer_async import (
    AsyncRecognizer,
    InvalidOptionError,
    PoolLimits,
    RecognitionResult,
    RecognitionStream,
    TaskFailedError,
)
from paraformer_async.server import LocalServer
from paraformer_async.testing import Drop, ScriptedServer, marked
from paraformer_async.testing.records import ReceivedTask
from tests.integration.marked import assert_complete, recognizer_for

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

MODEL = "fun-asr-realtime"
PARAFORMER = "paraformer-realtime-v2"
FAST = PoolLimits(tasks_per_second=1000)
LIMIT = 20  # seconds until a test gives up


def user(text: str) -> dict[str, Any]:
    """Return a message of the user as it is on the wire."""
    return {"role": "user", "content": [{"type": "input_text", "text": text}]}


def contexts(task: ReceivedTask) -> list[Any]:
    """Return the texts of the contexts that a task has had."""
    return [
        [message["content"][0]["text"] for message in one.get("context", [])] for one in task.inputs
    ]


async def rest_of(stream: RecognitionStream) -> list[RecognitionResult]:
    """Finish a stream, and return its results."""
    await stream.finish()
    with anyio.fail_after(LIMIT):
        return [one async for one in stream]


async def test_a_conversation_goes_on_in_one_task() -> None:
    """Each context arrives as it is documented, by continue-task, and no task is ended for it."""
    rounds = [
        {"role": "user", "content": "Which model?"},
        {"role": "assistant", "content": "Paraformer."},
    ]
    async with ScriptedServer() as server, recognizer_for(server, model=MODEL) as recognizer:
        async with recognizer.stream(context="Paraformer, ASR") as stream:
            await stream.send(marked(100))
            await stream.update(context=rounds)
            await stream.send(marked(100, first=5))
            await stream.update(input={"more": 1})
            assert_complete(await rest_of(stream), list(range(10)))
    (task,) = server.received
    wire = [user("Which model?"), {"role": "assistant", "content": [_text("Paraformer.")]}]
    assert {"context": [user("Paraformer, ASR")]} == task.inputs[0]
    assert [{"context": wire}, {"context": wire, "more": 1}] == task.inputs[1:]
    assert [] == server.violations


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


async def test_the_newest_context_survives_a_drop_and_a_seam() -> None:
    """The task that takes over after a drop, and the one after a seam, begin with the newest."""
    faults = [Drop(after_ms=150, before_final=True)]
    async with (
        ScriptedServer(faults=faults) as server,
        recognizer_for(server, model=MODEL, pool=FAST) as recognizer,
    ):
        async with recognizer.stream(context="old") as stream:
            await stream.send(marked(100))
            await stream.update(context="new")
            await stream.send(marked(400, first=5))
            await stream.flush()
            await stream.send(marked(100, first=25))
            assert_complete(await rest_of(stream), list(range(30)))
    dropped, again, after = server.received
    assert [["old"], ["new"]] == contexts(dropped)
    assert ([["new"]], [["new"]]) == (contexts(again), contexts(after))


@pytest.mark.parametrize(
    ("change", "tasks"),
    [
        ({"context": None}, 2),
        ({"context": "new", "language_hints": ["en"]}, 2),
        ({"context": "new"}, 1),
    ],
    ids=str,
)
async def test_what_needs_another_task(change: Mapping[str, Any], tasks: int) -> None:
    """Without a context, or together with other options, the update begins another task."""
    async with (
        ScriptedServer() as server,
        recognizer_for(server, model=MODEL, context="old", pool=FAST) as recognizer,
    ):
        async with recognizer.stream() as stream:
            await stream.send(marked(100))
            await stream.update(**change)
            await stream.send(marked(100, first=5))
            assert_complete(await rest_of(stream), list(range(10)))
    last = [["new"]] if change["context"] else [[]]
    assert (tasks, last) == (len(server.received), contexts(server.received[-1])[-1:])


async def test_a_context_that_is_not_taken_changes_nothing() -> None:
    """What the model or the limits forbid is refused before it is sent, and the stream goes on."""
    async with ScriptedServer() as server:
        async with recognizer_for(server) as recognizer, recognizer.stream() as stream:
            await stream.send(marked(100))
            with pytest.raises(InvalidOptionError, match=PARAFORMER) as caught:
                await stream.update(context="terms")
            assert MODEL in caught.value.hint
            assert_complete(await rest_of(stream), list(range(5)))
        async with recognizer_for(server, model=MODEL) as recognizer:
            async with recognizer.stream() as stream:
                await stream.send(marked(100))
                with pytest.raises(InvalidOptionError, match="401 characters"):
                    await stream.update(context="a" * 401)
                assert_complete(await rest_of(stream), list(range(5)))
    assert [[{}], [{}]] == [task.inputs for task in server.received]


async def test_the_local_service_checks_a_context(server: LocalServer, speech: bytes) -> None:
    """The local service recognizes with a context, and refuses a wrong one, as the client would."""
    async with AsyncRecognizer(MODEL, endpoint=server.url, api_key="any") as recognizer:
        async with recognizer.stream(context="terms") as stream:
            await stream.send(speech)
            await stream.update(context="other terms")
            assert [one for one in await rest_of(stream) if one.is_final]
        for wrong in ("terms", [user("a")] * 6):
            with pytest.raises(TaskFailedError, match="InvalidParameter"):
                async for _ in recognizer.stream(speech, input={"context": wrong}):
                    pass
