"""Options: what is sent, what is refused and how, what is never shown."""

import math
import ssl
import subprocess
import sys
from collections import UserDict, deque
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from msgspec.structs import force_setattr

from paraformer_async import AsyncRecognizer
from paraformer_async.errors import InvalidOptionError
from paraformer_async.middleware import LatencyMeter
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import Options
from paraformer_async.options.policies import Timeouts

V2, V2_8K = "paraformer-realtime-v2", "paraformer-realtime-8k-v2"
V1, V1_8K = "paraformer-realtime-v1", "paraformer-realtime-8k-v1"
UNKNOWN = "paraformer-realtime-v9"
PROXY = "http://user:pass@proxy.example:3128"

# Every parameter of the service's documents that the default model takes, with values.
PARAMETERS: list[tuple[str, Any]] = [
    ("format", "mp3"),
    ("sample_rate", 8000),
    ("vocabulary_id", "vocab-1"),
    ("disfluency_removal_enabled", True),
    ("disfluency_removal_enabled", False),
    ("language_hints", ["zh", "en"]),
    ("semantic_punctuation_enabled", True),
    ("semantic_punctuation_enabled", False),
    ("max_sentence_silence", 200),
    ("max_sentence_silence", 6000),
    ("multi_threshold_mode_enabled", True),
    ("punctuation_prediction_enabled", False),
    ("heartbeat", True),
    ("heartbeat", False),
    ("inverse_text_normalization_enabled", False),
]


@pytest.fixture(autouse=True)
def _without_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASHSCOPE_WEBSOCKET_BASE_URL", raising=False)


def test_what_is_not_set_is_not_sent() -> None:
    """Without options, only what the service requires is sent."""
    assert {"format": "pcm", "sample_rate": 16000} == Options().task_parameters()


@pytest.mark.parametrize(("name", "value"), PARAMETERS)
def test_what_is_set_is_sent(name: str, value: Any) -> None:
    """A parameter that is set arrives under its own name as it was set, `False` too."""
    expected = {"format": "pcm", "sample_rate": 16000} | {name: value}
    assert expected == Options(**{name: value}).task_parameters()


def test_every_parameter_is_tested() -> None:
    """The table above has every parameter that the default model takes."""
    assert MODELS[V2].parameters == {name for name, _ in PARAMETERS}


def test_hot_words_of_v1_are_no_parameter() -> None:
    """`phrase_id` travels as a resource, not among the parameters."""
    options = Options(model=V1, phrase_id="phrase-1")
    assert {"format": "pcm", "sample_rate": 16000} == options.task_parameters()


def test_further_parameters_are_passed_on() -> None:
    """What stands in `parameters` is sent unchecked, and the user's dict is not touched."""
    given = {"speaker_count": 2, "max_sentence_silence": "soon"}
    sent = Options(parameters=given).task_parameters()
    assert {"format": "pcm", "sample_rate": 16000, **given} == sent
    sent["more"] = 1
    assert {"speaker_count": 2, "max_sentence_silence": "soon"} == given


class StrangeText(str):
    """Text that JSON does not take."""

    __slots__ = ()


def unused() -> str:
    """Stand for a callable."""
    raise AssertionError


