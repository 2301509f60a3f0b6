"""Helpers for tests with marked audio: 10 s of it, and a check that all of it was recognized."""

from paraformer_async import AsyncRecognizer, RecognitionResult, Reconnect, Timeouts
from paraformer_async.observing import Observation, Observer, RetryScheduled
from paraformer_async.testing import ScriptedServer, marked, marks_of

LENGTH = 10_000  # ms
BLOCKS = list(range(LENGTH // 20))
TOLERANCE = 40  # ms


def soon(_: int) -> float:
    """Back off for next to no time."""
    return 0.01


AGAIN = Reconnect(backoff=soon)
PATIENT = Timeouts(close=0.3)
BRIEF = Timeouts(connect=2, started=0.5, send=0.5, finish=0.5, close=0.3)


def recognizer_for(server: ScriptedServer, **options: object) -> AsyncRecognizer:
    """Return a recognizer that uses *server*."""
    options = {"reconnect": AGAIN, "timeouts": PATIENT, "api_key": "any"} | options
    return AsyncRecognizer(endpoint=server.url, **options)  # type: ignore[arg-type]


def noting(retries: list[RetryScheduled]) -> Observer:
    """Return an observer that adds each retry to *retries*."""

    def observe(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            retries.append(event)

    return observe


def connections_of(recognizer: AsyncRecognizer) -> tuple[int, int, int]:
    """Return how many connections are active and idle, and how many recognitions wait for one."""
    now = recognizer.statistics()
    return now.active, now.idle, now.waiting


def assert_complete(results: list[RecognitionResult], blocks: list[int] = BLOCKS) -> None:
    """Assert that every block was recognized once, in order, and at its own time."""
    assert blocks == marks_of(results)
    words = [word for result in results if result.is_final for word in result.sentence.words]
    for word in words:
        assert abs(word.begin_time - 20 * int(word.text)) <= TOLERANCE
        assert abs(word.end_time - 20 * int(word.text) - 20) <= TOLERANCE


async def results_of(
    server: ScriptedServer, audio: object = None, **options: object
) -> list[RecognitionResult]:
    """Recognize *audio*, by default 10 s of marked audio."""
    async with recognizer_for(server, **options) as recognizer:
        source = marked(LENGTH) if audio is None else audio
        return [result async for result in recognizer.stream(source)]  # type: ignore[arg-type]
