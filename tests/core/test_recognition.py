"""The machine: one recognition over several tasks, without a loop, by a clock that is a number."""

import struct
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from math import inf
from typing import Any

import pytest
from msgspec.structs import replace

from paraformer_async import (
    AudioLostError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    Reconnect,
    RemoteProtocolError,
    ServiceError,
    TaskFailedError,
    Timeouts,
    UsageError,
)
from paraformer_async._core.messages import (
    Audio,
    Command,
    ContinueTask,
    Event,
    FinishTask,
    Resource,
    ResultGenerated,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    name_of,
)
from paraformer_async._core.protocol import Phase, ServerProtocol
from paraformer_async._core.recognition import BATCH, Again, Over, Recognition
from paraformer_async._core.verdict import RaisedByUser
from paraformer_async._core.wire import encode
from paraformer_async.middleware import Heartbeat, LatencyMeter, Middleware, Stack
from paraformer_async.options.options import Options
from paraformer_async.results import AudioGap, RecognitionResult, Sentence, Translation, Usage

SECOND = 32_000  # bytes at 16 kHz
FRAME = b"\x01\x00" * 1600  # 100 ms
AT_ONCE = BATCH // len(FRAME)  # frames
LOST = ConnectionLostError(1006)
# How the service puts it that it found no speech.
NO_SPEECH = [
    ("NO_VALID_AUDIO_ERROR", "no"),
    ("NO_INPUT_AUDIO_ERROR", "no"),
    ("CLIENT_ERROR", "[FLOW] no_input_audio_error"),
]
WAV = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
    b"\x80>\x00\x00\x00}\x00\x00\x02\x00\x10\x00data\xff\xff\xff\xff"
)


def at_once(_: int) -> float:
    """Do not wait before another attempt."""
    return 0.0


class Witness(Middleware):
    """Notes what passes, adds audio before the end, and acts when the test wants it."""

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
        """When it wants to act."""
        return self.due

    def expired(self, now: float) -> Iterable[Command]:
        """Send some silence."""
        self.due = None
        return (Audio(bytes(3200), injected=True),)


class Outages(Middleware):
    """Notes when outages have ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def resumed(self, now: float) -> None:
        """Note the end of an outage."""
        self.ends.append(now)


def wav_header(*, channels: int, bits: int) -> bytes:
    """Return the header of a WAV stream of PCM at 16 kHz."""
    block = channels * bits // 8
    form = struct.pack("<IHHIIHH", 16, 1, channels, 16_000, 16_000 * block, block, bits)
    return b"RIFF" + bytes(4) + b"WAVEfmt " + form + b"data" + bytes(4)


class Broken(Middleware):
    """Raises *error* in one place, by itself or in a generator that it returns."""

    def __init__(self, where: str, error: Exception, *, is_generator: bool) -> None:
        self._where = where
        self._error = error
        self._is_generator = is_generator

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Raise, or pass the command on."""
        return self._returned(command, name_of(command))

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Raise, or pass the event on."""
        return self._returned(event, name_of(event))

    def resumed(self, now: float) -> None:
        """Raise, or return."""
        self._check("resumed")

    def deadline(self) -> float | None:
        """Raise, or ask for a call at once."""
        self._check("deadline")
        return 0.0

    def expired(self, now: float) -> Iterable[Command]:
        """Raise, or add audio."""
        return self._returned(Audio(FRAME, injected=True), "expired")

    def _returned(self, message: Any, name: str) -> Any:
        if self._is_generator:
            return self._generated(message, name)
        self._check(name)
        return (message,)

    def _generated(self, message: Any, name: str) -> Any:
        self._check(name)
        yield message

    def _check(self, name: str) -> None:
        if name == self._where:
            raise self._error


class Bare(Broken):
    """The same, without context variables."""

    uses_context = False


class Table:
    """The machine on one side, the service's protocol on the other; the test is the network."""

    def __init__(
        self, *middleware: Middleware, can_rewind: bool = False, **options: object
    ) -> None:
        options.setdefault("reconnect", Reconnect(backoff=at_once))
        self.options = Options(**options)  # type: ignore[arg-type]
        self.machine = Recognition(self.options, Stack(middleware), can_rewind=can_rewind)
        self.service = ServerProtocol()
        self.received: list[Command] = []
        self.now = 0.0

    @property
    def phase(self) -> Phase:
        """The phase of the machine."""
        return self.machine.phase

    def connect(self, *, is_reused: bool = False) -> str:
        """Make a connection; return the id of its task."""
        if self.machine.phase is not Phase.WAITING or self.service.phase is not Phase.IDLE:
            self.service = ServerProtocol()
        task = f"{len(self.machine.request_ids) + 1:032x}"
        self.machine.connected(task, self.now, is_reused=is_reused)
        return task

    def flush(self) -> list[Command]:
        """Have the machine send all frames that it may; return what the service received."""
        received: list[Command] = []
        while frames := self.machine.data_to_send(self.now):
            for frame in frames:
                command = self.service.receive(frame if isinstance(frame, str) else bytes(frame))
                assert command is not None
                received.append(command)
        self.received += received
        return received

    def deliver(self, *events: Event) -> list[RecognitionResult]:
        """Have the service send events; return the results for the user."""
        results: list[RecognitionResult] = []
        for event in events:
            frame = self.service.send(event)
            assert isinstance(frame, str)
            results += self.machine.receive(frame, self.now)
        return results

    def deliver_as(self, task: str, event: Event) -> list[RecognitionResult]:
        """Have the machine receive an event that names *task*."""
        frame = encode(event, task)
        assert isinstance(frame, str)
        return self.machine.receive(frame, self.now)

    def start(self, frames: int = 0) -> list[Command]:
        """Connect, let the task start, and send so many frames."""
        self.connect()
        self.flush()
        self.deliver(TaskStarted())
        for _ in range(frames):
            self.machine.send(FRAME, self.now)
        return self.flush()

    def lose(self, failure: BaseException = LOST) -> Again | Over:
        """End the attempt."""
        return self.machine.lost(failure, self.now)

    def again(self) -> list[Command]:
        """Lose the connection, and start over on another one; return what its task received."""
        verdict = self.lose()
        assert isinstance(verdict, Again)
        return self.start()

    def fail(self, code: str, message: str = "no") -> Again | Over:
        """Have the service fail the task."""
        with pytest.raises(TaskFailedError) as caught:
            self.deliver(TaskFailed(code, message))
        return self.lose(caught.value)

    def finish(self) -> list[Command]:
        """End the audio."""
        self.machine.finish(self.now)
        return self.flush()


def final(
    end_time: int, text: str = "one", *, begin: int = 0, usage: int = 0, number: int | None = None
) -> ResultGenerated:
    """Make a final result."""
    sentence = Sentence(begin, end_time, text, sentence_end=True, sentence_id=number)
    return ResultGenerated(sentence, Usage(usage) if usage else None)


def partial(begin: int, text: str = "o") -> ResultGenerated:
    """Make a partial result."""
    return ResultGenerated(Sentence(begin, None, text))


def size(commands: Sequence[Command]) -> int:
    """Return the bytes of all audio."""
    return sum(len(one.data) for one in commands if isinstance(one, Audio))