ENDLESS: list[Any] = []
ENDLESS += [ENDLESS, ENDLESS]
# A port that is none, and what is wrong with it.
PORTS = [
    ("0", "1 to 65535"),
    ("65536", "1 to 65535"),
    ("-1", "1 to 65535"),
    ("secret", "1 to 65535"),
    ("99999999999", "1 to 65535"),
]

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    # Types
    ({"model": ""}, "model", "must be text, not empty"),
    ({"model": None}, "model", "None must be text"),
    ({"model": " m"}, "model", "without spaces around it"),
    ({"format": 5}, "format", "must be text"),
    ({"sample_rate": 0}, "sample_rate", "0 is not a rate in Hz"),
    ({"sample_rate": -8000}, "sample_rate", "like 16000"),
    ({"sample_rate": "16000"}, "sample_rate", "'16000' is not a rate in Hz"),
    ({"sample_rate": 16000.0}, "sample_rate", "16000.0 is not a rate in Hz, an int from 1000"),
    ({"sample_rate": np.int64(16000)}, "sample_rate", "16000) is not a rate in Hz, an int"),
    ({"sample_rate": 999, "model": UNKNOWN}, "sample_rate", "an int from 1000 to 384000"),
    ({"sample_rate": 10**5000}, "sample_rate", "an object of type int is not a rate in Hz"),
    ({"model": StrangeText("m")}, "model", "cannot be sent as JSON"),
    ({"sample_rate": True}, "sample_rate", "like 16000"),
    ({"vocabulary_id": ""}, "vocabulary_id", "must be text"),
    ({"vocabulary_id": 5}, "vocabulary_id", "must be text"),
    ({"phrase_id": "a\n", "model": V1}, "phrase_id", "without control characters"),
    *[
        ({name: "yes"}, name, "'yes' is neither True nor False")
        for name in Options.__struct_fields__
        if name.endswith("_enabled") or name in ("heartbeat", "keep_dialect")
    ],
    ({"heartbeat": 1}, "heartbeat", "1 is neither True nor False"),
    ({"language_hints": "zh"}, "language_hints", 'a list of texts, like ["zh", "en"]'),
    ({"language_hints": b"zh"}, "language_hints", "a list of texts"),
    ({"language_hints": 5}, "language_hints", "a list of texts"),
    ({"language_hints": []}, "language_hints", 'is empty; name at least one, like ["zh", "en"]'),
    ({"max_sentence_silence": "800"}, "max_sentence_silence", "a whole number of ms"),
    ({"max_sentence_silence": 800.0}, "max_sentence_silence", "a whole number of ms"),
    ({"max_sentence_silence": True}, "max_sentence_silence", "a whole number of ms"),
    ({"max_sentence_silence": 10**400, "model": UNKNOWN}, "max_sentence_silence", "of ms"),
    ({"parameters": [("a", 1)]}, "parameters", "a dict of names and values"),
    ({"parameters": None}, "parameters", "a dict of names and values"),
    ({"parameters": {"a": 1, "x": object()}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": {"y": {object()}}}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": [b"y"]}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": {1, 2}}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": Decimal(1)}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": math.nan}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": "\ud800"}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": ENDLESS}}, "parameters", "is nested too deeply, or in itself"),
    ({"input": {"x": ENDLESS}}, "input", "is nested too deeply, or in itself"),
    ({"context": ENDLESS}, "context", "is nested too deeply, or in itself"),
    ({"headers": {"x": ENDLESS}}, "headers", "is nested too deeply, or in itself"),
    ({"parameters": {(1, 2): "y"}}, "parameters", "(1, 2) cannot be sent as JSON"),
    ({"frame_ms": 19}, "frame_ms", "19 is not a whole number of ms, 20 to 200"),
    ({"frame_ms": 201}, "frame_ms", "201 is not a whole number of ms"),
    ({"frame_ms": 100.0}, "frame_ms", "100.0 is not a whole number of ms"),
    ({"frame_ms": True}, "frame_ms", "True is not a whole number of ms"),
    ({"buffer": 0}, "buffer", "0 is not a number of seconds above 0"),
    ({"buffer": "5"}, "buffer", "not a number of seconds above 0"),
    ({"buffer": float("nan")}, "buffer", "not a number of seconds above 0"),
    ({"buffer": float("inf")}, "buffer", "inf is not a number of seconds above 0 and at most"),
    ({"buffer": 1e308}, "buffer", "at most 1000000000"),
    ({"buffer": 10**400}, "buffer", "at most 1000000000"),
    ({"reconnect": 5}, "reconnect", "must be Reconnect(…), or None, not int"),
    ({"timeouts": 5.0}, "timeouts", "must be Timeouts(…), not float"),
    # The table of models
    ({"format": "flac"}, "format", "is not one of pcm, wav, mp3, opus, speex, aac, amr"),
    ({"model": V1, "sample_rate": 8000}, "sample_rate", f"{V1} takes 16000 Hz only, not 8000"),
    *[
        ({"model": model, "sample_rate": 16000}, "sample_rate", f"{model} takes 8000 Hz only")
        for model in (V1_8K, V2_8K)
    ],
    ({"language_hints": ["zh", "it"]}, "language_hints", "not one of zh, en, ja, yue, ko, de, fr"),
    ({"language_hints": [5]}, "language_hints", "5 must be text"),
    ({"max_sentence_silence": 199}, "max_sentence_silence", "not within 200 to 6000 ms"),
    ({"max_sentence_silence": 6001}, "max_sentence_silence", "not within 200 to 6000 ms"),
    *[
        ({"semantic_punctuation_enabled": True, name: value}, name, "punctuation_enabled=False")
        for name, value in [("max_sentence_silence", 800), ("multi_threshold_mode_enabled", True)]
    ],
    # Clashes
    ({"heartbeat": True, "format": "mp3", "reconnect": None}, "heartbeat", "sent as it is"),
    ({"heartbeat": True, "format": "mp3", "passthrough": True}, "heartbeat", "sent as it is"),
    ({"passthrough": "yes"}, "passthrough", "neither True nor False"),
    ({"heartbeat": True, "format": "x", "model": UNKNOWN}, "heartbeat", "sent as it is"),
    ({"parameters": {"format": "wav"}}, "parameters", "given twice: here and as format="),
    ({"parameters": {"heartbeat": 1}, "heartbeat": True}, "parameters", "here and as heartbeat="),
    # Connection
    ({"api_key": ""}, "api_key", "it must be text, not empty"),
    ({"api_key": "sk-secret\n"}, "api_key", "without control characters"),
    ({"api_key": " sk-secret"}, "api_key", "without spaces around it"),
    ({"api_key": 5}, "api_key", "must be text, or a callable that returns the text"),
    ({"endpoint": ""}, "endpoint", "must begin with ws:// or wss://"),
    ({"endpoint": 5}, "endpoint", "must begin with ws:// or wss://"),
    ({"endpoint": "https://dashscope.aliyuncs.com"}, "endpoint", "with ws:// or wss://"),
    ({"endpoint": "wss://"}, "endpoint", "and name a host"),
    ({"endpoint": "wss://[::1/x"}, "endpoint", "and name a host"),
    ({"endpoint": "wss://h /x"}, "endpoint", "and name a host"),
    ({"endpoint": "wss://h/\n"}, "endpoint", "and name a host"),
    ({"endpoint": "wss://user:secret@h/x"}, "endpoint", "the key goes into api_key="),
    ({"endpoint": "wss://secret@h/x"}, "endpoint", "the key goes into api_key="),
    ({"endpoint": "wss://@h/x"}, "endpoint", "the key goes into api_key="),
    *[({"endpoint": f"wss://h:{port}/x?secret"}, "endpoint", why) for port, why in PORTS],
    ({"endpoints": "ws://h"}, "endpoints", "must be a list of addresses, not str"),
    ({"endpoints": ["ws://h", "http://h"]}, "endpoints", "must begin with ws:// or wss://"),
    ({"region": ""}, "region", "must be text"),
    ({"region": 5}, "region", "must be text"),
    ({"region": "evil.example/"}, "region", "is not the name of a region, like cn-beijing"),
    ({"region": "-x"}, "region", "is not the name of a region"),
    ({"workspace": ""}, "workspace", "must be text"),
    ({"workspace": "-ws"}, "workspace", "is not an id of at most 64"),
    ({"workspace": "ws.1"}, "workspace", "'ws.1' is not an id of at most 64 letters, digits"),
    ({"workspace": "w" * 65}, "workspace", "is not an id of at most 64"),
    ({"workspace": "a\r\nb: c"}, "workspace", "without control characters"),
    ({"headers": "a: b"}, "headers", "must be a dict of text, not str"),
    ({"headers": {"x-a": 5}}, "headers", "the value of x-a must be text"),
    ({"headers": {"x-a": "secret\r\n"}}, "headers", "the value of x-a must be text"),
    ({"headers": {"": "a"}}, "headers", "must be text, not empty"),
    ({"headers": {"a b": "c"}}, "headers", "'a b' is not the name of a header"),
    ({"headers": {"a:": "c"}}, "headers", "'a:' is not the name of a header"),
    ({"proxy": "socks5://h:1"}, "proxy", "must begin with http:// or https://"),
    ({"proxy": "user:secret@proxy:1"}, "proxy", "must begin with http:// or https://"),
    *[({"proxy": f"http://user:secret@h:{port}"}, "proxy", why) for port, why in PORTS],
    ({"ssl": False}, "ssl", "must be an ssl.SSLContext"),
    ({"ssl": "x"}, "ssl", "must be an ssl.SSLContext"),
    ({"ssl": object()}, "ssl", "must be an ssl.SSLContext"),
    # Behavior
    ({"observe": 3}, "observe", "3 must be a function of an event"),
    ({"observe_messages": 1}, "observe_messages", "1 is neither True nor False"),
    ({"middleware": LatencyMeter}, "middleware", "a list of factories, like [Heartbeat]"),
    ({"middleware": [LatencyMeter()]}, "middleware", "pass the class, not an instance"),
]


