"""The messages on the wire: exact frames out, tolerance in, one kind of refusal."""

import json
import sys
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.wire import (
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
    UnknownEvent,
    decode_command,
    decode_event,
    encode,
    name_of,
)
from paraformer_async.errors import ProtocolError, RemoteProtocolError
from paraformer_async.results import Sentence, Usage, Word

T = "2bf83b9a-baeb-4fda-8d9a-xxxxxxxxxxxx"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
# So deep that JSON can be read, and what was read cannot be walked through.
DEPTH = 900 if sys.version_info < (3, 12) else 1000
NESTED = "[" * DEPTH + "]" * DEPTH


def event(name: Any, payload: Any = None, **header: Any) -> str:
    """Return a frame of the service."""
    facts = {"event": name, "task_id": T, "attributes": {}} | header
    return json.dumps({"header": facts, "payload": payload})


def result(sentence: Any, usage: Any = None) -> str:
    """Return a frame with a result."""
    return event("result-generated", {"output": {"sentence": sentence}, "usage": usage})


def command(action: str, payload: Any, **header: Any) -> str:
    """Return a frame of a client."""
    facts = {"action": action, "task_id": T, "streaming": "duplex"} | header
    return json.dumps({"header": facts, "payload": payload})


def run_task(**changes: Any) -> str:
    """Return a frame that begins a task."""
    payload = {"task_group": "audio", "task": "asr", "function": "recognition", "model": "m"}
    return command("run-task", payload | {"parameters": {}, "input": {}} | changes)


def test_run_task_is_the_documented_frame() -> None:
    """`run-task` has the header and the payload of the service's documents, and nothing else."""
    expected = {
        "header": {"action": "run-task", "task_id": T, "streaming": "duplex"},
        "payload": {
            "task_group": "audio",
            "task": "asr",
            "function": "recognition",
            "model": "paraformer-realtime-v2",
            "parameters": {"format": "pcm", "sample_rate": 16000},
            "input": {},
        },
    }
    message = RunTask("paraformer-realtime-v2", {"format": "pcm", "sample_rate": 16000})
    assert expected == json.loads(encode(message, T))


def test_hot_words_of_v1_are_a_resource() -> None:
    """The hot words of v1 models travel as a resource of the type `asr_phrase`."""
    sent = json.loads(encode(RunTask("m", {}, (Resource("p1"),)), T))
    expected = [{"resource_id": "p1", "resource_type": "asr_phrase"}]
    assert expected == sent["payload"]["resources"]


def test_finish_task_is_the_documented_frame() -> None:
    """`finish-task` has the same header as `run-task`, and an empty input."""
    expected = {
        "header": {"action": "finish-task", "task_id": T, "streaming": "duplex"},
        "payload": {"input": {}},
    }
    assert expected == json.loads(encode(FinishTask(), T))


def test_the_input_of_a_task_is_in_the_documented_frames() -> None:
    """The context is in the input of `run-task`, and replaced by `continue-task`."""
    given = {
        "context": [{"role": "user", "content": [{"type": "input_text", "text": "Paraformer"}]}]
    }
    sent = json.loads(encode(RunTask("m", {}, (), given), T))
    assert given == sent["payload"]["input"]
    expected = {
        "header": {"action": "continue-task", "task_id": T, "streaming": "duplex"},
        "payload": {"input": given},
    }
    assert expected == json.loads(encode(ContinueTask(given), T))


def test_audio_is_its_own_frame() -> None:
    """Audio is a binary frame: the very object, not a copy of it."""
    data = memoryview(b"abcd")
    assert encode(Audio(data), T) is data


COMMANDS = [
    RunTask("m", {"format": "pcm", "language_hints": ["zh"]}),
    RunTask("m", {}, (Resource("p"),)),
    RunTask("m", {}, (), {"context": []}),
    ContinueTask({"context": []}),
    FinishTask(),
]
EVENTS = [
    TaskStarted(),
    ResultGenerated(),
    ResultGenerated(Sentence(170, 920, "好，", (Word(170, 920, "好", "，"),)), Usage(3)),
    ResultGenerated(Sentence(stash=Sentence(1, None, "x"), sentence_id=3, speaker_id="a")),
    TaskFinished(),
    TaskFinished(Usage(3)),
    TaskFinished(Usage(0, 20, 5, 25)),
    TaskFinished(Usage()),
    TaskFailed("CLIENT_ERROR", "request timeout after 23 seconds."),
]