class TestSending:
    """What leaves, and when."""

    def test_nothing_leaves_without_a_connection(self) -> None:
        """Before there is a connection, audio is taken and waits."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        assert [] == table.machine.data_to_send(0.0)
        assert table.machine.waiting

    def test_what_may_be_one_chunk(self) -> None:
        """Chunks may be joined up to the longest frame, or to what is free of the buffer."""
        table = Table(buffer=1.0)
        frame = table.machine.joinable
        assert frame == 4 * len(FRAME)
        table.machine.send(bytes(SECOND - len(FRAME)), 0.0)
        assert len(FRAME) == table.machine.joinable
        table.machine.send(bytes(frame), 0.0)
        assert 0 == table.machine.joinable

    def test_a_paused_machine_is_full(self) -> None:
        """While its input is paused, senders wait, and what it has accepted leaves."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.is_paused = True
        assert table.machine.is_full
        assert not table.machine.has_room
        assert SECOND // 10 == size(table.start())
        table.machine.is_paused = False
        assert not table.machine.is_full
        assert table.machine.has_room

    def test_audio_waits_for_task_started(self) -> None:
        """`run-task` leaves alone; audio and the end follow when the task has started."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.finish(0.0)
        table.connect()
        assert table.machine.waiting
        (task,) = table.flush()
        assert isinstance(task, RunTask)
        assert Phase.STARTING is table.phase
        assert [] == table.deliver(TaskStarted())
        assert [Audio(FRAME), FinishTask()] == table.flush()
        assert Phase.FINISHING is table.phase

    def test_the_task_is_what_the_options_say(self) -> None:
        """`run-task` carries model, parameters, further parameters, and hot words of v1."""
        table = Table(
            model="paraformer-realtime-v1", phrase_id="words-1", parameters={"further": 1}
        )
        table.connect()
        (task,) = table.flush()
        expected = {"format": "pcm", "sample_rate": 16000, "further": 1}
        assert RunTask("paraformer-realtime-v1", expected, (Resource("words-1"),)) == task

    def test_frames_leave_in_batches(self) -> None:
        """What has gathered leaves in batches, in order, as large frames if it was one chunk."""
        table = Table()
        table.start()
        audio = bytes(range(200)) * 16 * 40  # 40 frames
        table.machine.send(audio, 0.0)
        batches = [table.machine.data_to_send(0.0) for _ in range(4)]
        sizes = [list(map(len, batch)) for batch in batches]
        assert [[12800] * 4, [12800] * 4, [12800] * 2, []] == sizes
        assert audio == b"".join(bytes(frame) for batch in batches for frame in batch)  # type: ignore[arg-type]

    def test_live_frames_leave_at_once(self) -> None:
        """Frames that are few leave as they are, as soon as they were sent."""
        table = Table()
        table.start()
        for few in (1, 1, 5, 1):
            for _ in range(few):
                table.machine.send(FRAME, table.now)
            assert [FRAME] * few == table.machine.data_to_send(table.now)
            table.now += few / 10

    @pytest.mark.parametrize("chunk", [1, 3, 999, 3199, 3200, 3201])
    def test_chunks_become_frames(self, chunk: int) -> None:
        """Chunks of any size leave as frames of 100 ms, the rest at the end."""
        table = Table()
        audio = bytes(range(250)) * 40
        for start in range(0, len(audio), chunk):
            table.machine.send(audio[start : start + chunk], 0.0)
        table.machine.finish(0.0)
        *frames, last = table.start()
        assert FinishTask() == last
        assert [3200, 3200, 3200, 400] == [size([frame]) for frame in frames]
        assert audio == b"".join(one.data for one in frames if isinstance(one, Audio))

    @pytest.mark.parametrize(
        ("options", "bytes_per_second"),
        [
            ({}, 32_000),
            ({"sample_rate": 8000}, 16_000),
            ({"format": "mp3", "reconnect": None}, 16_000),
        ],
    )
    def test_the_buffer_is_bounded_in_seconds(
        self, options: dict[str, object], bytes_per_second: int
    ) -> None:
        """`buffer` seconds fit: by the rate, or as if at 128 kbit/s; at half, senders continue."""
        table = Table(buffer=2.0, **options)
        half = bytes(bytes_per_second)
        table.machine.send(half, 0.0)
        assert not table.machine.is_full
        assert table.machine.has_room
        table.machine.send(half, 0.0)
        assert table.machine.is_full
        assert not table.machine.has_room
        table.start()
        assert table.machine.has_room

    def test_what_fills_no_frame_leaves_after_the_time_of_one(self) -> None:
        """The rest of the last words is not held back until more comes; half a sample is."""
        table = Table()
        table.start()
        table.machine.send(bytes(641), 0.0)
        assert 0.1 == table.machine.deadline()
        table.machine.expired(0.09)
        assert [] == table.flush()
        table.machine.send(bytes(640), 0.05)
        assert 0.15 == pytest.approx(table.machine.deadline())
        table.machine.expired(0.16)
        assert [Audio(bytes(1280))] == table.flush()
        assert inf == table.machine.deadline()
        table.machine.send(bytes(3199), 0.2)
        assert [Audio(bytes(3200))] == table.flush()
        assert inf == table.machine.deadline()

    def test_an_empty_chunk_is_nothing(self) -> None:
        """An empty chunk sends nothing, compressed audio included."""
        for kind in ("pcm", "mp3", "wav"):
            table = Table(format=kind)
            table.machine.send(b"", 0.0)
            assert [] == table.start()

    def test_after_the_end_nothing_is_taken(self) -> None:
        """After `finish`, `send`, `flush` and `update` are refused; `finish` may come twice."""
        table = Table()
        table.start()
        table.machine.finish(0.0)
        table.machine.finish(0.0)
        assert table.machine._buffer.is_ended
        for call in (
            lambda: table.machine.send(FRAME, 0.0),
            lambda: table.machine.flush(0.0),
            lambda: table.machine.update(table.options, 0.0),
        ):
            with pytest.raises(UsageError, match="after finish"):
                call()
        assert [FinishTask()] == table.flush()

    @pytest.mark.parametrize("is_done", [True, False])
    def test_when_all_is_over_nothing_is_taken(self, is_done: bool) -> None:
        """After the service has finished, or the recognition was given up, `send` is refused."""
        table = Table(reconnect=None)
        table.start(1)
        if is_done:
            table.finish()
            table.deliver(TaskFinished())
        else:
            table.lose()
        with pytest.raises(UsageError):
            table.machine.send(FRAME, 0.0)

    def test_a_failure_that_waits_for_its_decision_is_not_the_end(self) -> None:
        """Between `task-failed` and `lost`, audio is taken: another attempt may follow."""
        table = Table()
        table.start()
        with pytest.raises(TaskFailedError) as caught:
            table.deliver(TaskFailed("InternalError", "no luck"))
        table.machine.send(FRAME, 0.0)
        assert isinstance(table.lose(caught.value), Again)
        assert [Audio(FRAME)] == table.start()

    def test_no_secret_reaches_middleware(self) -> None:
        """What a failed task quotes of the credentials is removed before anything receives it."""
        seen: list[Event] = []

        class Reader(Middleware):
            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                seen.append(event)
                return (event,)

        table = Table(Reader())
        table.machine.connected("1", 0.0, hide=lambda text: text.replace("sk-secret", "…"))
        table.flush()
        with pytest.raises(TaskFailedError, match="of …: wrong: …") as caught:
            table.deliver(TaskFailed("of sk-secret", "wrong: sk-secret"))
        table.lose(caught.value)
        assert [TaskFailed("of …", "wrong: …")] == seen


class TestResults:
    """What comes back."""

    def test_results_carry_the_id_of_their_task(self) -> None:
        """Results name the task that brought them; their times are the user's."""
        table = Table()
        table.start(10)
        one = table.deliver(partial(0), final(400, "one"))
        table.again()
        two = table.deliver(final(400, "two"))
        assert [("o", 1, None), ("one", 1, 400), ("two", 2, 800)] == [
            (each.text, int(each.request_id, 16), each.sentence.end_time) for each in one + two
        ]
        assert 2 == table.machine.finals

    def test_a_sentence_begins_once_over_tasks(self) -> None:
        """A sentence in progress continues after a lost connection, but not after a seam."""
        table = Table()
        table.start(10)
        begun = table.deliver(partial(0), partial(0, "on"))
        table.again()
        begun += table.deliver(partial(0, "on"), partial(0, "one"))
        table.machine.flush(table.now)
        table.flush()
        table.deliver(TaskFinished())
        table.start(10)
        begun += table.deliver(partial(0, "t"), final(400, "two"))
        assert [True, False, False, False, True, False] == [each.begins for each in begun]

    def test_json_of_any_depth_does_not_end_a_recognition(self) -> None:
        """A result is returned, whatever is in a field that only the service knows."""
        table = Table()
        table.start(10)
        frame = table.service.send(final(400))
        assert isinstance(frame, str)
        deep = frame.replace('"attributes":{}', f'"attributes":{"[" * 100_000 + "]" * 100_000}')
        assert len(frame) < len(deep)
        (shown,) = table.machine.receive(deep, table.now)
        assert ("one", True) == (shown.text, shown.is_final)
        assert Phase.RUNNING is table.phase

    def test_translations_are_on_the_users_timeline(self) -> None:
        """After a reconnection, the times of translations are continuous like the sentence's."""
        table = Table()
        table.start(10)
        table.deliver(final(400))
        table.again()
        translation = Translation(0, 300, "zwei", sentence_end=True, lang="de")
        (shown,) = table.deliver(replace(final(300, "two"), translations=(translation,)))
        assert (400, 700) == (shown.sentence.begin_time, shown.sentence.end_time)
        assert (replace(translation, begin_time=400, end_time=700),) == shown.translations

    def test_a_repeated_final_brings_new_translations_only(self) -> None:
        """A final that comes again is not shown again, but translations that come with it are."""
        table = Table()
        table.start(10)
        english, german = (Translation(0, 400, text, lang=text) for text in ("en", "de"))
        one = final(400, "one")
        (first,) = table.deliver(replace(one, translations=(english,)))
        assert (("one", (english,))) == (first.text, first.translations)
        assert [] == table.deliver(replace(one, translations=(english,)))
        (more,) = table.deliver(replace(one, translations=(german,)))
        assert ("", (german,), False) == (more.text, more.translations, more.replaces)
        assert [] == table.deliver(one)
        assert 1 == table.machine.finals

    def test_translations_alone_correct_nothing(self) -> None:
        """Translations that follow their final sentence alone do not take its text away."""
        table = Table()
        table.start(10)
        (first,) = table.deliver(final(400, "one", number=1))
        assert "one" == first.text
        translation = Translation(0, 400, "eins", sentence_end=True, sentence_id=1, lang="de")
        (shown,) = table.deliver(ResultGenerated(None, None, (translation,)))
        assert ("", False, (translation,)) == (shown.text, shown.replaces, shown.translations)
        assert 1 == table.machine.finals

    def test_translations_alone_settle_audio(self) -> None:
        """A task that only translates has final results, so its audio is not sent again."""
        table = Table()
        table.start(10)
        translation = Translation(0, 1000, "eins", sentence_end=True, lang="de")
        (shown,) = table.deliver(ResultGenerated(None, None, (translation,)))
        assert (True, "", (translation,)) == (shown.is_final, shown.text, shown.translations)
        assert 0 == table.machine.to_replay

    def test_turn_events_are_those_of_what_the_user_receives(self) -> None:
        """The stable text begins the text as middleware has made it."""

        class Upper(Middleware):
            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                if isinstance(event, ResultGenerated) and event.sentence:
                    event = ResultGenerated(Sentence(text=event.sentence.text.upper()))
                return (event,)

        table = Table(Upper())
        table.start(10)
        stable = []
        for _ in range(4):
            (shown,) = table.deliver(partial(0, "one two three"))
            stable.append(shown.stable_text)
            table.now += 0.2
        assert ["", "", "", "ONE TWO"] == stable

    def test_what_is_no_result_is_not_shown(self) -> None:
        """Signs of life, results without a sentence, and unknown events do not reach the user."""
        table = Table()
        table.start(1)
        heartbeat = ResultGenerated(Sentence(heartbeat=True))
        assert [] == table.deliver(heartbeat, ResultGenerated(None, Usage(1)))
        assert [] == table.machine.receive('{"header": {"event": "weather-report"}}', 0.0)
        assert 0 == table.machine.finals

    def test_the_end(self) -> None:
        """`task-finished` after the end of the audio completes the recognition."""
        table = Table()
        table.start(1)
        table.finish()
        assert 1 == len(table.deliver(final(100)))
        assert [] == table.deliver(TaskFinished())
        assert Phase.DONE is table.phase
        assert inf == table.machine.deadline()
        assert Over() == table.lose()

    def test_billed_seconds_add_up(self) -> None:
        """Each task is billed for itself: the seconds of those that broke are added."""
        table = Table()
        assert table.machine.usage is None
        table.start(10)
        assert table.machine.usage is None
        table.deliver(final(300, usage=3), final(400, begin=300))
        assert Usage(3) == table.machine.usage
        table.deliver(final(500, begin=400, usage=4))
        table.again()
        assert Usage(4) == table.machine.usage
        table.again()
        table.deliver(final(200, usage=2))
        assert Usage(6) == table.machine.usage
        table.finish()
        table.deliver(TaskFinished(Usage(5)))
        assert Usage(9) == table.machine.usage

    def test_what_comes_without_a_connection_changes_nothing(self) -> None:
        """Before a connection, between two, and after the end, nothing that comes counts."""
        table = Table()
        frame = str(encode(TaskFinished(), "1"))
        for phase in (Phase.NEW, Phase.WAITING, Phase.GIVEN_UP):
            assert phase is table.phase
            for received in (frame, "{", b"\xff", str(encode(TaskFailed("E", "m"), ""))):
                assert [] == table.machine.receive(received, 0.0)
            assert phase is table.phase
            if phase is Phase.NEW:
                table.start(1)
                table.lose()
            else:
                table.lose(ZeroDivisionError())

    @pytest.mark.parametrize("junk", ["", "{", "[]", b"\xff\xfe", '{"header": {"event": 1}}'])
    def test_what_is_no_event_breaks_the_protocol(self, junk: str | bytes) -> None:
        """A frame that cannot be read is not worth another try, and the error names the task."""
        table = Table()
        table.start(1)
        with pytest.raises(RemoteProtocolError) as caught:
            table.machine.receive(junk, 0.0)
        verdict = table.lose(caught.value)
        assert Over(caught.value) == verdict
        assert table.machine.request_ids[-1] == caught.value.request_id
        assert Phase.GIVEN_UP is table.phase


