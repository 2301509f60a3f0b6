"""The messages on the wire: exact frames out, tolerance in, one kind of refusal."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from paraformer_async._core.wire import UnknownEvent, decode_command, decode_event, encode
from paraformer_async.errors import ProtocolError, RemoteProtocolError
from paraformer_async.results import Sentence, Translation, Usage, Word

T = "2bf83b9a-baeb-4fda-8d9a-xxxxxxxxxxxx"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


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
    ResultGenerated(Sentence(0, 9, "x", sentence_end=False), Usage(3), ()),
    ResultGenerated(Sentence(0, 9, "x"), None, (Translation(0, 9, "y", lang="en"),)),
    TaskFinished(),
    TaskFinished(Usage(3)),
    TaskFinished(Usage(0, 5, 2, 7)),
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
        pytest.param(
            {"channel_id": "left", "text": "x"}, Sentence(text="x", channel_id="left"), id="a name"
        ),
        pytest.param({"speaker_id": 1.5}, Sentence(), id="a fraction of a speaker"),
        pytest.param({"sentence_id": 2.0}, Sentence(sentence_id=2), id="an id that is a float"),
        pytest.param(
            {"words": "x", "speaker_id": 2.0},
            Sentence(speaker_id=2),
            id="a speaker that is a float",
        ),
        pytest.param(
            {"sentence_begin": True, "vad_pre_end": False, "pre_end_failed": None},
            Sentence(sentence_begin=True, vad_pre_end=False),
            id="flags of a turn",
        ),
        pytest.param(
            {"pre_end_timemillis": -1, "pre_end_start_time": 900.4, "pre_end_end_time": "1000"},
            Sentence(pre_end_timemillis=-1, pre_end_start_time=900, pre_end_end_time=1000),
            id="times of an early end",
        ),
        pytest.param({"vad_pre_end": [], "sentence_begin": {}}, Sentence(), id="flags of any type"),
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


def gummy(**output: Any) -> str:
    """Return a frame with a result in the form of Gummy models."""
    return event("result-generated", {"output": output, "usage": {"duration": 1}})


def test_documented_result_of_gummy() -> None:
    """The result of a translation in the service's documents is read whole."""
    word = {"begin_time": 100, "end_time": 300, "fixed": False, "speaker_id": None}
    times = {"sentence_id": 0, "begin_time": 100, "end_time": 900, "sentence_end": False}
    flags = {"vad_pre_end": False, "pre_end_failed": False}
    frame = gummy(
        transcription={**times, **flags, "text": "你好", "words": [{**word, "text": "你好"}]},
        translations=[
            {**times, **flags, "lang": "en", "text": "Hi", "words": [{**word, "text": "Hi"}]}
        ],
    )
    expected = {"sentence_id": 0, "sentence_end": False, "vad_pre_end": False}
    expected["pre_end_failed"] = False
    said = Sentence(100, 900, "你好", (Word(100, 300, "你好", fixed=False),), **expected)
    meant = Translation(100, 900, "Hi", (Word(100, 300, "Hi", fixed=False),), **expected, lang="en")
    assert (T, ResultGenerated(said, Usage(1), (meant,))) == decode_event(frame)


def test_a_transcription_without_a_translation() -> None:
    """A task that does not translate has results of a sentence, and no translations."""
    expected = ResultGenerated(Sentence(text="x"), Usage(1), ())
    for output in ({}, {"translations": None}, {"translations": []}, {"translations": 5}):
        assert (T, expected) == decode_event(gummy(transcription={"text": "x"}, **output))


def test_translations_without_a_transcription() -> None:
    """Translations alone are a result, too: a sentence without text, final once all of them are."""
    one: dict[str, Any] = {"lang": "en", "begin_time": 1, "end_time": 9, "sentence_id": 4}
    for ends, is_final in (((True, True), True), ((True, False), False), ((False, False), False)):
        given = [{**one, "sentence_end": end, "vad_pre_end": True} for end in ends]
        _, shown = decode_event(gummy(translations=given))
        assert isinstance(shown, ResultGenerated)
        assert shown.sentence is not None
        assert shown.sentence.is_final is is_final
        expected = (1, 9, "", 4, True)
        said = shown.sentence
        assert expected == (
            said.begin_time,
            said.end_time,
            said.text,
            said.sentence_id,
            said.vad_pre_end,
        )
        assert shown.translations == tuple(
            Translation(1, 9, sentence_id=4, sentence_end=end, vad_pre_end=True, lang="en")
            for end in ends
        )


def test_translations_that_cannot_be_used_are_left_out() -> None:
    """What is no translation does not end a recognition, nor lose the others and the sentence."""
    stash = {"text": "z", "stash": {"text": "deeper"}}
    given = [5, {"text": [5]}, {"text": "y", "lang": 5, "begin_time": None, "stash": stash}]
    expected = Translation(text="y", lang="5", stash=Sentence(text="z"))
    _, shown = decode_event(gummy(transcription={"text": "x"}, translations=given))
    assert ResultGenerated(Sentence(text="x"), Usage(1), (expected,)) == shown