@pytest.mark.parametrize(("options", "option", "expected"), REFUSED)
def test_what_cannot_work_is_refused(options: dict[str, Any], option: str, expected: str) -> None:
    """A wrong value is refused at once: the error names the option and what is allowed."""
    with pytest.raises(InvalidOptionError) as caught:
        Options(**options)
    assert option == caught.value.option
    assert str(caught.value).startswith(f"{option}: ")
    assert expected in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", Timeouts.__struct_fields__)
@pytest.mark.parametrize("value", [0, -1, "10", True, float("nan"), float("inf"), 1e308, 10**400])
def test_timeouts_are_seconds(name: str, value: Any) -> None:
    """A timeout is a number of seconds above 0; the error says which is not."""
    with pytest.raises(InvalidOptionError, match="not a number of seconds above 0") as caught:
        Timeouts(**{name: value})
    assert f"timeouts.{name}" == caught.value.option


ACCEPTED: list[dict[str, Any]] = [
    *[{"format": format} for format in ("pcm", "wav", "mp3", "opus", "speex", "aac", "amr")],
    *[{"sample_rate": rate} for rate in (8000, 11_025, 48_000)],
    {"language_hints": ("zh", "en", "ja", "yue", "ko", "de", "fr", "ru")},
    {"model": V1, "disfluency_removal_enabled": True},
    {"model": V1, "phrase_id": "p"},
    {"model": V1_8K, "sample_rate": 8000, "phrase_id": "p"},
    {"model": V1_8K, "phrase_id": "p"},
    {"workspace": "w" * 64},
    {"reconnect": None},
    {"workspace": "ws_1-A"},
    {"model": V2_8K, "sample_rate": 8000, "vocabulary_id": "v", "heartbeat": True},
    {"semantic_punctuation_enabled": False, "max_sentence_silence": 200},
    {"heartbeat": True, "format": "wav"},
    {"heartbeat": False, "format": "mp3"},
    {"format": "mp3", "parameters": {"heartbeat": True}},
    {"api_key": unused, "endpoint": "ws://127.0.0.1:1/x?y=z", "workspace": "ws-1"},
    {"endpoint": "wss://[::1]:65535/x"},
    {"parameters": {"x": [1.5, None, True, {"y": "z"}]}},
    {"proxy": PROXY, "headers": {"x-a": "b c"}, "ssl": ssl.create_default_context()},
    {"middleware": [LatencyMeter, LatencyMeter], "timeouts": Timeouts(connect=1e6), "buffer": 0.1},
]