class TestTakingOver:
    """Another task goes on where the last one broke."""

    def test_it_receives_what_is_unsettled(self) -> None:
        """What no final result covers is sent again, and the end if it had been sent."""
        table = Table()
        table.start(10)
        assert 1.0 == table.machine.to_replay
        table.deliver(final(700))
        assert 0.3 == pytest.approx(table.machine.to_replay)
        assert 3 * len(FRAME) == size(table.again())
        table.finish()
        *audio, end = table.again()
        assert (3 * len(FRAME), FinishTask()) == (size(audio), end)

    def test_every_task_begins_alike(self) -> None:
        """Each task begins with the same command, which middleware saw once."""
        witness = Witness()
        table = Table(witness)
        table.start()
        table.again()
        first, second = (one for one in table.received if isinstance(one, RunTask))
        assert first == second
        assert ["run-task", "task-started"] == witness.seen

    def test_middleware_sees_one_recognition(self) -> None:
        """Over three tasks, middleware sees one beginning and one end, and no audio twice."""
        witness = Witness()
        table = Table(witness)
        table.start(2)
        table.again()
        table.again()
        table.machine.send(FRAME, 2.0)
        table.finish()
        table.now = 10.0  # it has held for so long that it is no failure in a row
        table.again()
        table.deliver(final(300), TaskFinished())
        expected = ["run-task", "task-started", *["audio"] * 3, "finish-task"]
        assert [*expected, "result-generated", "task-finished"] == witness.seen

    def test_new_audio_follows_what_is_repeated(self) -> None:
        """Audio that came in the meantime leaves after the repetition, none of it out of order."""
        table = Table()
        table.start(20)
        table.lose()
        table.machine.send(b"\x02" * 3200, 0.0)
        table.machine.finish(0.0)
        *audio, end = table.start()
        assert [Audio(FRAME)] * 20 + [Audio(b"\x02" * 3200)] == audio
        assert FinishTask() == end

    def test_a_repetition_can_break_too(self) -> None:
        """Whatever was lost in the middle of a repetition is repeated again, and only once."""
        table = Table()
        table.start(40)
        for _ in range(2):
            table.lose()
            table.connect()
            table.flush()
            table.deliver(TaskStarted())
            assert AT_ONCE == len(table.machine.data_to_send(0.0))
        table.now = 10.0  # it has held for so long that it is no failure in a row
        assert 40 * len(FRAME) == size(table.again())

    @pytest.mark.parametrize(
        ("end", "seconds", "expected"), [(499, 0.0, False), (500, 0.0, True), (0, 5.0, True)]
    )
    def test_the_loss_of_a_connection_that_was_worth_it(
        self, end: int, seconds: float, *, expected: bool
    ) -> None:
        """It is excused if results reached half a second further, or after five seconds."""
        table = Table()
        table.start(10)
        if end:
            table.deliver(final(end))
        table.now += seconds
        assert expected is table.machine.is_excused(LOST, table.now)
        assert not table.machine.is_excused(TaskFailedError("InternalError", ""), table.now)
        table.lose()
        table.connect()
        assert not table.machine.is_excused(LOST, table.now)

    @pytest.mark.parametrize("failure", [LOST, DeadlineError("reused", 3.0)])
    def test_a_stale_connection_is_no_failure_of_its_address(self, failure: ServiceError) -> None:
        """That a connection which was idle is lost, or silent, is excused."""
        table = Table()
        table.connect(is_reused=True)
        assert table.machine.is_excused(failure, 0.0)
        assert not table.machine.is_excused(TaskFailedError("InternalError", ""), 0.0)
        table.lose(failure)
        table.connect()
        assert not table.machine.is_excused(failure, 0.0)

    def test_a_task_that_never_started_costs_nothing(self) -> None:
        """Failures before the first audio leave nothing out, and nothing doubled."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.connect()
        table.lose()
        table.connect()
        table.flush()
        table.lose()
        assert [Audio(FRAME)] == table.start()

    def test_a_wav_stream_begins_with_its_header_again(self) -> None:
        """The header of a WAV stream is sent again before what is unsettled, and counts no time."""
        table = Table(format="wav")
        table.machine.send(WAV + FRAME * 4, 0.0)
        table.machine.finish(0.0)
        table.start()
        (result,) = table.deliver(final(200))
        assert 200 == result.sentence.end_time
        header, *audio = table.again()
        assert Audio(WAV) == header
        assert 2 * len(FRAME) == size(audio)
        (result,) = table.deliver(final(200))
        assert 400 == result.sentence.end_time

    def test_silence_is_that_of_the_samples(self) -> None:
        """Silence in a WAV stream has its own rate and format; other injected audio passes."""
        witness = Witness()
        table = Table(witness, format="wav")
        eight_bit = WAV.replace(b"\x00}\x00\x00\x02\x00\x10", b"\x80>\x00\x00\x01\x00\x08")
        table.machine.send(eight_bit + b"\x81" * 1600, 0.0)
        witness.due = 0.0
        table.machine.expired(0.0)
        table.machine.finish(0.0)
        witness.farewell = (Audio(b"\x82" * 10, injected=True),)
        *_, silence, other, _end = table.start()
        assert [Audio(b"\x80" * 1600), Audio(b"\x82" * 10)] == [silence, other]

    def test_silence_does_not_divide_a_header(self) -> None:
        """Silence that is due before all of a WAV header was sent is left out, not put into it."""
        witness = Witness()
        table = Table(witness, format="wav")
        header = WAV[:-8] + b"LIST\x00\x10\x00\x00" + bytes(4096) + WAV[-8:]
        table.machine.send(header[:3300], 0.0)
        table.connect()
        table.flush()
        witness.due = table.now = 1.0
        table.machine.expired(1.0)
        table.machine.send(header[3300:] + FRAME, 1.0)
        table.machine.finish(1.0)
        table.deliver(TaskStarted())
        *audio, end = table.flush()
        assert FinishTask() == end
        assert header + FRAME == b"".join(one.data for one in audio if isinstance(one, Audio))

    def test_samples_of_a_wav_stream_are_not_divided(self) -> None:
        """The samples of a rewound WAV stream are those of before, however odd its chunks were."""
        options = {"format": "wav", "reconnect": Reconnect(keep=0.1, backoff=at_once)}
        table = Table(can_rewind=True, **options)
        table.machine.send(WAV + FRAME * 9 + b"\x01", 0.0)
        table.start()
        verdict = table.lose()
        assert isinstance(verdict, Again)
        assert len(WAV) == verdict.rewind_to
        table.machine.send(b"abc", 0.0)
        table.machine.expired(1.0)
        header, audio = table.start()
        assert [Audio(WAV), Audio(b"ab")] == [header, audio]

    def test_more_than_is_kept_is_an_error_with_its_range(self) -> None:
        """When more was unsettled than is kept, the new task raises `AudioLostError`, for good."""
        table = Table(reconnect=Reconnect(keep=0.5, backoff=at_once))
        table.start()
        for _ in range(20):
            table.now += 0.1
            table.machine.send(FRAME, table.now)
            table.flush()
        table.deliver(final(1000))
        table.lose()
        table.connect()
        table.flush()
        with pytest.raises(AudioLostError, match="from 1000 to 1500 ms") as caught:
            table.deliver(TaskStarted())
        assert (1000, 1500) == (caught.value.begin_time, caught.value.end_time)
        assert Over(caught.value) == table.lose(caught.value)

    def test_more_than_is_kept_can_be_a_gap(self) -> None:
        """If so chosen, a gap with the range comes once, and the rest is sent again."""
        table = Table(reconnect=Reconnect(keep=0.5, lost="gap", backoff=at_once))
        table.start()
        for _ in range(20):
            table.now += 0.1
            table.machine.send(FRAME, table.now)
            table.flush()
        table.deliver(final(1000), partial(1000))
        table.lose()
        table.connect()
        table.flush()
        (gap,) = table.deliver(TaskStarted())
        assert AudioGap.between(1000, 1500) == gap
        (after,) = table.deliver(partial(0))
        assert after.begins  # what was in progress before the gap does not continue after it
        assert 5 * len(FRAME) == size(table.flush())
        assert 5 * len(FRAME) == size(table.again())
        (last,) = table.deliver(final(500, "two"))
        assert 2000 == last.sentence.end_time

    def test_each_range_that_was_lost_is_a_gap(self) -> None:
        """A late sentence and the newest audio are two gaps; an error names all that they span."""
        for lost in ("gap", "raise"):
            table = Table(reconnect=Reconnect(keep=0.5, lost=lost, backoff=at_once))
            table.start()
            for _ in range(20):
                table.now += 0.1
                table.machine.send(FRAME, table.now)
                table.flush()
            table.deliver(partial(0), final(1000, begin=600))
            table.lose()
            table.connect()
            table.flush()
            if lost == "gap":
                expected = [AudioGap.between(0, 600), AudioGap.between(1000, 1500)]
                assert expected == table.deliver(TaskStarted())
            else:
                with pytest.raises(AudioLostError) as caught:
                    table.deliver(TaskStarted())
                assert (0, 1500) == (caught.value.begin_time, caught.value.end_time)

    def test_faster_than_real_time_is_held_back(self) -> None:
        """What comes faster than it can have been recorded waits instead of being lost."""
        table = Table(reconnect=Reconnect(keep=2.0, backoff=at_once))
        table.start(60)
        assert 2 * SECOND - 2 * len(FRAME) == size(table.received)
        due = table.machine.deadline()
        assert 0 < due < inf
        table.machine.expired(due - 0.01)
        assert [] == table.flush()
        table.deliver(final(1500))
        table.now = due
        table.machine.expired(due)
        assert size(table.flush()) > 0
        table.again()
        assert 60 * len(FRAME) > size(table.received) - SECOND

    def test_recorded_audio_after_idle_minutes_is_held_back(self) -> None:
        """Minutes of audio at once after ten idle minutes: no more is sent than is kept."""
        table = Table()
        table.start(10)
        table.deliver(final(1000))
        table.now = 600.0
        for _ in range(3000):
            table.machine.send(FRAME, table.now)
        sent = size(table.flush())
        assert 40 * SECOND < sent < 60 * SECOND
        table.now += 0.2
        assert sent == size(table.again())

    def test_live_audio_is_not_held_back_after_silence_and_an_outage(self) -> None:
        """However much silence is unsettled, live audio that gathered in an outage leaves."""
        table = Table()
        table.start()
        for _ in range(900):
            table.now += 0.1
            table.machine.send(FRAME, table.now)
            table.flush()
        assert 90 * SECOND == size(table.received)
        table.deliver(partial(80_000))  # no speech before
        table.lose()
        gathered = 0
        for _ in range(400):
            table.now += 0.1
            if table.machine.is_full:
                gathered += 1
            else:
                table.machine.send(FRAME, table.now)
        assert gathered > 300
        table.start(gathered)
        assert inf == table.machine._pace.held_until
        assert not table.machine.waiting
        for _ in range(300):
            table.now += 0.1
            table.machine.send(FRAME, table.now)
            assert [Audio(FRAME)] == table.flush()

    def test_a_live_wav_stream_of_wide_samples_is_not_held_back(self) -> None:
        """The pace of a WAV stream is that of its header: 24 bits in real time are real time."""
        table = Table(format="wav")
        table.machine.send(wav_header(channels=1, bits=24), 0.0)
        table.start()
        for _ in range(1000):
            table.now += 0.1
            table.machine.send(bytes(4800), table.now)
            table.flush()
        assert inf == table.machine._pace.held_until
        assert 100 * 48_000 - 4800 <= size(table.received) - 44

    def test_events_in_binary_frames_are_named_as_a_likely_cause(self) -> None:
        """A service that sends binary frames is rarely the one that was meant."""
        table = Table(reconnect=None)
        table.start(1)
        table.machine.has_binary = True
        failure = DeadlineError("finish", 1.0)
        assert Over(failure) == table.lose(failure)
        assert "binary frames; check the address" in str(failure)

    def test_what_is_abandoned_is_over_and_asks_for_no_retry(self) -> None:
        """What ends a recognition from outside gives it up, whatever the policy is."""
        table = Table(reconnect=Reconnect(backoff=lambda _: 1 // 0))
        table.start(1)
        for _ in range(2):
            table.machine.abandon()
            assert Phase.GIVEN_UP is table.phase
        assert inf == table.machine.deadline()
        assert Over(LOST) == table.lose()
        with pytest.raises(UsageError):
            table.machine.send(FRAME, 0.0)

    @pytest.mark.parametrize("end_time", [1, 50, 1234, 1999])
    @pytest.mark.parametrize("frame", [3200, 6000, 12_800])
    def test_what_is_early_is_kept_wherever_a_final_ends(self, end_time: int, frame: int) -> None:
        """Audio faster than real time is all kept, also if a final ends within a frame."""
        table = Table(reconnect=Reconnect(keep=3.0, backoff=at_once))
        table.start()
        for _ in range(100):
            table.machine.send(bytes(frame), 0.0)
        table.flush()
        table.deliver(final(end_time))
        table.flush()
        before = table.machine.to_replay
        assert before is not None
        assert before > 2.0
        assert before * SECOND == pytest.approx(size(table.again()), abs=SECOND)

    def test_silence_of_middleware_costs_no_audio_that_is_early(self) -> None:
        """Injected silence takes room from what is kept, so less is sent ahead."""
        witness = Witness()
        table = Table(witness, reconnect=Reconnect(keep=3.0, backoff=at_once))
        table.start(10)
        for _ in range(8):
            witness.due = table.now
            table.machine.expired(table.now)
            table.flush()
        for _ in range(40):
            table.machine.send(FRAME, table.now)
        table.flush()
        assert size(table.again()) > 2 * SECOND

    def test_an_open_sentence_is_sent_again_however_long_it_is(self) -> None:
        """A later final does not settle a long sentence that was begun and is not final yet."""
        table = Table()
        table.start(150)
        table.deliver(partial(0, "long"), final(14_000, "late", begin=12_500))
        assert 13.5 * SECOND == size(table.again())

    def test_audio_that_can_be_read_again_is_never_lost(self) -> None:
        """When more is unsettled than is kept, the audio comes again from where it is settled."""
        witness = LatencyMeter()
        table = Table(witness, can_rewind=True, reconnect=Reconnect(keep=0.5, backoff=at_once))
        audio = b"".join(bytes([number]) * 3200 for number in range(40))
        table.machine.send(audio, 0.0)
        table.machine.finish(0.0)
        table.start()
        assert len(audio) == size(table.received)
        table.deliver(final(1000))
        verdict = table.lose()
        assert isinstance(verdict, Again)
        assert SECOND == verdict.rewind_to
        assert 3.0 == table.machine.to_replay
        assert not table.machine._buffer.is_ended
        table.machine.send(audio[verdict.rewind_to :], 0.0)
        table.machine.finish(0.0)
        *again, end = table.start()
        assert FinishTask() == end
        assert audio[SECOND:] == b"".join(bytes(one.data) for one in again)  # type: ignore[union-attr]
        (result,) = table.deliver(final(500, "two"))
        assert 1500 == result.sentence.end_time
        table.deliver(TaskFinished())
        assert Phase.DONE is table.phase

    def test_nothing_is_injected_into_audio_that_is_read_again(self) -> None:
        """After an outage, the source was not quiet: no silence divides its words."""
        table = Table(Heartbeat(), can_rewind=True, reconnect=Reconnect(keep=1.0, backoff=at_once))
        table.start(50)
        table.deliver(partial(100, "long"))
        assert isinstance(table.lose(), Again)
        table.now += 5.0
        for _ in range(20):
            table.machine.send(FRAME, table.now)
        table.machine.expired(table.now)
        table.start()
        table.now += 5.0
        assert inf == table.machine.deadline()
        table.machine.expired(table.now)
        for _ in range(30):
            table.machine.send(FRAME, table.now)
        table.flush()
        table.machine.expired(table.now)
        again = [one for one in table.received if isinstance(one, Audio)][50:]
        assert (50, True) == (len(again), all(any(one.data) for one in again))
        assert 0.0 == table.machine.overhead.injected
        assert table.now < table.machine.deadline() < inf

    def test_middleware_with_a_context_is_notified_of_the_end_of_an_outage(self) -> None:
        """`resumed` is called once, when all audio has been read again, in the caller's context."""
        variable: ContextVar[str] = ContextVar("variable", default="")
        seen: list[tuple[str, float]] = []

        class Noting(Middleware):
            def resumed(self, now: float) -> None:
                seen.append((variable.get(), now))

        variable.set("of the caller")
        table = Table(Noting(), can_rewind=True, reconnect=Reconnect(keep=1.0, backoff=at_once))
        variable.set("of another")
        table.start(50)
        assert isinstance(table.lose(), Again)
        table.now = 7.0
        for _ in range(60):
            table.machine.send(FRAME, table.now)
        table.start()
        assert [("of the caller", 7.0)] == seen

    @pytest.mark.parametrize("can_rewind", [False, True])
    @pytest.mark.parametrize("format", ["pcm", "wav"])
    def test_middleware_is_notified_of_the_end_of_every_outage(
        self, can_rewind: bool, format: str
    ) -> None:
        """`resumed` is called once for each, after the last audio that was kept."""
        noting = Outages()
        table = Table(noting, can_rewind=can_rewind, format=format)
        table.machine.send(wav_header(channels=1, bits=16) if format == "wav" else b"", 0.0)
        table.start(50)
        for at in (7.0, 8.0):
            table.now = at
            assert isinstance(table.lose(), Again)
            table.start()
            assert size(table.received) >= 50 * len(FRAME)
        assert [7.0, 8.0] == noting.ends
        assert isinstance(table.lose(), Again)
        table.connect()
        table.flush()
        table.deliver(TaskStarted())
        table.machine.data_to_send(9.0)
        assert isinstance(table.lose(), Again)  # before all has been sent again
        table.now = 10.0
        table.start()
        assert [7.0, 8.0, 10.0] == noting.ends

    def test_middleware_is_notified_once_all_has_been_read_again(self) -> None:
        """An outage while audio is read again ends with the last of it, not with what was kept."""
        noting = Outages()
        table = Table(noting, can_rewind=True, reconnect=Reconnect(keep=1.0, backoff=at_once))
        table.start(60)
        table.deliver(final(2000, begin=1000))
        table.lose()
        table.start(5)
        verdict = table.lose()
        assert isinstance(verdict, Again)
        assert verdict.rewind_to is None
        assert 5 * len(FRAME) == size(table.start())
        assert [] == noting.ends
        for _ in range(55):
            table.machine.send(FRAME, table.now)
        table.flush()
        assert [0.0] == noting.ends

    @pytest.mark.parametrize("format", ["pcm", "wav"])
    def test_middleware_is_notified_of_audio_only(self, format: str) -> None:
        """After an outage before which all was settled, no audio is sent again, but a header."""
        noting = Outages()
        table = Table(noting, format=format)
        table.machine.send(wav_header(channels=1, bits=16) if format == "wav" else b"", 0.0)
        table.start(1)
        table.deliver(final(100))
        table.again()
        assert [] == noting.ends

    def test_what_is_kept_is_not_read_again(self) -> None:
        """As long as all that is unsettled is kept, the audio goes on where it is."""
        table = Table(can_rewind=True)
        table.start(10)
        verdict = table.lose()
        assert isinstance(verdict, Again)
        assert verdict.rewind_to is None

    def test_what_has_no_packets_is_not_tried_again(self) -> None:
        """A format that is not known here can be taken over only before any of it was sent."""
        table = Table(format="x", model="unknown")
        table.start()
        assert isinstance(table.lose(), Again)
        table.start()
        table.machine.send(bytes(3200), 0.0)
        table.flush()
        error = ConnectionLostError(1006)
        assert Over(error) == table.lose(error)
        assert "a stream of x cannot be resumed; decode it to pcm" == error.hint

    @pytest.mark.parametrize("kind", ["mp3", "pcm"])
    def test_without_a_policy_nothing_is_tried_again(self, kind: str) -> None:
        """Without a policy, a lost connection is the end, whether the audio has times or not."""
        table = Table(format=kind, reconnect=None)
        table.start()
        table.machine.send(bytes(3200), 0.0)
        table.flush()
        error = ConnectionLostError(1006)
        assert Over(error) == table.lose(error)
        assert (0.1 if kind == "pcm" else None) == error.unsettled