@pytest.mark.parametrize("message", COMMANDS, ids=name_of)
def test_commands_come_back(message: Command) -> None:
    """A command that was encoded is decoded to the same command."""
    assert (T, message) == decode_command(encode(message, T))


@pytest.mark.parametrize("message", EVENTS, ids=name_of)
def test_events_come_back(message: Event) -> None:
    """An event that was encoded is decoded to the same event."""
    assert (T, message) == decode_event(encode(message, T))


def test_every_message_has_the_name_of_the_protocol() -> None:
    """Errors and logs call a message what the documents call it."""
    expected = ["run-task", "audio", "continue-task", "finish-task", "task-started"]
    expected += ["result-generated", "task-finished", "task-failed"]
    messages = [RunTask("m"), Audio(b""), ContinueTask(), FinishTask(), TaskStarted()]
    messages += [ResultGenerated(), TaskFinished(), TaskFailed()]
    assert expected == [name_of(message) for message in messages]


def test_documented_result() -> None:
    """The result in the service's documents is read whole."""
    frame = (
        '{"header":{"task_id":"t","event":"result-generated","attributes":{}},"payload":{"output":'
        '{"sentence":{"begin_time":170,"end_time":920,"text":"好，我知道了","heartbeat":false,'
        '"sentence_end":true,"emo_tag":"neutral","emo_confidence":0.914,"words":[{"begin_time":170,'
        '"end_time":295,"text":"好","punctuation":"，"}]}},"usage":{"duration":3}}}'
    )
    words = (Word(170, 295, "好", "，"),)
    said = Sentence(170, 920, "好，我知道了", words, sentence_end=True)
    said = msgspec.structs.replace(said, emo_tag="neutral", emo_confidence=0.914)
    assert ("t", ResultGenerated(said, Usage(3))) == decode_event(frame)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"begin_time": 170.0}, Sentence(170), id="a whole float"),
        pytest.param({"begin_time": "170"}, Sentence(170), id="a number as text"),
        pytest.param({"end_time": 920.0}, Sentence(0, 920), id="a whole float that can be null"),
        pytest.param({"begin_time": None}, Sentence(), id="null where a number belongs"),
        pytest.param({"text": None, "words": None}, Sentence(), id="null text and words"),
        pytest.param(
            {"words": [None, {"text": "a", "begin_time": None, "punctuation": None}]},
            Sentence(words=(Word(text="a"),)),
            id="nulls among words",
        ),
        pytest.param({"sentence_end": "true"}, Sentence(sentence_end=True), id="a flag as text"),
        pytest.param({"heartbeat": None}, Sentence(), id="a null flag"),
        pytest.param({"new": {"a": [1]}, "text": "x"}, Sentence(text="x"), id="an unknown field"),
        pytest.param({"emo_confidence": 1}, Sentence(emo_confidence=1.0), id="an integer"),
        pytest.param({"sentence_id": "a"}, Sentence(sentence_id="a"), id="an id that is text"),
        pytest.param({"begin_time": "soon"}, Sentence(), id="a time that is a word"),
        pytest.param({"begin_time": 0.5, "end_time": 1.6}, Sentence(0, 2), id="fractions"),
        pytest.param({"text": 5}, Sentence(text="5"), id="a number where text belongs"),
        pytest.param(
            {"text": [], "words": [{"text": "a", "punctuation": "."}, 5, {"text": "b"}]},
            Sentence(text="a.b", words=(Word(text="a", punctuation="."), Word(text="b"))),
            id="text of another type, and words",
        ),
        pytest.param({"channel_id": "left", "text": "x"}, Sentence(text="x"), id="a name"),
        pytest.param({"speaker_id": 1.5}, Sentence(), id="a fraction of a speaker"),
        pytest.param({"sentence_id": 2.0}, Sentence(sentence_id=2), id="an id that is a float"),
        pytest.param(
            {"words": "x", "speaker_id": 2.0},
            Sentence(speaker_id=2),
            id="a speaker that is a float",
        ),
        pytest.param({"emo_confidence": float("nan")}, Sentence(), id="no number"),
        pytest.param({"emo_tag": 5, "fixed": []}, Sentence(), id="emotion of another type"),
        pytest.param({"stash": "x"}, Sentence(), id="a stash that is text"),
        pytest.param({"stash": {"text": [5]}}, Sentence(), id="a stash without readable text"),
        pytest.param({"stash": {"text": 5}}, Sentence(stash=Sentence(text="5")), id="in the stash"),
        pytest.param({"words": "x", "heartbeat": 5.5}, Sentence(), id="any type"),
        pytest.param(
            {"words": "x", "sentence_end": "True"}, Sentence(sentence_end=True), id="a flag as text"
        ),
        pytest.param(
            {"sentence_end": True, "emo_confidence": True},
            Sentence(sentence_end=True),
            id="a flag where a number belongs",
        ),
        pytest.param({}, Sentence(), id="nothing"),
    ],
)
def test_loose_sentences(given: Any, expected: Sentence) -> None:
    """Nulls, numbers as text, whole floats, missing and unknown fields are read with good will."""
    assert (T, ResultGenerated(expected)) == decode_event(result(given))


