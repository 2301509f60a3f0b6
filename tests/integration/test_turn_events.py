"""Turn events over real sockets: begins, early ends, stable text and the latency of utterances."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from paraformer_async import RecognitionResult, Sentence
from paraformer_async.testing import Drop, ScriptedServer, ScriptRun, marked
from tests.integration.marked import LENGTH, recognizer_for, results_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


RESULTS = [
    Sentence(0, None, "one", sentence_id=1, sentence_begin=True),
    Sentence(0, None, "one", sentence_id=1, vad_pre_end=True, pre_end_start_time=500),
    Sentence(0, None, "one two", sentence_id=1, pre_end_failed=True),
    Sentence(0, None, "one two", sentence_id=1, vad_pre_end=True),
    Sentence(0, 450, "one two.", sentence_id=1, sentence_end=True),
]


class Guessing:
    """A script that guesses an early end, withdraws it, guesses again, and is right."""

    def __init__(self) -> None:
        self._results = iter(RESULTS)

    def feed(self, audio: bytes) -> Iterable[Sentence]:
        """Return the next result for each frame."""
        return [next(self._results)]

    def finish(self) -> Iterable[Sentence]:
        """Return nothing more."""
        return ()


def guessing(_: Mapping[str, Any]) -> ScriptRun:
    """Begin a task."""
    return Guessing()


@pytest.mark.parametrize("drops", [(), (2300,), (400, 1700, 900)], ids=len)
async def test_every_sentence_begins_once(drops: tuple[int, ...]) -> None:
    """Each sentence begins once, and ends once, however often the connection is lost in it."""
    async with ScriptedServer(faults=[Drop(after_ms=ms) for ms in drops]) as server:
        # Paced, so that results are read before a drop: three connections without any are the end.
        results = await results_of(server, pace=20.0)
    assert len(drops) + 1 == len(server.received)
    kinds = [kind for one in results for kind in ("begin" * one.begins, "end" * one.is_final)]
    finals = sum(one.is_final for one in results)
    assert ["begin", "end"] * finals == [kind for kind in kinds if kind]


async def test_the_stable_text_of_a_sentence_grows_up_to_the_final_text() -> None:
    """The stable text never shrinks within a sentence, and ends as the final text."""
    async with ScriptedServer() as server:
        results = await results_of(server, marked(LENGTH))
    stable = ""
    for result in results:
        assert result.begins or result.is_final or result.stable_text.startswith(stable)
        stable = result.stable_text
        assert not result.is_final or result.text == stable


async def test_an_early_end_and_its_withdrawal() -> None:
    """The guesses of the service arrive with its own fields, and a final result ends them."""
    seen: list[RecognitionResult] = []
    async with ScriptedServer(guessing) as server, recognizer_for(server) as recognizer:
        async with recognizer.stream() as stream:
            for _ in RESULTS:
                await stream.send(marked(100))
                seen.append(await anext(stream))
            await stream.finish()
    assert RESULTS == [result.sentence for result in seen]
    assert [True, False, False, False, False] == [result.begins for result in seen]
    assert [False, True, False, True, False] == [result.pre_end for result in seen]
    assert stream.latency.utterance is not None
    assert stream.latency.utterance >= 0
