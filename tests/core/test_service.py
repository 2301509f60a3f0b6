"""The service's side of a connection, with a clock that the test sets: no loop, no socket."""

import json
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.clocks import Clocks
from paraformer_async._core.messages import (
    Audio,
    ContinueTask,
    FinishTask,
    Resource,
    RunTask,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from paraformer_async._core.service import Closing, ServiceConnection, TaskFailure, flaw_of
from paraformer_async._core.wire import encode
from paraformer_async.errors import InvalidOptionError, LocalProtocolError
from paraformer_async.options.models import rate_of
from paraformer_async.results import Sentence, Translation, Usage

ID = "0" * 32
V2 = "paraformer-realtime-v2"
WORD = Sentence(text="word")
MODELS = (
    *(f"paraformer-realtime-{name}" for name in ("v1", "v2", "8k-v1", "8k-v2")),
    "qwen-audio-3.1-asr-flash-streaming",
    "qwen-audio-3.1-asr-flash-message",
    "qwen-audio-3.0-asr-flash-streaming",
    *(f"fun-asr-realtime{date}" for date in ("", "-2025-11-07", "-2026-02-28", "-2025-09-15")),
    *("fun-asr-flash-8k-realtime", "fun-asr-flash-8k-realtime-2026-01-28"),
    *("gummy-realtime-v1", "gummy-chat-v1", "a-model-of-tomorrow"),
)


def run_task(model: str = "m", **parameters: Any) -> RunTask:
    """Return a run-task; a parameter that is `None` is left out."""
    parameters = {"format": "pcm", "sample_rate": 16000} | parameters
    return RunTask(model, {name: one for name, one in parameters.items() if one is not None})


def text(message: Any) -> str:
    """Return the frame of a client's command."""
    frame = encode(message, ID)
    assert isinstance(frame, str)
    return frame


def started(now: float = 0.0, clocks: Clocks = Clocks(), **parameters: Any) -> ServiceConnection:
    """Return a connection whose task has started."""
    service = ServiceConnection(clocks, now)
    service.wait(now)
    service.receive(text(run_task(**parameters)), now)
    service.send(TaskStarted(), now)
    return service


def test_a_task_from_start_to_end() -> None:
    """Commands come out as they were sent, events become frames, and another task may follow."""
    service = ServiceConnection(Clocks(), 0)
    assert service.task_id == ""
    for _ in range(2):
        assert service.request is None
        service.wait(0)
        command = service.receive(text(run_task()), 0)
        assert command == service.request == run_task()
        assert service.task_id == ID
        assert "task-started" in service.send(TaskStarted(), 0)
        assert service.receive(b"audio", 0) == Audio(b"audio")
        assert json.loads(service.send(service.result(WORD, 1, 0), 0))["payload"]["usage"] is None
        assert service.receive(text(FinishTask()), 0) == FinishTask()
        assert "task-finished" in service.send(TaskFinished(), 0)


@pytest.mark.parametrize("frame", [b"audio", "{", text(FinishTask())])
def test_a_breach_of_the_protocol(frame: str | bytes) -> None:
    """What cannot be decoded or is not allowed now fails the task, and task-failed may be sent."""
    service = ServiceConnection(Clocks(), 0)
    with pytest.raises(TaskFailure) as caught:
        service.receive(frame, 0)
    assert caught.value.event.error_code == "CLIENT_ERROR"
    assert str(caught.value).startswith("CLIENT_ERROR: ")
    assert "task-failed" in service.send(caught.value.event, 0)


def test_an_event_at_the_wrong_time() -> None:
    """An event that the protocol does not allow is an error of the service's own code."""
    with pytest.raises(LocalProtocolError):
        ServiceConnection(Clocks(), 0).send(TaskStarted(), 0)


@pytest.mark.parametrize("model", MODELS)
def test_any_model_is_accepted(model: str) -> None:
    """Every model of the vendor's pages is accepted, and so are those to come."""
    assert flaw_of(run_task(model, sample_rate=rate_of(model))) is None


@pytest.mark.parametrize(
    ("wrong", "flaw"),
    [
        ({"model": ""}, "model is missing"),
        ({"format": None}, "format: "),
        ({"format": 7}, "format: "),
        ({"sample_rate": None}, "sample_rate: "),
        ({"sample_rate": "16000"}, "sample_rate: "),
        ({"sample_rate": True}, "sample_rate: "),
        ({"sample_rate": 999}, "sample_rate: "),
        ({"model": V2, "max_sentence_silence": 199}, "max_sentence_silence: "),
        ({"model": V2, "max_sentence_silence": 6001}, "max_sentence_silence: "),
        ({"max_sentence_silence": "800"}, "max_sentence_silence: "),
        ({"language_hints": "en"}, "language_hints: "),
        ({"language_hints": [1]}, "language_hints: "),
    ],
)
def test_a_run_task_with_a_flaw(wrong: dict[str, Any], flaw: str) -> None:
    """A run-task that cannot work fails before its task starts, and the flaw is named."""
    service = ServiceConnection(Clocks(), 0)
    with pytest.raises(TaskFailure) as caught:
        service.receive(text(run_task(**wrong)), 0)
    assert caught.value.event.error_code == "InvalidParameter"
    assert caught.value.event.error_message.startswith(flaw)


USER = {"role": "user", "content": [{"type": "input_text", "text": "Paraformer"}]}
FUN = "fun-asr-realtime"


@pytest.mark.parametrize("model", [FUN, "a-model-of-tomorrow"])
def test_a_context(model: str) -> None:
    """A context in run-task is accepted, and continue-task replaces it, without an answer."""
    service = ServiceConnection(Clocks(), 0)
    service.receive(text(RunTask(model, run_task().parameters, (), {"context": [USER]})), 0)
    service.send(TaskStarted(), 0)
    command = ContinueTask({"context": [USER, USER]})
    assert command == service.receive(text(command), 0)
    assert service.request is not None
    assert command.input == service.request.input


@pytest.mark.parametrize(
    ("model", "context", "flaw"),
    [
        (V2, [USER], "context: "),
        (FUN, "terms", "context: must be a list of messages"),
        (FUN, [USER] * 6, "context: has 6 messages of the user"),
    ],
)
def test_a_context_with_a_flaw(model: str, context: object, flaw: str) -> None:
    """A context that the model does not take, or that has a flaw, fails the task, also later."""
    given = {"context": context}
    service = ServiceConnection(Clocks(), 0)
    with pytest.raises(TaskFailure) as caught:
        service.receive(text(RunTask(model, run_task().parameters, (), given)), 0)
    assert caught.value.event.error_code == "InvalidParameter"
    assert caught.value.event.error_message.startswith(flaw)
    with pytest.raises(TaskFailure) as caught:
        started(model=model).receive(text(ContinueTask(given)), 0)
    assert caught.value.event.error_code == "InvalidParameter"


def test_continue_task_is_for_models_with_a_context() -> None:
    """A model without context takes no continue-task at all."""
    with pytest.raises(TaskFailure, match="paraformer-realtime-v2 takes no continue-task"):
        started(model=V2).receive(text(ContinueTask({})), 0)


def test_a_check_of_ones_own() -> None:
    """What a run-task is checked for can be replaced."""
    service = ServiceConnection(Clocks(), 0, check=lambda request: f"not {request.model}")
    with pytest.raises(TaskFailure, match="InvalidParameter: not m"):
        service.receive(text(run_task()), 0)


def test_parameters_at_their_edges() -> None:
    """The limits themselves are within."""
    for silence in (200, 6000):
        assert flaw_of(run_task(max_sentence_silence=silence, language_hints=["en"])) is None


@pytest.mark.parametrize(
    ("seconds", "sentence", "usage"),
    [
        (2.1, Sentence(text="x", sentence_end=True), Usage(3)),
        (2.1, Sentence(text="x"), None),
        (0.0, Sentence(text="x", end_time=7), Usage(0)),
        (9.0, Sentence(heartbeat=True), None),
    ],
)
def test_usage(seconds: float, sentence: Sentence, usage: Usage | None) -> None:
    """Final results bill whole seconds of audio; others bill nothing."""
    result = started().result(sentence, seconds, 0)
    assert (result.sentence, result.usage) == (sentence, usage)


SPOKEN = Sentence(0, 900, "x", sentence_end=True)


@pytest.mark.parametrize(
    ("parameters", "sentence", "languages"),
    [
        ({}, SPOKEN, ()),
        ({"translation_enabled": True}, SPOKEN, ()),
        ({"translation_target_languages": ["en"]}, SPOKEN, ()),
        (
            {"translation_enabled": True, "translation_target_languages": ["en", "ja"]},
            SPOKEN,
            ("en", "ja"),
        ),
        (
            {
                "transcription_enabled": False,
                "translation_enabled": True,
                "translation_target_languages": ["en"],
            },
            None,
            ("en",),
        ),
    ],
)
def test_models_that_translate(
    parameters: dict[str, Any], sentence: Sentence | None, languages: tuple[str, ...]
) -> None:
    """A model that translates answers in its own form, with the text of the sentence."""
    result = started(model="gummy-realtime-v1", **parameters).result(SPOKEN, 1.0, 0)
    assert result.sentence == sentence
    assert result.translations == tuple(
        Translation(0, 900, "x", sentence_end=True, lang=language) for language in languages
    )


def test_a_heartbeat_is_not_translated() -> None:
    """Heartbeats have no translation."""
    task = {"translation_enabled": True, "translation_target_languages": ["en"]}
    task |= {"model": "gummy-realtime-v1"}
    assert () == started(**task).result(Sentence(heartbeat=True), 1.0, 0).translations


def test_a_client_without_a_task() -> None:
    """A connection is closed normally after the idle time, before a task and after one."""
    service = ServiceConnection(Clocks(idle=60), 100)
    service.wait(101)
    assert service.deadline() == 161
    assert service.expired(160.9) is None
    assert service.expired(161) == Closing(None, 1000)

    service.receive(text(run_task()), 120)
    service.send(TaskStarted(), 120)
    service.receive(text(FinishTask()), 130)
    service.wait(130)
    assert service.deadline() == inf  # the service has yet to finish
    service.send(TaskFinished(), 150)
    assert service.deadline() == 210


def test_a_client_without_a_message() -> None:
    """A running task fails after the message time, and every message starts it anew."""
    service = started(now=0, clocks=Clocks(message=23, silence=60))
    service.wait(1)
    assert service.deadline() == 24
    service.receive(b"", 20)
    service.wait(20)
    assert service.expired(42.9) is None
    failure = TaskFailed("CLIENT_ERROR", "request timeout after 23 seconds.")
    assert service.expired(43) == Closing(failure)


def sends(service: ServiceConnection, begin: int, end: int) -> None:
    """Receive a message every second, at the end of which the service waits."""
    for now in range(begin, end + 1):
        service.receive(b"audio", now)
        service.wait(now)


def test_silent_audio_is_not_enough() -> None:
    """Without speech a task fails after the silence time, although audio arrives."""
    service = started()
    sends(service, 0, 59)
    assert service.expired(59.9) is None
    assert service.expired(60) == Closing(TaskFailed("ResponseTimeout", "Response timeout!"))


def test_speech_resets_the_silence_clock() -> None:
    """A result with speech starts the silence time anew, a sign of life does not."""
    service = started()
    sends(service, 0, 40)
    service.result(WORD, 40, 40)
    sends(service, 41, 90)
    service.result(Sentence(heartbeat=True), 90, 90)
    assert service.deadline() == 100


def test_heartbeat_lives_on_silent_audio() -> None:
    """With `heartbeat` any audio resets the silence clock."""
    service = started(heartbeat=True, clocks=Clocks(message=99))
    sends(service, 0, 600)
    assert service.deadline() == 660
    assert service.expired(660) == Closing(TaskFailed("ResponseTimeout", "Response timeout!"))


def test_the_clocks_stop_while_the_service_is_busy() -> None:
    """Time in which the service does not wait for the client counts for no clock."""
    service = started()
    service.wait(0)
    service.receive(b"audio", 10)
    assert service.deadline() == inf
    assert service.expired(10_000) is None
    service.wait(1000)
    assert service.deadline() == 1023  # 10 of 60 s of silence have passed
    service.receive(b"audio", 1020)
    service.wait(1020)
    service.receive(b"audio", 1040)
    service.wait(1040)
    assert service.deadline() == 1050


def test_a_task_that_never_starts() -> None:
    """While the service has not started the task, no clock runs."""
    service = ServiceConnection(Clocks(), 0)
    service.receive(text(run_task()), 0)
    service.wait(0)
    assert service.deadline() == inf


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from(["audio", "result", "busy"]))),
    st.booleans(),
)
def test_a_deadline_is_when_it_expires(steps: list[tuple[float, str]], heartbeat: bool) -> None:
    """Whatever happens, nothing expires before the deadline, and something does at it."""
    service, now = started(heartbeat=heartbeat), 0.0
    service.wait(now)
    for seconds, step in steps:
        now = min(now + seconds, service.deadline())
        if service.expired(now):
            break
        if step == "result":
            service.result(WORD, 0, now)
            continue
        service.receive(b"audio", now)
        now += 50 if step == "busy" else 0
        service.wait(now)
        assert now < service.deadline() <= now + 60
    deadline = service.deadline()
    assert service.expired(deadline)
    assert not service.expired(deadline - 0.001)