@pytest.mark.parametrize(
    "payload", [None, {}, {"output": None}, {"output": {}}, {"output": {"sentence": None}}]
)
def test_results_without_a_sentence(payload: Any) -> None:
    """A result may come without a sentence, an output or a payload."""
    assert (T, ResultGenerated()) == decode_event(event("result-generated", payload))


@pytest.mark.parametrize("payload", [None, {}, {"output": {}}, {"output": {}, "usage": None}])
def test_task_finished_without_usage(payload: Any) -> None:
    """`task-finished` comes with or without usage, output and payload."""
    assert (T, TaskFinished()) == decode_event(event("task-finished", payload))


def test_null_usage_fields_count_as_missing() -> None:
    """A usage without a duration is no reason to end a recognition."""
    assert (T, ResultGenerated(None, Usage())) == decode_event(result(None, {"duration": None}))


def test_null_error_fields_count_as_missing() -> None:
    """A failure without a reason is still a failure."""
    frame = event("task-failed", {}, error_code=None, error_message=None)
    assert (T, TaskFailed()) == decode_event(frame)


def test_a_missing_task_id_is_empty() -> None:
    """An event that names no task is read; whose it is, the protocol decides."""
    assert ("", TaskStarted()) == decode_event('{"header":{"event":"task-started"}}')


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"duration": 2.4}, Usage(2.4)),
        ({"duration": "3"}, Usage(3)),
        ({"duration": None}, Usage()),
        ({"duration": []}, Usage()),
        ([], None),
        ("free", None),
    ],
)
def test_usage_is_read_as_far_as_it_can_be(given: Any, expected: Usage | None) -> None:
    """What is billed only informs: of any type, it never ends a recognition."""
    frame = event("result-generated", {"output": {"sentence": {"text": "x"}}, "usage": given})
    assert (T, ResultGenerated(Sentence(text="x"), expected)) == decode_event(frame)


def test_integers_of_any_length_are_read() -> None:
    """An integer that Python refuses to convert counts as missing, and the sentence as it is."""
    frame = result({"text": "x", "sentence_id": "LONG"}).replace('"LONG"', "1" * 6000)
    assert (T, ResultGenerated(Sentence(text="x"))) == decode_event(frame)


@pytest.mark.parametrize("half", [r"\ud83d", r"\ude00"])
def test_half_a_surrogate_pair_is_replaced(half: str) -> None:
    """Text that is cut within a character is text, which can be written to any file."""
    frame = result({"text": "HALF"}).replace("HALF", f"a{half}b")
    assert (T, ResultGenerated(Sentence(text="a?b"))) == decode_event(frame)


def test_a_task_id_of_another_type_names_no_task() -> None:
    """An id only informs; without one, an event is of the running task."""
    assert ("", TaskStarted()) == decode_event(event("task-started", task_id=5))


