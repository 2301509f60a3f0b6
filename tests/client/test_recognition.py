"""One recognition over several tasks, without tasks and connections: only what goes in and out."""

from collections.abc import Iterable

import pytest

from paraformer_async import AudioLostError, Reconnect, UsageError
from paraformer_async._client.recognition import Recognition
from paraformer_async._core.wire import (
    Audio,
    Command,
    Event,
    FinishTask,
    Resource,
    ResultGenerated,
    RunTask,
    TaskFinished,
    TaskStarted,
    name_of,
)
from paraformer_async.middleware import Middleware, Stack
from paraformer_async.options.options import Options
from paraformer_async.results import AudioGap, RecognitionResult, Sentence, Usage

pytestmark = pytest.mark.anyio

SECOND = 32_000  # bytes at 16 kHz
FRAME = bytes(3200)


class Witness(Middleware):
    """Notes what passes, and adds audio before the end."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.due: float | None = None
        self.farewell: tuple[Command, ...] = ()

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Note a command."""
        self.seen.append(name_of(command))
        return (*self.farewell, command) if isinstance(command, FinishTask) else (command,)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Note an event."""
        self.seen.append(name_of(event))
        return (event,)

    def deadline(self) -> float | None:
        """When it wants to be called."""
        return self.due

    def expired(self, now: float) -> Iterable[Command]:
        """Send some silence."""
        self.due = None
        return (Audio(FRAME, injected=True),)


@pytest.fixture
def witness() -> Witness:
    """The user's middleware."""
    return Witness()


def recognition_of(*middlewares: Middleware, **options: object) -> Recognition:
    """Make a recognition."""
    return Recognition(Options(**options), Stack(middlewares))  # type: ignore[arg-type]


def final(end_time: int, text: str = "one", *, usage: int | None = None) -> ResultGenerated:
    """Make a final result."""
    sentence = Sentence(end_time=end_time, text=text, sentence_end=True)
    return ResultGenerated(sentence, None if usage is None else Usage(usage))


async def results(recognition: Recognition) -> list[RecognitionResult]:
    """Read all results that are there."""
    recognition.inbox.end()
    return recognition.inbox.results


def begin(recognition: Recognition, frames: int = 10, request_id: str = "1") -> None:
    """Let a first task begin and hear some frames."""
    recognition.open(0.0)
    recognition.take_in(TaskStarted(), request_id, 0.0)
    for _ in range(frames):
        recognition.take_out(FRAME, 0.0)


def test_every_task_begins_alike(witness: Witness) -> None:
    """Each task begins with the same command, which middleware saw once."""
    recognition = recognition_of(
        witness, model="paraformer-realtime-v1", phrase_id="words-1", parameters={"further": 1}
    )
    first = recognition.open(0.0)
    assert first == recognition.open(1.0)
    (command,) = first
    assert isinstance(command, RunTask)
    assert (Resource("words-1"),) == command.resources
    assert {"format": "pcm", "sample_rate": 16000, "further": 1} == command.parameters
    assert ["run-task"] == witness.seen


def test_middleware_sees_one_recognition(witness: Witness) -> None:
    """Over three tasks, middleware sees one beginning and one end, and no audio twice."""
    recognition = recognition_of(witness)
    begin(recognition, frames=2)
    for _ in range(2):
        recognition.open(1.0)
        recognition.take_in(TaskStarted(), "2", 1.0)
        recognition.resume()
    recognition.take_out(FRAME, 2.0)
    recognition.close(3.0)
    assert recognition.is_finished
    recognition.open(4.0)
    recognition.take_in(TaskStarted(), "3", 4.0)
    recognition.resume()
    recognition.take_in(final(300), "3", 5.0)
    recognition.take_in(TaskFinished(), "3", 5.0)

    assert recognition.is_done
    expected = ["run-task", "task-started", *["audio"] * 3, "finish-task"]
    assert [*expected, "result-generated", "task-finished"] == witness.seen


def test_a_task_that_takes_over_hears_what_is_unsettled() -> None:
    """What no final result covers is heard again, and the end of the audio if it was sent."""
    recognition = recognition_of()
    begin(recognition)
    assert 1.0 == recognition.unsettled
    recognition.take_in(final(700), "1", 0.0)
    assert 0.3 == pytest.approx(recognition.unsettled)

    replay = recognition.resume()
    assert 300 * 32 == sum(len(one.data) for one in replay if isinstance(one, Audio))
    recognition.close(1.0)
    assert FinishTask() == recognition.resume()[-1]


def test_what_middleware_adds_at_the_end_is_kept(witness: Witness) -> None:
    """Audio that middleware adds before the end is recorded, and the end is not recorded twice."""
    recognition = recognition_of(witness)
    begin(recognition, frames=0)
    witness.farewell = (Audio(b"\x01" * 3200),)
    assert [Audio(b"\x01" * 3200), FinishTask()] == list(recognition.close(0.0))
    assert [Audio(b"\x01" * 3200), FinishTask()] == recognition.resume()