@pytest.mark.parametrize("seconds", [-1, inf, nan, True, "1", None, 10**400, 1e308])
@pytest.mark.parametrize("name", ["message", "silence", "idle", "send", "close"])
def test_clocks_that_cannot_be(name: str, seconds: Any) -> None:
    """A time that is not a number of seconds, or has no end, is refused on creation by name."""
    with pytest.raises(InvalidOptionError, match="from 0 to a year") as caught:
        Clocks(**{name: seconds})
    assert caught.value.option == f"clocks.{name}"


def test_the_clocks_are_those_of_the_service() -> None:
    """Without settings the real service's times hold; zero is a time."""
    clocks = Clocks()
    assert (clocks.message, clocks.silence, clocks.idle) == (23, 60, 60)
    assert Clocks(silence=0).silence == 0


@pytest.mark.parametrize(
    ("model", "is_right"), [("paraformer-realtime-v1", True), ("paraformer-realtime-v2", False)]
)
def test_hot_words_of_the_first_models(model: str, is_right: bool) -> None:
    """A resource of hot words is checked as `phrase_id`, which models of version 1 alone have."""
    parameters = {"format": "pcm", "sample_rate": 16000}
    assert is_right == (flaw_of(RunTask(model, parameters, (Resource("words"),))) is None)