class TestReplay:
    """What was sent before is sent again."""

    def test_how_much_compressed_audio_is_sent_again_is_not_known(self) -> None:
        """Its bytes cannot be converted to time."""
        assert Table(format="mp3").machine.to_replay is None

    def test_nothing_is_sent_to_a_task_that_has_failed(self) -> None:
        """After a failure in the middle of a replay, nothing leaves until it is decided on."""
        table = Table()
        table.start(3 * AT_ONCE)
        table.lose()
        table.connect()
        table.machine.data_to_send(0.0)
        with pytest.raises(TaskFailedError):
            task = table.machine.request_ids[-1]
            table.deliver_as(task, TaskStarted())
            assert AT_ONCE == len(table.machine.data_to_send(0.0))
            assert table.machine.replay
            table.deliver_as(task, TaskFailed("InternalError", "no"))
        assert [] == table.machine.data_to_send(0.0)


class TestSeams:
    """One task ends and the next begins, and nothing is lost between."""

    def cross(self, table: Table) -> list[Command]:
        """Finish the task, and start the next on the same connection."""
        assert [] == table.deliver(TaskFinished())
        assert Phase.WAITING is table.phase
        service = table.service
        commands = table.start()
        assert service is table.service
        return commands

    def test_flush_ends_the_task_and_the_next_goes_on(self) -> None:
        """What came before is in one task, what comes after in the next; times go on."""
        witness = Witness()
        table = Table(witness)
        table.machine.send(FRAME + FRAME[:100], 0.0)
        table.machine.flush(0.0)
        table.machine.send(b"\x02" * 3200, 0.0)
        assert [Audio(FRAME), Audio(FRAME[:100]), FinishTask()] == table.start()
        (one,) = table.deliver(final(90))
        assert [Audio(b"\x02" * 3200)] == self.cross(table)
        table.finish()
        (two,) = table.deliver(final(50))
        table.deliver(TaskFinished())
        assert (90, 153) == (one.sentence.end_time, two.sentence.end_time)
        assert Phase.DONE is table.phase
        assert 1 == witness.seen.count("finish-task") == witness.seen.count("run-task")

    def test_a_sample_is_not_divided(self) -> None:
        """Half a sample before a flush belongs to the next task."""
        table = Table()
        table.machine.send(b"abc", 0.0)
        table.machine.flush(0.0)
        table.machine.send(b"d", 0.0)
        table.machine.finish(0.0)
        assert [Audio(b"ab"), FinishTask()] == table.start()
        assert [Audio(b"cd"), FinishTask()] == self.cross(table)

    def test_a_flush_without_audio_is_nothing(self) -> None:
        """A flush after nothing, or after another one, begins no task."""
        table = Table()
        table.machine.flush(0.0)
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.machine.flush(0.0)
        assert [Audio(FRAME), FinishTask()] == table.start()
        assert [] == self.cross(table)

    def test_an_update_changes_the_next_task(self) -> None:
        """Other options begin at their place in the audio, and hold for the tasks after it."""
        table = Table()
        other = Options(language_hints=["en"])
        table.machine.send(FRAME, 0.0)
        table.machine.update(other, 0.0)
        table.machine.send(FRAME, 0.0)
        table.start()
        self.cross(table)
        table.again()
        first, *further = (one for one in table.received if isinstance(one, RunTask))
        assert "language_hints" not in first.parameters
        assert [["en"]] * 2 == [one.parameters["language_hints"] for one in further]

    def test_an_update_after_a_flush_begins_no_task_without_audio(self) -> None:
        """Updates and flushes between which there is no audio are one seam, with all changes."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.machine.update(Options(language_hints=["en"]), 0.0)
        table.machine.flush(0.0)
        table.machine.update(Options(language_hints=["de"]), 0.0)
        table.machine.send(FRAME, 0.0)
        table.start()
        assert [Audio(FRAME)] == self.cross(table)
        first, second = (one for one in table.received if isinstance(one, RunTask))
        assert "language_hints" not in first.parameters
        assert ["de"] == second.parameters["language_hints"]

    def test_the_model_of_the_next_task_is_known_at_the_seam(self) -> None:
        """Before the task after an update begins, its model is known, for the quota."""
        table = Table()
        table.start(1)
        table.machine.update(Options(model="fun-asr-realtime"), 0.0)
        table.flush()
        assert "paraformer-realtime-v2" == table.machine.model
        table.deliver(TaskFinished())
        assert "fun-asr-realtime" == table.machine.model

    def test_an_update_before_the_first_task_begins_none(self) -> None:
        """An update before the connection is there applies to the first task."""
        table = Table()
        table.machine.update(Options(language_hints=["en"]), 0.0)
        table.machine.send(FRAME, 0.0)
        assert [Audio(FRAME)] == table.start()
        (task,) = (one for one in table.received if isinstance(one, RunTask))
        assert ["en"] == task.parameters["language_hints"]

    def test_an_update_waits_for_audio_that_is_sent_again(self) -> None:
        """After a break, what was sent before an update is sent again with the earlier options."""
        table = Table()
        table.start(1)
        assert isinstance(table.lose(), Again)
        table.machine.update(Options(language_hints=["en"]), 0.0)
        table.machine.send(FRAME, 0.0)
        assert [Audio(FRAME), FinishTask()] == table.start()
        assert [Audio(FRAME)] == self.cross(table)
        hints = [
            one.parameters.get("language_hints")
            for one in table.received
            if isinstance(one, RunTask)
        ]
        assert [None, None, ["en"]] == hints

    def test_the_end_after_a_flush_begins_no_task(self) -> None:
        """When the audio ends at a seam, the recognition is done without another task."""
        meter = LatencyMeter()
        table = Table(meter)
        table.start(1)
        table.machine.flush(0.0)
        table.machine.finish(0.0)
        assert [FinishTask()] == table.flush()
        table.deliver(final(100), TaskFinished())
        assert Phase.DONE is table.phase
        assert meter.measured.last_packet is not None

    def test_the_end_after_a_flush_is_for_middleware(self) -> None:
        """Middleware may add audio at the end, so that another task begins for it."""
        witness = Witness()
        witness.farewell = (Audio(b"\x05" * 3200),)
        table = Table(witness)
        table.start(1)
        table.machine.flush(0.0)
        table.machine.finish(0.0)
        table.flush()
        assert [Audio(b"\x05" * 3200), FinishTask()] == self.cross(table)

    def test_a_break_at_a_seam_loses_nothing(self) -> None:
        """A connection that breaks before the task is complete repeats it with its end."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.machine.send(b"\x02" * 3200, 0.0)
        table.start()
        assert [Audio(FRAME), FinishTask()] == table.again()
        assert [Audio(b"\x02" * 3200)] == self.cross(table)
        assert [Audio(b"\x02" * 3200)] == table.again()

    def test_a_task_that_is_all_covered_is_not_repeated(self) -> None:
        """When only `task-finished` is missing, the next task begins on another connection."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.start()
        table.deliver(final(100))
        assert Again(0.0) == table.lose()
        assert [] == table.start()

    @pytest.mark.parametrize("reason", NO_SPEECH)
    def test_a_task_without_speech_is_no_failure_at_a_seam(self, reason: tuple[str, str]) -> None:
        """When the service found no speech before a seam, the next task goes on."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.start()
        assert Again(0.0) == table.fail(*reason)
        table.machine.send(FRAME, 0.0)
        assert [Audio(FRAME)] == table.start()