def test_silence_of_middleware_is_recorded(witness: Witness) -> None:
    """What middleware sends on its deadline is heard again, and moves no time."""
    recognition = recognition_of(witness)
    begin(recognition, frames=1)
    assert recognition.deadline() is None
    witness.due = 1.0
    assert 1.0 == recognition.deadline()
    assert [Audio(FRAME, injected=True)] == list(recognition.expire(1.0))
    assert 2 == len(recognition.resume())
    assert 0.1 == recognition.unsettled


async def test_results_are_shown_with_the_id_of_their_task() -> None:
    """Results reach the inbox with the task's id; signs of life and empty results do not."""
    recognition = recognition_of()
    begin(recognition)
    recognition.take_in(ResultGenerated(Sentence(text="o")), "1", 0.0)
    recognition.take_in(final(400, "one"), "1", 0.0)
    recognition.take_in(ResultGenerated(Sentence(heartbeat=True)), "1", 0.0)
    recognition.take_in(ResultGenerated(None), "1", 0.0)
    recognition.resume()
    recognition.take_in(final(400, "two"), "2", 0.0)

    shown = await results(recognition)
    assert [("one", "1", 400), ("two", "2", 800)] == [
        (result.text, result.request_id, result.sentence.end_time) for result in shown
    ]
    assert ["one", "two"] == recognition.text
    assert 800 == recognition.reach


def test_reach_is_how_far_results_have_come() -> None:
    """Partial results count for the reach, and what was said before by another task does not."""
    recognition = recognition_of()
    begin(recognition)
    recognition.take_in(ResultGenerated(Sentence(begin_time=500, text="o")), "1", 0.0)
    assert 500 == recognition.reach
    recognition.resume()
    recognition.take_in(ResultGenerated(Sentence(begin_time=200, text="o")), "2", 0.0)
    assert 500 == recognition.reach
    assert [] == recognition.text


def test_billed_seconds_add_up() -> None:
    """Each task is billed for itself: the seconds of those that broke are added."""
    recognition = recognition_of()
    assert recognition.usage is None
    begin(recognition)
    recognition.take_in(final(300, usage=3), "1", 0.0)
    recognition.take_in(final(400), "1", 0.0)
    assert Usage(3) == recognition.usage
    recognition.take_in(final(500, usage=4), "1", 0.0)
    recognition.resume()
    assert Usage(4) == recognition.usage
    recognition.resume()
    recognition.take_in(final(200, usage=2), "3", 0.0)
    assert Usage(6) == recognition.usage
    recognition.take_in(TaskFinished(Usage(5)), "3", 0.0)
    assert Usage(9) == recognition.usage


def test_more_than_is_kept_is_an_error_with_its_range() -> None:
    """When more was unsettled than is kept, resuming raises `AudioLostError` with the range."""
    recognition = recognition_of(reconnect=Reconnect(keep=0.5))
    begin(recognition, frames=20)
    recognition.take_in(final(1000), "1", 0.0)
    with pytest.raises(AudioLostError, match="from 1000 to 1500 ms") as caught:
        recognition.resume()
    assert (1000, 1500) == (caught.value.begin_time, caught.value.end_time)
    assert not caught.value.retryable


async def test_more_than_is_kept_can_be_a_gap() -> None:
    """If so chosen, a gap with the range stands once in the results, and the rest is heard."""
    recognition = recognition_of(reconnect=Reconnect(keep=0.5, lost="gap"))
    begin(recognition, frames=20)
    recognition.take_in(final(1000), "1", 0.0)
    assert 5 == len(recognition.resume())
    assert 5 == len(recognition.resume())
    recognition.take_in(final(500, "two"), "3", 0.0)

    first, gap, last = await results(recognition)
    assert AudioGap.between(1000, 1500) == gap
    assert (gap.is_final, gap.text) == (True, "")
    assert (1000, 2000) == (first.sentence.end_time, last.sentence.end_time)


def test_without_a_policy_nothing_is_kept() -> None:
    """Without reconnection a recognition can only be taken over before its first audio."""
    recognition = recognition_of(reconnect=None)
    begin(recognition, frames=0)
    assert recognition.is_resumable
    recognition.take_out(FRAME, 0.0)
    assert not recognition.is_resumable


def test_compressed_audio_cannot_be_taken_over() -> None:
    """Compressed audio has no length in time: nothing is kept of it."""
    recognition = recognition_of(format="mp3")
    begin(recognition, frames=0)
    assert recognition.is_resumable
    recognition.take_out(b"mp3", 0.0)
    assert recognition.unsettled is None
    assert not recognition.is_resumable


async def test_the_outbox_is_bounded_in_seconds() -> None:
    """`buffer` seconds of audio may wait: by the rate, or as if at 128 kbit/s."""
    for options, size in (
        ({}, 32_000),
        ({"sample_rate": 8000}, 16_000),
        ({"format": "mp3"}, 16_000),
    ):
        outbox = recognition_of(buffer=2.0, **options).outbox
        assert 2 * size == outbox._limit


def test_middleware_that_raises_is_heard() -> None:
    """What middleware raises comes out where it was called, and the recognition is not done."""

    class Broken(Middleware):
        def incoming(self, event: Event, now: float) -> Iterable[Event]:
            raise UsageError("broken")

    recognition = recognition_of(Broken())
    with pytest.raises(UsageError, match="broken"):
        recognition.take_in(TaskFinished(), "1", 0.0)
    assert not recognition.is_done