def test_no_translation_and_no_transcription() -> None:
    """A result in the form of Gummy models may come without a sentence."""
    assert (T, ResultGenerated(None, Usage(1), ())) == decode_event(gummy(translations=[]))


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
        ({"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}, Usage(0, 9, 1, 10)),
        ({"input_tokens": 9.0, "total_tokens": "10", "output_tokens": None}, Usage(0, 9, 0, 10)),
        ({"input_tokens": {}, "total_tokens": 1.5, "duration": 2}, Usage(2)),
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


DEEP = [(depth, pair) for depth in (1_000, 100_000) for pair in ("[ ]", '{"a": }', '[{"a": }]')]


def nested(depth: int, pair: str, inside: str = "1") -> str:
    """Return JSON that is nested *depth* times in a *pair* of brackets."""
    opening, closing = pair.split(" ")
    return opening * depth + inside + closing * depth


@pytest.mark.parametrize(("depth", "pair"), DEEP)
@pytest.mark.parametrize(
    "place",
    [
        pytest.param('{"new":DEEP,"header":HEADER,"payload":PAYLOAD}', id="the event"),
        pytest.param('{"header":HEADER,"payload":PAYLOAD,"new":DEEP}', id="the event, at its end"),
        pytest.param(
            '{"header":{"task_id":"t","event":"result-generated","attributes":DEEP},'
            '"payload":PAYLOAD}',
            id="the header",
        ),
        pytest.param(
            '{"header":HEADER,"payload":{"output":{"sentence":{"text":"x","new":DEEP,'
            '"end_time":5}},"new":DEEP}}',
            id="the sentence and the payload",
        ),
        pytest.param(
            '{"header":HEADER,"payload":{"output":{"sentence":{"emo_tag":DEEP,"speaker_id":DEEP,'
            '"text":"x","end_time":5}}}}',
            id="fields that only inform",
        ),
    ],
)
def test_what_only_informs_may_be_nested_too_deep(place: str, depth: int, pair: str) -> None:
    """A value that no decoder can reach the end of is left out, and the sentence is read."""
    frame = (
        place.replace("PAYLOAD", '{"output":{"sentence":{"text":"x","end_time":5}}}')
        .replace("HEADER", '{"task_id":"t","event":"result-generated"}')
        .replace("DEEP", nested(depth, pair))
    )
    for form in (frame, frame.encode()):
        assert ("t", ResultGenerated(Sentence(0, 5, "x"))) == decode_event(form)


@pytest.mark.parametrize(("depth", "pair"), DEEP)
def test_what_is_needed_may_not_be_nested_too_deep(depth: int, pair: str) -> None:
    """A text that is nested too deep is refused, like any text that is not text."""
    frame = result({"text": "DEEP"}).replace('"DEEP"', nested(depth, pair))
    with pytest.raises(RemoteProtocolError, match="text of a sentence cannot be read"):
        decode_event(frame)


@pytest.mark.parametrize("field", ["sentence", "transcription"])
@pytest.mark.parametrize("depth", [1, 2, 500, 100_000])
def test_a_stash_has_no_stash(depth: int, field: str) -> None:
    """What is left of a sentence is one sentence, however deep the service nests it."""
    stash = nested(depth, '{"text":"y","stash": }', '{"text":"z"}')
    output = {field: {"text": "x", "stash": "DEEP"}}
    frame = event("result-generated", {"output": output}).replace('"DEEP"', stash)
    _, shown = decode_event(frame)
    assert isinstance(shown, ResultGenerated)
    assert Sentence(text="x", stash=Sentence(text="y")) == shown.sentence


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
    form=st.sampled_from(["sentence", "transcription"]),
    sentence=st.dictionaries(st.sampled_from(Sentence.__struct_fields__), JSON) | JSON,
    more=st.dictionaries(
        st.just("translations"),
        st.lists(st.dictionaries(st.sampled_from(Translation.__struct_fields__), JSON) | JSON)
        | JSON,
    ),
    usage=st.dictionaries(st.sampled_from(Usage.__struct_fields__), JSON) | JSON,
)
def test_arbitrary_fields(
    name: str, header: Any, form: str, sentence: Any, more: Any, usage: Any
) -> None:
    """Whatever stands in the fields of an event, it is read or refused, never a crash."""
    payload = {"output": {form: sentence, **more}, "usage": usage}
    with suppress(RemoteProtocolError):
        task_id, read = decode_event(event(name, payload, **header))
        assert isinstance(task_id, str)
        assert name == name_of(read)


def test_a_result_has_all_documented_fields() -> None:
    """A sentence is sent with all documented fields: programs read them without `get`."""
    sent = json.loads(encode(ResultGenerated(Sentence(words=(Word(),))), task_id=T))
    sentence = sent["payload"]["output"]["sentence"]
    documented = {"begin_time": 0, "end_time": None, "text": "", "heartbeat": False}
    assert documented == {name: sentence[name] for name in documented}
    word = {"begin_time": 0, "end_time": 0, "text": "", "punctuation": ""}
    assert word == {name: sentence["words"][0][name] for name in word}