def talk(*terms: str) -> Options:
    """Make options with a context."""
    messages = [{"role": "user", "content": term} for term in terms]
    return Options(model="fun-asr-realtime", context=messages)


def terms(command: Command) -> list[str]:
    """Return the terms of the context in a command."""
    assert isinstance(command, RunTask | ContinueTask)
    return [message["content"][0]["text"] for message in command.input["context"]]


class TestContext:
    """The input of a task changes while it runs, and the newest one begins the next."""

    def test_the_input_is_part_of_run_task(self) -> None:
        """A context, and whatever else is given as input, arrive in run-task."""
        table = Table(model="fun-asr-realtime", context="Paraformer", input={"more": 1})
        table.connect()
        (task,) = table.flush()
        assert isinstance(task, RunTask)
        assert (["Paraformer"], 1) == (terms(task), task.input["more"])

    def test_an_update_continues_the_task(self) -> None:
        """A new context is sent in its turn by continue-task, without a seam."""
        witness = Witness()
        table = Table(witness)
        table.start(1)
        table.machine.continue_task(talk("a", "b"), 0.0)
        table.machine.send(FRAME, 0.0)
        command, audio = table.flush()
        assert (["a", "b"], Audio(FRAME)) == (terms(command), audio)
        assert 1 == len(table.machine.request_ids)
        assert "continue-task" in witness.seen

    def test_the_next_task_begins_with_the_newest_input(self) -> None:
        """After a break, and after a seam, run-task has what continue-task has brought."""
        table = Table(Heartbeat(), model="fun-asr-realtime", context="old")
        table.start(1)
        table.machine.continue_task(talk("new"), 0.0)
        table.flush()
        table.again()
        table.machine.flush(0.0)
        table.flush()
        TestSeams().cross(table)
        tasks = [one for one in table.received if isinstance(one, RunTask)]
        assert [["old"], ["new"], ["new"]] == [terms(one) for one in tasks]
        assert all(one.parameters["heartbeat"] for one in tasks)

    def test_what_is_new_during_a_break_is_not_late(self) -> None:
        """A context that waits behind audio begins the task that takes over; not one of a seam."""
        table = Table(model="fun-asr-realtime", context="old")
        table.start(1)
        table.lose()
        table.machine.send(FRAME, 0.0)
        table.machine.continue_task(talk("new"), 0.0)
        table.machine.update(talk("later"), 0.0)
        table.machine.continue_task(talk("last"), 0.0)
        assert [Audio(FRAME), Audio(FRAME)] == [
            one for one in table.start() if isinstance(one, Audio)
        ]
        assert [] == TestSeams().cross(table)
        sent = [terms(one) for one in table.received if isinstance(one, RunTask | ContinueTask)]
        assert [["old"], ["new"], ["new"], ["last"]] == sent

    @pytest.mark.parametrize("is_plain", [True, False])
    def test_at_a_seam(self, *, is_plain: bool) -> None:
        """What is new at a seam begins the next task; it is sent again only for middleware."""
        table = Table(Heartbeat() if is_plain else Witness(), model="fun-asr-realtime")
        table.start(1)
        table.machine.flush(0.0)
        table.machine.continue_task(talk("new"), 0.0)
        table.machine.send(FRAME, 0.0)
        assert [FinishTask()] == table.flush()
        *again, audio = TestSeams().cross(table)
        task = next(one for one in reversed(table.received) if isinstance(one, RunTask))
        assert Audio(FRAME) == audio
        begun = task.input.get("context")
        assert (begun is not None, [] if is_plain else [["new"]]) == (
            is_plain,
            [terms(one) for one in again],
        )

    def test_an_update_does_not_begin_the_task_before(self) -> None:
        """A context after a seam is for the next task, also if the one before is begun again."""
        table = Table(model="fun-asr-realtime", context="old")
        table.start(1)
        table.machine.update(talk("later"), 0.0)
        table.machine.continue_task(talk("last"), 0.0)
        table.machine.send(FRAME, 0.0)
        assert [FinishTask()] == table.flush()
        table.again()
        tasks = [terms(one) for one in table.received if isinstance(one, RunTask)]
        assert [["old"], ["old"]] == tasks

    def test_middleware_sees_every_input(self) -> None:
        """After a break, too, no input reaches the service that middleware has not passed on."""

        class Redacting(Middleware):
            def outgoing(self, command: Command, now: float) -> Command:
                if isinstance(command, RunTask | ContinueTask):
                    return replace(command, input={"context": "redacted"})
                return command

        table = Table(Redacting(), model="fun-asr-realtime", context="old")
        table.start(1)
        table.lose()
        table.machine.send(FRAME, 0.0)
        table.machine.continue_task(talk("secret"), 0.0)
        table.machine.send(FRAME, 0.0)
        table.start()
        inputs = [one.input for one in table.received if isinstance(one, RunTask | ContinueTask)]
        assert [{"context": "redacted"}] * 3 == inputs

    def test_before_the_first_task(self) -> None:
        """A context that is new before run-task is in it, and is not sent again."""
        table = Table(model="fun-asr-realtime")
        table.machine.continue_task(talk("new"), 0.0)
        table.machine.send(FRAME, 0.0)
        assert [Audio(FRAME)] == table.start()
        assert ["new"] == terms(table.received[0])

    def test_not_after_the_end(self) -> None:
        """After the end of the audio, there is nothing for which a context could be new."""
        table = Table()
        table.machine.finish(0.0)
        with pytest.raises(UsageError, match="update after finish"):
            table.machine.continue_task(talk("new"), 0.0)