@pytest.mark.parametrize("options", ACCEPTED)
def test_what_can_work_is_accepted(options: dict[str, Any]) -> None:
    """What the documents allow is not refused, and is kept as it was given."""
    made = Options(**options)
    assert options == {name: getattr(made, name) for name in options}


def test_unknown_models_are_unchecked() -> None:
    """The parameters of a model that is not in the table are passed on as they are."""
    given: dict[str, Any] = {
        "format": "flac",
        "sample_rate": 12_345,
        "language_hints": ["it"],
        "semantic_punctuation_enabled": True,
        "max_sentence_silence": 10,
        "multi_threshold_mode_enabled": True,
        "vocabulary_id": "v",
    }
    assert given == Options(model=UNKNOWN, phrase_id="p", **given).task_parameters()


@pytest.mark.parametrize(
    ("model", "semantic", "expected"),
    [
        (V2_8K, None, True),
        (V2_8K, False, True),
        (V2_8K, True, False),
        (V2, None, False),
        (V1, None, False),
        (UNKNOWN, None, False),
    ],
)
def test_emotion(model: str, semantic: bool | None, expected: bool) -> None:
    """Emotions come from the 8 kHz v2 model only, with semantic punctuation off."""
    assert expected is Options(model=model, semantic_punctuation_enabled=semantic).emotion