def test_unknown_event_is_named() -> None:
    """An event of an unknown kind is distinguished from a message that is no event, and named."""
    with pytest.raises(UnknownEvent) as caught:
        decode_event(event("context-updated", {"output": []}))
    assert "context-updated" == str(caught.value)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param("", "not an event", id="nothing"),
        pytest.param("{", "not an event", id="half an object"),
        pytest.param("[]", "not an event", id="an array"),
        pytest.param("null", "not an event", id="null"),
        pytest.param("5", "not an event", id="a number"),
        pytest.param("{}", "not an event", id="no header"),
        pytest.param('{"header": []}', "not an event", id="a header that is an array"),
        pytest.param('{"header": {}}', "not an event", id="no event in the header"),
        pytest.param(event([]), "not an event", id="an event that is an array"),
        pytest.param(event({}), "not an event", id="an event that is an object"),
        pytest.param(event(5), "not an event", id="an event that is a number"),
        pytest.param(event(None), "not an event", id="an event that is null"),
        pytest.param("\ud800", "not an event", id="a lone surrogate"),
        pytest.param(b"\xff", "not an event", id="no UTF-8"),
        pytest.param(
            b'{"header":{"event":"task-started","task_id":"\xff"}}',
            "not an event",
            id="broken UTF-8",
        ),
        pytest.param("[" * 100_000, "not an event", id="nested too deep"),
        pytest.param(result([]), "malformed result-generated: .* list", id="a sentence: an array"),
        pytest.param(result(5), "malformed result-generated: .* int", id="a sentence: a number"),
        pytest.param(result({"text": [5]}), "malformed result-generated: .* text", id="no text"),
    ],
)
def test_what_is_no_event(frame: str | bytes, expected: str) -> None:
    """A frame that is not an event is a violation by the peer, and the error has the reason."""
    with pytest.raises(RemoteProtocolError, match=expected):
        decode_event(frame)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param("{", "cannot decode the message", id="half an object"),
        pytest.param("\ud800", "cannot decode the message", id="a lone surrogate"),
        pytest.param(b'{"header":"\xff"}', "cannot decode the message", id="no UTF-8"),
        pytest.param(run_task(parameters=None), "Expected `object`", id="null parameters"),
        pytest.param(command("run-task", {"task": "asr"}), "field `input`", id="no input"),
        pytest.param(command("finish-task", {}), "field `input`", id="no input at the end"),
        pytest.param(command("pause-task", {"input": {}}), "pause-task", id="unknown action"),
        pytest.param('{"header":{"action":"finish-task"}}', "task_id", id="no id"),
        pytest.param(run_task(task="tts"), "audio/asr/recognition", id="another task"),
        pytest.param(run_task(function="x"), "audio/asr/recognition", id="another function"),
        pytest.param(
            run_task(parameters={"x": 0}).replace("0", "[" * 99_999),
            "cannot decode the message",
            id="nested too deep",
        ),
        pytest.param(
            command(
                "run-task", {"task": "asr", "function": "recognition", "input": {}}, streaming=""
            ),
            "duplex",
            id="not duplex",
        ),
    ],
)
def test_what_is_no_command(frame: str | bytes, expected: str) -> None:
    """A command that the service would refuse is refused, and the message has the reason."""
    with pytest.raises(RemoteProtocolError, match=expected):
        decode_command(frame)


def test_commands_may_leave_out_what_is_optional() -> None:
    """A command without parameters and with null resources is a command."""
    expected = (T, RunTask("m"))
    assert expected == decode_command(run_task(resources=None))


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_arbitrary_input(frame: str | bytes) -> None:
    """Whatever is read, the decoders raise nothing but the library's own errors."""
    for decode in (decode_event, decode_command):
        with suppress(ProtocolError, UnknownEvent):
            decode(frame)


@given(
    name=st.sampled_from(["result-generated", "task-started", "task-finished", "task-failed"]),
    header=st.dictionaries(st.sampled_from(["task_id", "error_code", "attributes"]), JSON),
    sentence=st.dictionaries(st.sampled_from(Sentence.__struct_fields__), JSON) | JSON,
    usage=st.dictionaries(st.just("duration"), JSON) | JSON,
)
def test_arbitrary_fields(name: str, header: Any, sentence: Any, usage: Any) -> None:
    """Whatever stands in the fields of an event, it is read or refused, never a crash."""
    payload = {"output": {"sentence": sentence}, "usage": usage}
    with suppress(RemoteProtocolError):
        task_id, read = decode_event(event(name, payload, **header))
        assert isinstance(task_id, str)
        assert name == name_of(read)