class TestMiddleware:
    """What middleware may do to a recognition."""

    def test_what_it_adds_at_the_end_is_kept(self) -> None:
        """Audio that middleware adds before the end is recorded, and the end is not doubled."""
        witness = Witness()
        witness.farewell = (Audio(b"\x05" * 3200),)
        table = Table(witness)
        table.start()
        assert [Audio(b"\x05" * 3200), FinishTask()] == table.finish()
        assert [Audio(b"\x05" * 3200), FinishTask()] == table.again()

    def test_its_silence_is_kept_and_moves_no_time(self) -> None:
        """What middleware sends at its deadline follows the audio, is repeated, and is no time."""
        witness = Witness()
        table = Table(witness)
        table.start()
        assert table.machine.deadline() == inf
        table.machine.send(b"\x01\x00" * 10 + b"\x01", 0.0)
        witness.due = 0.05
        assert 0.05 == table.machine.deadline()
        table.machine.expired(0.04)
        assert [] == table.flush()
        table.now = 1.0
        table.machine.expired(1.0)
        assert table.machine.deadline() > 1.0
        table.machine.expired(1.0)
        assert [Audio(b"\x01\x00" * 10), Audio(bytes(3200))] == table.flush()
        table.machine.send(FRAME, 1.0)
        table.flush()
        assert [20, 3200, 3200] == [size([one]) for one in table.again()]
        (result,) = table.deliver(final(150))
        assert 50 == result.sentence.end_time

    def test_it_cannot_part_the_samples_of_a_wav_stream(self) -> None:
        """Silence stands between two samples of all channels, and is silence in their format."""
        witness = Witness()
        table = Table(witness, format="wav")
        table.start()
        header = wav_header(channels=2, bits=8)
        table.machine.send(header + b"\x01\x02\x03", 0.0)
        witness.due = 1.0
        table.now = 1.0
        table.machine.expired(1.0)
        assert [Audio(header + b"\x01\x02"), Audio(b"\x80" * 3200)] == table.flush()
        table.machine.send(b"\x04", 1.0)
        table.machine.expired(1.1)
        assert [Audio(b"\x03\x04")] == table.flush()

    def test_it_cannot_part_the_header_of_a_wav_stream(self) -> None:
        """Before the header of a WAV stream has come there is no silence, and nothing is parted."""
        witness = Witness()
        table = Table(witness, format="wav")
        table.start()
        header = wav_header(channels=1, bits=16)
        table.machine.send(header[:10], 0.0)
        witness.due = 1.0
        table.now = 1.0
        table.machine.expired(1.0)
        assert [] == table.flush()
        table.machine.send(header[10:], 1.0)
        table.machine.expired(1.1)
        assert [Audio(header)] == table.flush()

    @pytest.mark.parametrize("error", [ZeroDivisionError(), LOST])
    @pytest.mark.parametrize("is_generator", [False, True])
    @pytest.mark.parametrize("kind", [Broken, Bare])
    @pytest.mark.parametrize(
        "where",
        [
            *("run-task", "audio", "finish-task", "task-started", "result-generated"),
            *("task-finished", "resumed", "deadline", "expired"),
        ],
    )
    def test_its_exceptions_come_out_as_themselves(
        self, where: str, error: Exception, kind: type[Broken], *, is_generator: bool
    ) -> None:
        """What middleware raises ends the recognition, wherever, and whatever it is."""
        table = Table(kind(where, error, is_generator=is_generator))
        with pytest.raises((ZeroDivisionError, RaisedByUser)) as caught:
            table.start(1)
            table.deliver(final(100))
            if where == "resumed":
                table.machine.send(FRAME, 0.0)
                table.flush()
                table.again()
            assert 0.0 == table.machine.deadline()
            table.machine.expired(0.0)
            table.flush()
            table.finish()
            table.deliver(TaskFinished())
        verdict = table.lose(caught.value)
        assert isinstance(verdict, Over)
        assert error is verdict.error
        assert Phase.GIVEN_UP is table.phase

    def test_its_deadline_is_not_asked_for_after_the_end(self) -> None:
        """Nothing could become of what it raised there."""

        class Ended(Middleware):
            def deadline(self) -> float | None:
                assert table.phase is not Phase.DONE
                return 5.0

        table = Table(Ended())
        table.start(1)
        assert 5.0 == table.machine.deadline()
        table.finish()
        table.deliver(TaskFinished())
        assert inf == table.machine.deadline()

    @pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, lambda: LOST])
    @pytest.mark.parametrize("seam", [False, True])
    def test_an_exception_at_the_end_is_no_success(
        self, error: Callable[[], BaseException], seam: bool
    ) -> None:
        """What middleware raises at `task-finished` ends the recognition, whatever it is."""

        class Saving(Middleware):
            def incoming(self, event: Event, now: float) -> Event:
                if isinstance(event, TaskFinished):
                    raise error()
                return event

        table = Table(Saving())
        table.start(1)
        if seam:
            table.machine.flush(0.0)
        table.finish()
        table.deliver(final(100))
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - of any type
            table.deliver(TaskFinished())
        verdict = table.lose(caught.value)
        assert isinstance(verdict, Over)
        assert type(error()) is type(verdict.error)
        assert Phase.GIVEN_UP is table.phase
        with pytest.raises(UsageError):
            table.machine.send(FRAME, 0.0)

    def test_it_may_give_up_at_the_end(self) -> None:
        """A stream that middleware closes at `task-finished` stays closed."""

        class Leaving(Middleware):
            def incoming(self, event: Event, now: float) -> Event:
                if isinstance(event, TaskFinished):
                    table.machine.abandon()
                return event

        table = Table(Leaving())
        table.start(1)
        table.finish()
        table.deliver(TaskFinished())
        assert Phase.GIVEN_UP is table.phase

    def test_it_may_end_the_audio(self) -> None:
        """A `finish-task` in the place of a frame ends the audio, and is waited for."""

        class Ending(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                return (FinishTask() if isinstance(command, Audio) else command,)

        table = Table(Ending(), timeouts=Timeouts(finish=7))
        assert [FinishTask()] == table.start(2)
        assert 7.0 == table.machine.deadline()
        assert [FinishTask()] == table.again()
        table.deliver(TaskFinished())
        assert Phase.DONE is table.phase

    def test_it_may_hold_the_end_back(self) -> None:
        """A held `finish-task` is bounded, survives a break, and is sent when it is let go."""

        class Holding(Witness):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                return () if isinstance(command, FinishTask) else (command,)

            def expired(self, now: float) -> Iterable[Command]:
                self.due = None
                yield Audio(bytes(2), injected=True)
                yield FinishTask()

        holding = Holding()
        table = Table(holding, timeouts=Timeouts(finish=7))
        table.start(1)
        assert [] == table.finish()
        assert 7.0 == table.machine.deadline()
        table.now = 3.0
        assert [Audio(FRAME)] == table.again()
        assert 10.0 == table.machine.deadline()
        holding.due = table.now = 4.0
        table.machine.expired(4.0)
        assert [Audio(bytes(2)), FinishTask()] == table.flush()
        with pytest.raises(DeadlineError):
            table.machine.expired(100.0)

    def test_it_may_hold_the_beginning_back(self) -> None:
        """A `run-task` that never passes is asked for once, and waited for as any other."""

        class Holding(Witness):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                super().outgoing(command, now)
                return ()

        holding = Holding()
        table = Table(holding, timeouts=Timeouts(started=3))
        table.connect()
        assert [] == table.flush() + table.flush()
        assert ["run-task"] == holding.seen
        with pytest.raises(DeadlineError):
            table.machine.expired(3.0)

    def test_it_may_drop_double_and_replace(self) -> None:
        """Whatever passes all middleware is sent, recorded and shown: no more, no less."""

        class Twice(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                return [command, command] if isinstance(command, Audio) else [command]

            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                return [event, TaskStarted(), event]

        class Louder(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                if isinstance(command, Audio):
                    command = Audio(bytes(command.data)[:4])
                return (command,)

        table = Table(Twice(), Louder(), Louder())
        assert [Audio(FRAME[:4])] * 2 == table.start(1)
        assert 2 == len(table.deliver(partial(0)))
        assert [Audio(FRAME[:4])] * 2 == table.again()

    def test_empty_audio_forgets_nothing(self) -> None:
        """Empty audio of middleware leaves what is kept as it is."""

        class Emptying(Middleware):
            def outgoing(self, command: Command, now: float) -> Iterable[Command]:
                if isinstance(command, Audio) and command.data[0] == 2:
                    command = Audio(b"")
                return (command,)

        table = Table(Emptying())
        table.start(2)
        table.machine.send(b"\x02" * 3200, 0.0)
        table.flush()
        assert 2 * len(FRAME) == size(table.again())

    def test_a_failure_is_shown_to_it(self) -> None:
        """Middleware sees `task-failed` if the recognition ends with it, and not if it goes on."""
        for reconnect, is_end in ((Reconnect(backoff=at_once), False), (None, True)):
            witness = Witness()
            table = Table(witness, reconnect=reconnect)
            table.start()
            table.fail("InternalError")
            assert is_end == ("task-failed" in witness.seen)

    def test_a_failure_that_is_the_last_is_shown_to_it(self) -> None:
        """The caller that waits no longer makes an end of a failure that could be retried."""
        witness = Witness()
        table = Table(witness)
        table.start()
        with pytest.raises(TaskFailedError) as caught:
            table.deliver(TaskFailed("Throttling.RateQuota", "no"))
        assert Over(caught.value) == table.machine.lost(caught.value, 0.0, is_last=True)
        assert "task-failed" == witness.seen[-1]

    @pytest.mark.parametrize(
        "how", ["finished", "dropped", "silent", "between", "between-failed", "failed"]
    )
    def test_it_may_hold_results_back_until_the_end(self, how: str) -> None:
        """Whether or not the service sends `task-finished`, middleware receives one end."""

        class Joining(Middleware):
            def __init__(self) -> None:
                self.held: list[Event] = []

            def incoming(self, event: Event, now: float) -> Iterable[Event]:
                if isinstance(event, ResultGenerated):
                    self.held.append(event)
                    return ()
                if isinstance(event, TaskFinished | TaskFailed):
                    return [*self.held, event]
                return (event,)

        table = Table(Joining())
        table.start(1)
        if how not in {"between", "between-failed"}:
            table.finish()
        assert [] == table.deliver(final(100))
        results: Iterable[RecognitionResult]
        if how == "finished":
            results = table.deliver(TaskFinished())
        elif how.startswith("between"):
            if how == "between":
                table.machine.flush(0.0)
                table.flush()
                table.deliver(TaskFinished())
            else:
                table.fail("InternalError")
            table.machine.finish(0.0)
            over = table.machine.ends_between_tasks(0.0)
            assert over is not None
            results = over.results
        else:
            reasons = {"silent": "NO_INPUT_AUDIO_ERROR", "failed": "Arrearage"}
            verdict = table.fail(reasons[how]) if how in reasons else table.lose()
            assert isinstance(verdict, Over)
            assert (how == "failed") == (verdict.error is not None)
            results = verdict.results
        assert ["one"] == [one.sentence.text for one in results]
        assert (Phase.GIVEN_UP if how == "failed" else Phase.DONE) is table.phase

    @pytest.mark.parametrize("where", ["task-finished", "task-failed"])
    def test_an_exception_at_an_end_without_task_finished(self, where: str) -> None:
        """What it raises when a failure ends the recognition comes out as itself, too."""
        table = Table(Broken(where, ZeroDivisionError(), is_generator=False))
        table.machine.send(FRAME, 0.0)
        table.connect()
        table.flush()
        table.deliver(TaskStarted())
        table.finish()
        table.deliver(final(100))
        with pytest.raises(ZeroDivisionError):
            table.fail("InternalError" if where == "task-finished" else "Arrearage")
        assert Phase.GIVEN_UP is table.phase

    def test_one_whose_deadline_comes_nearer_has_the_timer_look(self) -> None:
        """Only middleware with `hurries` costs a check of the deadline after each message."""
        for middleware, looks in ((Witness(), True), (Heartbeat(), False)):
            table = Table(middleware)
            table.start(1)
            table.machine.has_nearer_deadline = False
            table.machine.send(FRAME, 0.0)
            table.flush()
            assert looks == table.machine.has_nearer_deadline
            table.machine.has_nearer_deadline = False
            table.deliver(partial(0))
            assert looks == table.machine.has_nearer_deadline

    def test_the_first_audio_after_a_pause_has_the_timer_look(self) -> None:
        """The pause after the next audio is shorter than what the heartbeat was waiting for."""
        table = Table(Heartbeat(5.0), max_sentence_silence=800)
        table.start()
        for _ in range(3):
            assert 5.0 == table.machine.deadline() - table.now
            table.machine.has_nearer_deadline = False
            table.machine.send(FRAME, table.now)
            table.flush()
            assert table.machine.has_nearer_deadline
            assert 0.8 == pytest.approx(table.machine.deadline() - table.now)
            table.now = table.machine.deadline()
            table.machine.expired(table.now)
            assert 10 * len(FRAME) == size(table.flush())


class TestWaits:
    """Every wait has its bound, and ends by an error that names it."""

    def expect(self, table: Table, wait: str, at: float) -> DeadlineError:
        """Expect that *wait* runs out at that time, and not before."""
        assert at == table.machine.deadline()
        table.machine.expired(at - 0.001)
        with pytest.raises(DeadlineError) as caught:
            table.machine.expired(at)
        assert wait == caught.value.phase
        assert inf == table.machine.deadline()
        table.machine.expired(at)
        return caught.value

    def test_for_the_task_to_start(self) -> None:
        """`started` runs from the connection on; what runs out is a failure as any other."""
        table = Table(timeouts=Timeouts(started=3))
        table.now = 10.0
        table.connect()
        assert table.machine.has_nearer_deadline
        table.flush()
        assert isinstance(table.lose(self.expect(table, "started", 13.0)), Again)
        assert inf == table.machine.deadline()

    def test_for_the_service_to_finish(self) -> None:
        """`finish` runs from the end of the audio on, and again from each sign of life."""
        table = Table(timeouts=Timeouts(finish=5))
        table.start(1)
        assert inf == table.machine.deadline()
        table.finish()
        assert 5.0 == table.machine.deadline()
        table.now = 4.0
        table.deliver(final(50))
        assert 9.0 == table.machine.deadline()
        table.now = 8.0
        table.machine.receive('{"header": {"event": "weather-report"}}', 8.0)
        self.expect(table, "finish", 13.0)

    def test_for_the_connection_to_take_audio(self) -> None:
        """The send timeout runs while the transport is full; frames either way renew it."""
        table = Table(timeouts=Timeouts(send=2))
        table.start(1)
        table.machine.blocked(1000, 1.0)
        table.machine.blocked(1000, 2.0)
        assert 3.0 == table.machine.deadline()
        table.machine.blocked(999, 2.5)
        assert 4.5 == table.machine.deadline()
        table.now = 4.0
        table.deliver(partial(0))
        assert 6.0 == table.machine.deadline()
        table.machine.unblocked()
        assert inf == table.machine.deadline()
        table.machine.blocked(500, 10.0)
        self.expect(table, "send", 12.0)

    def test_nothing_is_waited_for_between_connections(self) -> None:
        """When an attempt has ended, none of its waits is left."""
        table = Table()
        table.start(1)
        table.finish()
        table.machine.blocked(1, 0.0)
        table.lose()
        assert inf == table.machine.deadline()


class TestFailures:
    """What follows a failure."""

    def test_a_failure_is_described(self) -> None:
        """The error has what was recognized, what was not, and the ids of all tasks."""
        table = Table()
        table.start(10)
        table.deliver(final(300, "one"))
        table.again()
        table.deliver(final(400, "two"))
        verdict = table.fail("InvalidParameter", "no")
        assert isinstance(verdict, Over)
        error = verdict.error
        assert isinstance(error, TaskFailedError)
        assert ("InvalidParameter", "no") == (error.error_code, error.error_message)
        assert "one two" == error.recognized
        assert 0.3 == pytest.approx(error.unsettled)
        assert tuple(table.machine.request_ids) == error.request_ids
        assert table.machine.request_ids[-1] == error.request_id

    @pytest.mark.parametrize("failure", [ConnectError("no route"), HandshakeError(503)])
    def test_on_the_way_to_a_connection(self, failure: ConnectError) -> None:
        """A failure of the way belongs to no task; it counts as any other."""
        failure.retryable = True
        table = Table(reconnect=Reconnect(attempts=1, backoff=lambda n: 3.0 * n))
        assert Again(3.0, failure, 1) == table.lose(failure)
        assert Over(failure) == table.lose(failure)
        assert "" == failure.request_id

    def test_progress_gives_the_budget_back(self) -> None:
        """Failures after which results reach further do not add up; those without any do."""
        table = Table(reconnect=Reconnect(attempts=2, backoff=at_once))
        table.start(30)
        for _ in range(5):
            table.deliver(final(500))
            table.again()
        for _ in range(5):  # an outage is survived for as long as the audio is kept
            assert isinstance(table.lose(), Again)
            table.start()
        assert isinstance(table.lose(), Again)
        table.now += 61
        table.connect()
        assert isinstance(table.lose(), Over)

    def test_an_outage_that_outlasts_what_is_kept_names_the_audio(self) -> None:
        """The error has the range without a final, what waits included, and why attempts failed."""
        table = Table(reconnect=Reconnect(attempts=1, keep=5.0, backoff=at_once))
        table.start(10)
        table.deliver(final(300), partial(600))
        assert isinstance(table.lose(), Again)
        table.machine.send(FRAME * 4 + FRAME[:1600], 0.0)
        table.now = 5.0
        reason = HandshakeError(503)
        verdict = table.lose(reason)
        assert isinstance(verdict, Over)
        error = verdict.error
        assert isinstance(error, AudioLostError)
        assert (600, 1450) == (error.begin_time, error.end_time)
        assert reason is error.__cause__
        assert reason.message == error.outage
        assert tuple(table.machine.request_ids) == error.request_ids

    @pytest.mark.parametrize("failure", [ConnectError("no route"), HandshakeError(503)])
    def test_an_outage_that_costs_nothing_is_raised_as_itself(self, failure: ConnectError) -> None:
        """A source that can be read again loses nothing, and neither does one that was settled."""
        failure.retryable = True
        policy = Reconnect(attempts=1, keep=5.0, backoff=at_once)
        for can_rewind, end in ((True, 600), (False, 1000)):
            table = Table(reconnect=policy, can_rewind=can_rewind)
            table.start(10)
            table.deliver(final(end))
            assert isinstance(table.lose(), Again)
            table.now = 5.0
            assert Over(failure) == table.lose(failure)

    def test_a_stale_connection_costs_nothing(self) -> None:
        """One that waited and breaks, or is silent, before the task starts is no failure."""
        table = Table(reconnect=Reconnect(attempts=1, backoff=lambda _: 5.0))
        for failure in (LOST, DeadlineError("started", 1.0), ConnectionLostError(1008, "idle")):
            table.connect(is_reused=True)
            table.flush()
            assert Again(0.0, failure, 0) == table.lose(failure)
        table.connect(is_reused=True)
        table.flush()
        table.deliver(TaskStarted())
        assert Again(5.0, LOST, 1) == table.lose()

    def test_a_silent_connection_that_was_idle(self) -> None:
        """Nothing received on it for `Timeouts.reused` is no failure; a fresh one has longer."""
        table = Table(timeouts=Timeouts(started=10, reused=2))
        table.connect()
        table.flush()
        assert 10.0 == table.machine.deadline()
        table.lose()
        table.connect(is_reused=True)
        table.flush()
        assert 2.0 == table.machine.deadline()
        with pytest.raises(DeadlineError, match="reused") as caught:
            table.machine.expired(2.0)
        assert isinstance(again := table.lose(caught.value), Again)
        assert 0.0 == again.after

    def test_anything_received_shows_that_a_connection_is_there(self) -> None:
        """A message of an earlier task does, too; then `Timeouts.started` is the limit."""
        table = Table(timeouts=Timeouts(started=10, reused=2))
        table.connect(is_reused=True)
        table.flush()
        assert [] == table.deliver_as("f" * 32, TaskFinished())
        assert 10.0 == table.machine.deadline()

    def test_what_is_left_of_an_earlier_task_costs_nothing(self) -> None:
        """A failure of an earlier task, or noise, on a connection that waited is no failure."""
        table = Table(reconnect=Reconnect(attempts=1, backoff=lambda _: 5.0))
        old = "f" * 32
        for frame in (str(encode(TaskFailed("InvalidParameter", "old"), old)), "{"):
            table.connect(is_reused=True)
            table.flush()
            for late in (TaskStarted(), final(100), TaskFinished()):
                assert [] == table.deliver_as(old, late)
            with pytest.raises(RemoteProtocolError) as caught:
                table.machine.receive(frame, 0.0)
            assert Again(0.0, caught.value, 0) == table.lose(caught.value)
        assert [Audio(FRAME)] == table.start(1)

    def test_a_late_failure_of_an_earlier_task_is_tried_again(self) -> None:
        """Once the task has started, it costs an attempt: the connection has ended with it."""
        table = Table(reconnect=Reconnect(attempts=1, backoff=lambda _: 5.0))
        table.connect(is_reused=True)
        table.flush()
        table.deliver(TaskStarted())
        with pytest.raises(RemoteProtocolError) as caught:
            table.deliver_as("f" * 32, TaskFailed("InvalidParameter", "old"))
        assert Again(5.0, caught.value, 1) == table.lose(caught.value)

    @pytest.mark.parametrize("is_started", [False, True])
    def test_a_failure_counts_whatever_task_it_names(self, is_started: bool) -> None:
        """Where it cannot be of an earlier task, `task-failed` is the reason, whatever its id."""
        table = Table()
        table.connect()
        table.flush()
        if is_started:
            table.deliver(TaskStarted())
        with pytest.raises(TaskFailedError):
            table.deliver_as("f" * 32, TaskFailed("InvalidParameter", "no"))

    @pytest.mark.parametrize("task", ["", "0000-0001"])
    def test_a_failure_of_the_task_counts_on_a_reused_connection(self, task: str) -> None:
        """Without an id, or with the task's in another spelling, it is the task that failed."""
        table = Table()
        table.connect(is_reused=True)
        table.flush()
        task = task and "00000000-0000-0000-0000-000000000001"
        with pytest.raises(TaskFailedError):
            table.deliver_as(task, TaskFailed("InvalidParameter", "no"))

    def test_the_end_is_the_end(self) -> None:
        """A recognition that was given up stays so, whatever else fails."""
        table = Table()
        table.start(1)
        first, second = ZeroDivisionError(), ConnectionLostError(1006)
        assert Over(first) == table.lose(first)
        assert Over(second) == table.lose(second)
        assert Phase.GIVEN_UP is table.phase

    def test_when_only_the_end_is_missing_all_is_well(self) -> None:
        """A drop after the last word, with nothing left to recognize, completes the recognition."""
        table = Table()
        table.start(3)
        table.finish()
        table.deliver(final(300))
        assert Over() == table.lose()
        assert Phase.DONE is table.phase

    @pytest.mark.parametrize(
        "reason", [*NO_SPEECH, ("InternalError", "no luck"), ("Throttling", "later")]
    )
    def test_a_failure_after_the_last_word_is_no_failure(self, reason: tuple[str, str]) -> None:
        """Nothing is left that another task could be sent: the recognition is complete."""
        table = Table()
        table.start(3)
        table.finish()
        table.deliver(final(300))
        assert Over() == table.fail(*reason)
        assert Phase.DONE is table.phase

    def test_a_failure_after_the_last_word_before_a_seam_is_no_failure(self) -> None:
        """The next task goes on at once, without the audio that is covered."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.start()
        table.deliver(final(100))
        assert Again(0.0) == table.fail("InternalError")
        table.machine.send(b"\x02" * 3200, 0.0)
        assert [Audio(b"\x02" * 3200)] == table.start()

    def test_a_failure_that_is_no_accident_counts_after_the_last_word(self) -> None:
        """What the request or the account is to blame for is raised, complete or not."""
        table = Table()
        table.start(3)
        table.finish()
        table.deliver(final(300))
        assert isinstance(table.fail("Arrearage"), Over)
        assert Phase.GIVEN_UP is table.phase

    @pytest.mark.parametrize("seam", [False, True])
    def test_an_end_between_tasks_needs_no_other_task(self, seam: bool) -> None:
        """If the audio ends while the next task is waited for, it is not begun without audio."""
        table = Table()
        table.start(3)
        assert not table.machine.ends_between_tasks(0.0)
        table.deliver(final(300))
        if seam:
            table.machine.flush(0.0)
            table.flush()
            table.deliver(TaskFinished())
        else:
            assert isinstance(table.lose(), Again)
        assert not table.machine.ends_between_tasks(0.0)
        table.machine.flush(0.0)
        table.machine.finish(0.0)
        assert table.machine.ends_between_tasks(0.0)
        assert Phase.DONE is table.phase

    @pytest.mark.parametrize("is_covered", [False, True])
    def test_audio_between_tasks_needs_another_task(self, is_covered: bool) -> None:
        """What was not covered before, or came since, is sent to another task."""
        table = Table()
        table.start(3)
        table.deliver(final(300 if is_covered else 200))
        table.lose()
        if is_covered:
            table.machine.send(FRAME, 0.0)
        table.machine.finish(0.0)
        assert not table.machine.ends_between_tasks(0.0)
        assert [Audio(FRAME), FinishTask()] == table.start()

    def test_a_drop_with_audio_left_is_no_end(self) -> None:
        """As long as audio is not covered, or has not ended, a drop begins another task."""
        table = Table()
        table.start(3)
        table.deliver(final(300))
        assert isinstance(table.lose(), Again)
        table.start()
        table.machine.send(FRAME, 0.0)
        table.finish()
        assert isinstance(table.lose(), Again)

    @pytest.mark.parametrize("reason", NO_SPEECH)
    def test_no_speech_in_the_rest_is_no_failure(self, reason: tuple[str, str]) -> None:
        """After a break, the rest of the audio may be silence, an error for a task alone."""
        table = Table()
        table.start(3)
        table.deliver(final(100))
        table.again()
        table.finish()
        assert Over() == table.fail(*reason)

    @pytest.mark.parametrize("reason", NO_SPEECH)
    def test_no_speech_at_all_is_a_failure(self, reason: tuple[str, str]) -> None:
        """Audio without any speech is an error of its first task, and of those that repeat it."""
        table = Table()
        table.start(3)
        table.finish()
        table.again()
        verdict = table.fail(*reason)
        assert isinstance(verdict, Over)
        assert isinstance(verdict.error, TaskFailedError)

    @pytest.mark.parametrize("reason", NO_SPEECH)
    def test_a_task_that_was_left_nothing_is_no_failure(self, reason: tuple[str, str]) -> None:
        """After a flush, an end without further audio is no error, even without speech."""
        table = Table()
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.start()
        table.deliver(TaskFinished())
        assert [] == table.start()
        assert [FinishTask()] == table.finish()
        assert Over() == table.fail(*reason)

    @pytest.mark.parametrize("reconnect", [Reconnect(backoff=at_once), None])
    def test_a_task_that_was_left_injected_silence_is_no_failure(
        self, reconnect: Reconnect | None
    ) -> None:
        """After a flush, the heartbeat sends silence, in which the service finds no speech."""
        table = Table(Heartbeat(), heartbeat=True, reconnect=reconnect)
        table.machine.send(FRAME, 0.0)
        table.machine.flush(0.0)
        table.start()
        table.deliver(TaskFinished())
        table.start()
        self.wait(table)
        table.finish()
        assert Over() == table.fail("NO_INPUT_AUDIO_ERROR")

    def test_injected_silence_after_the_last_word_needs_no_other_task(self) -> None:
        """When finals cover the user's audio, the silence after it is not sent again."""
        table = Table(Heartbeat(), heartbeat=True)
        table.start(1)
        table.deliver(final(100))
        self.wait(table)
        table.finish()
        assert Over() == table.fail("InternalError")

    @pytest.mark.parametrize("format", ["pcm", "wav", "mp3", "opus"])
    def test_no_audio_at_all_is_a_failure(self, format: str) -> None:
        """A stream that is finished without audio fails, in any format."""
        table = Table(format=format)
        table.start()
        table.finish()
        verdict = table.fail("NO_VALID_AUDIO_ERROR")
        assert isinstance(verdict, Over)
        assert isinstance(verdict.error, TaskFailedError)

    def wait(self, table: Table) -> None:
        """Let time pass until the heartbeat has sent silence."""
        table.now += 30
        table.machine.expired(table.now)
        assert 0 < size(table.flush())


class TestOutOfPlace:
    """Events that are not allowed now."""

    def test_a_task_that_finishes_by_itself_is_survived(self) -> None:
        """`task-finished` without being asked for is a drop: another task goes on, nothing lost."""
        table = Table()
        table.start(10)
        table.deliver(final(700))
        with pytest.raises(RemoteProtocolError) as caught:
            table.deliver_as(table.machine.request_ids[-1], TaskFinished())
        assert isinstance(table.lose(caught.value), Again)
        assert 3 * len(FRAME) == size(table.start())
        (result,) = table.deliver(final(300))
        assert 1000 == result.sentence.end_time

    def test_what_comes_twice_or_too_early_is_skipped(self) -> None:
        """A second `task-started` is skipped; so are results and ends before the first."""
        table = Table()
        task = table.connect()
        table.flush()
        for event in (final(100), TaskFinished()):
            assert [] == table.deliver_as(task, event)
        table.deliver(TaskStarted())
        for _ in range(2):
            assert [] == table.deliver_as(task, TaskStarted())
        table.machine.send(FRAME, 0.0)
        table.finish()
        assert [] == table.deliver_as(task, TaskStarted())
        assert 1 == len(table.deliver(final(100)))

    def test_a_final_that_comes_twice_is_shown_once(self) -> None:
        """The same final once more is skipped; the same words at another time are another final."""
        table = Table()
        table.start(10)
        results = table.deliver(final(300, "no"), final(300, "no"), final(600, "no", begin=300))
        assert [300, 600] == [one.sentence.end_time for one in results]
        assert 2 == table.machine.finals

    def test_a_corrected_final_replaces_the_first(self) -> None:
        """A final that comes again with other text is shown as a correction, and counted once."""
        table = Table()
        table.start(20)
        first, second = final(300, "won", number=1), final(600, "too", begin=300, number=2)
        results = table.deliver(first, second, final(320, "one", number=1))
        assert [False, False, True] == [one.replaces for one in results]
        assert 2 == table.machine.finals
        (result,) = table.deliver(final(600, "two", begin=300, number=2))
        assert result.replaces
        verdict = table.fail("InvalidParameter")
        assert isinstance(verdict, Over)
        assert isinstance(verdict.error, TaskFailedError)
        assert "one two" == verdict.error.recognized

    def test_each_task_numbers_its_sentences_anew(self) -> None:
        """The first sentence of another task corrects none of the task before."""
        table = Table()
        table.start(20)
        table.deliver(final(300, "one", number=1))
        assert 17 * len(FRAME) == size(table.again())
        results = table.deliver(final(300, "two", number=1), final(350, "Two", number=1))
        assert [False, True] == [one.replaces for one in results]
        assert [600, 650] == [one.sentence.end_time for one in results]
        assert 2 == table.machine.finals
        assert 135 * len(FRAME) // 10 == size(table.again())

    @pytest.mark.parametrize("phase", ["starting", "running", "finishing"])
    def test_events_of_other_tasks_are_skipped(self, phase: str) -> None:
        """Late events of another task change nothing, and renew no more than a sign of life."""
        table = Table()
        table.connect()
        table.flush()
        if phase != "starting":
            table.deliver(TaskStarted())
        if phase == "finishing":
            table.finish()
        assert phase == table.phase
        for event in (TaskStarted(), partial(0), final(100), TaskFinished()):
            assert [] == table.deliver_as("f" * 32, event)
        assert phase == table.phase
        assert 0 == table.machine.finals

    @pytest.mark.parametrize(
        "spelling",
        ["00000000-0000-0000-0000-00000000000A", "0000000000000000000000000000000A", ""],
    )
    def test_ids_in_another_spelling_are_the_tasks_own(self, spelling: str) -> None:
        """Dashes, upper case, or no id at all: the events are those of the running task."""
        table = Table()
        table.machine.connected("0000000000000000000000000000000a", 0.0)
        table.flush()
        table.deliver_as(spelling, TaskStarted())
        table.machine.send(FRAME, 0.0)
        table.machine.finish(0.0)
        list(table.machine.data_to_send(0.0))
        (result,) = table.deliver_as(spelling, final(100))
        assert "0000000000000000000000000000000a" == result.request_id
        table.deliver_as(spelling, TaskFinished())
        assert Phase.DONE is table.phase