SECRET = Options(
    api_key="sk-secret",
    headers={"x-secret": "secret"},
    proxy="http://user:secret@proxy:1",
    parameters={"shown": 1},
)


def test_secrets_are_not_shown() -> None:
    """Key, headers and the proxy's credentials are shown as set, never as they are."""
    shown = repr(SECRET)
    assert "secret" not in shown
    assert all(part in shown for part in ("api_key=…", "headers=…", "proxy=…", "{'shown': 1}"))
    assert "secret" not in repr(SECRET.__rich_repr__())
    assert "secret" not in repr(AsyncRecognizer(api_key="sk-secret"))


ADDRESSES = [
    ("wss://h.example:8443/v1/x?token=secret&y=z", "wss://h.example:8443/v1/x?…"),
    ("ws://h/?secret", "ws://h/?…"),
    ("ws://h", "ws://h"),
    ("ws://H.example/x#secret", "ws://H.example/x"),
    ("ws://[::1]:8000/x", "ws://[::1]:8000/x"),
]


@pytest.mark.parametrize(("address", "expected"), ADDRESSES)
def test_the_endpoint_is_shown_without_its_query(address: str, expected: str) -> None:
    """An endpoint is shown with scheme, host, port and path, and that there is a query."""
    options = Options(endpoint=address)
    assert f" endpoint={expected!r}," in repr(options)
    assert ("endpoint", expected) in options.__rich_repr__()
    assert f" endpoint={expected!r}," in repr(AsyncRecognizer(endpoint=address))


@pytest.mark.parametrize("address", ["wss://user:secret@h/x", "wss://[secret", b"wss://secret"])
def test_an_endpoint_that_is_refused_is_not_shown(address: Any) -> None:
    """Options that are just being refused, as in a debugger, show no secret of an endpoint."""
    options = Options()
    force_setattr(options, "endpoint", address)
    assert " endpoint=" in repr(options)
    assert "secret" not in repr(options)


def test_what_is_not_set_is_not_shown() -> None:
    """Options show what was set, and the defaults that matter."""
    assert repr(Options()).startswith("Options(model='paraformer-realtime-v2', format='pcm', ")
    assert "api_key" not in repr(Options())
    assert "heartbeat=False" in repr(Options(heartbeat=False))


def test_a_number_of_numpy_is_shown() -> None:
    """The float of numpy is a float, and is accepted and shown like one."""
    seconds = np.float64(2.5)
    assert f"buffer={seconds!r}," in repr(Options(buffer=seconds))


BEIJING = "wss://dashscope.aliyuncs.com/api-ws/v1/inference"


def test_where_the_endpoint_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint is what was given, or the environment's, or the service's in Beijing."""
    assert BEIJING == Options().url
    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", "ws://from.environment/x")
    assert "ws://from.environment/x" == Options().url
    assert "wss://given/x?y=z" == Options(endpoint="wss://given/x?y=z").url
    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", "")
    assert BEIJING == Options().url


def test_a_wrong_address_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of HTTP in the environment is refused by the name of its variable."""
    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", "https://dashscope.aliyuncs.com/api/v1")
    with pytest.raises(InvalidOptionError, match="ws:// or wss://") as caught:
        _ = Options().url
    assert "DASHSCOPE_WEBSOCKET_BASE_URL" == caught.value.option


@pytest.mark.parametrize(
    "address", ["wss://user:secret@h/x", "wss://h:0/secret", "wss://h:secret/"]
)
def test_an_address_in_the_environment_that_never_works(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Credentials and ports that are none are refused in the environment, too, and not shown."""
    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", address)
    with pytest.raises(InvalidOptionError) as caught:
        _ = Options().url
    assert "DASHSCOPE_WEBSOCKET_BASE_URL" == caught.value.option
    assert "secret" not in str(caught.value)


def test_options_without_ssl_do_not_import_it() -> None:
    """The module `ssl`, which is slow to import, is not imported to check that it is not used."""
    program = """
import sys
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import Options
before = "ssl" in sys.modules
Options(endpoint="wss://h", parameters={"a": 1})
assert before or "ssl" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_only_pings_can_be_switched_off() -> None:
    """Every wait has a bound; only the pings may be left out."""
    assert Timeouts(ping=None).ping is None
    with pytest.raises(InvalidOptionError, match=r"timeouts\.send"):
        Timeouts(send=None)  # type: ignore[arg-type]


def test_options_are_frozen() -> None:
    """Options cannot be changed behind a running recognition."""
    with pytest.raises(AttributeError):
        Options().model = "x"


def test_adapted() -> None:
    """Options are copied and checked only for changes."""
    options = Options()
    assert options.adapted(format="pcm", sample_rate=16000) is options
    assert options.adapted(format="wav", sample_rate=16000) == Options(format="wav")
    with pytest.raises(InvalidOptionError, match="encoding"):
        options.adapted(format="wav", encoding="mulaw")


def test_what_becomes_of_a_list_later() -> None:
    """Lists and dicts are copied, to any depth: a program may go on with its own."""
    hints, messages, further = ["zh"], [{"role": "user", "content": "a"}], {"a": {"b": [1]}}
    options = Options(
        model="fun-asr-realtime", language_hints=hints, context=messages, parameters=further
    )
    sent = options.task_parameters(), options.task_input()
    hints[0] = "en"
    messages[0]["content"] = "b"
    messages.append({"role": "system", "content": "c"})
    further["a"]["b"].append(2)
    assert (options.task_parameters(), options.task_input()) == sent


@pytest.mark.parametrize(
    ("name", "value", "sent"),
    [
        ("vocabulary", MappingProxyType({"a": 1}), {"a": 1}),
        ("vocabulary", UserDict({"a": 1}), {"a": 1}),
        ("language_hints", deque(["zh"]), ["zh"]),
        ("special_word_filter", MappingProxyType({"system_reserved_filter": True}), None),
    ],
)
def test_any_mapping_and_any_sequence(name: str, value: Any, sent: Any) -> None:
    """What the annotations allow is sent as JSON, not only dicts, lists and tuples."""
    model = "qwen-audio-3.1-asr-flash-streaming"
    options = Options(**{"model": model, name: value})
    assert options.task_parameters()[name] == (sent or dict(value))
