"""Options: what is sent, what is refused and how, what is never shown."""

import inspect
import ssl
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from msgspec.structs import force_setattr

from paraformer_async import AsyncRecognizer
from paraformer_async.errors import InvalidOptionError
from paraformer_async.middleware import Latency
from paraformer_async.options.checks import TASK_PARAMETERS
from paraformer_async.options.models import MODELS
from paraformer_async.options.options import (
    ENDPOINT,
    Options,
    Overrides,
    Timeouts,
    workspace_endpoint,
)
from paraformer_async.options.policies import PoolLimits

V2, V2_8K = "paraformer-realtime-v2", "paraformer-realtime-8k-v2"
V1, V1_8K = "paraformer-realtime-v1", "paraformer-realtime-8k-v1"
SIBLING = "fun-asr-realtime"
PROXY = "http://user:pass@proxy.example:3128"

# Every parameter of the service's documents, with values that may be set.
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
    """The table above has every parameter that the library knows."""
    assert set(TASK_PARAMETERS) == {name for name, _ in PARAMETERS}


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


def unused() -> str:
    """Stand for a callable."""
    raise AssertionError


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
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
    ({"sample_rate": 0}, "sample_rate", "0 is not a rate in Hz, like 16000"),
    ({"sample_rate": -8000}, "sample_rate", "like 16000"),
    ({"sample_rate": "16000"}, "sample_rate", "'16000' is not a rate in Hz"),
    ({"sample_rate": 16000.0}, "sample_rate", "16000.0 is not an int, like 16000"),
    ({"sample_rate": np.int64(16000)}, "sample_rate", "16000) is not an int, like 16000"),
    ({"sample_rate": True}, "sample_rate", "like 16000"),
    ({"vocabulary_id": ""}, "vocabulary_id", "must be text"),
    ({"vocabulary_id": 5}, "vocabulary_id", "must be text"),
    ({"phrase_id": "a\n", "model": V1}, "phrase_id", "without control characters"),
    *[
        ({name: "yes"}, name, "'yes' is neither True nor False")
        for name in TASK_PARAMETERS
        if name.endswith("_enabled") or name == "heartbeat"
    ],
    ({"heartbeat": 1}, "heartbeat", "1 is neither True nor False"),
    ({"language_hints": "zh"}, "language_hints", 'a list of languages, like ["zh", "en"]'),
    ({"language_hints": 5}, "language_hints", "a list of languages"),
    ({"language_hints": []}, "language_hints", 'is empty; name some, like ["zh", "en"]'),
    ({"max_sentence_silence": "800"}, "max_sentence_silence", "a whole number of ms"),
    ({"max_sentence_silence": 800.0}, "max_sentence_silence", "a whole number of ms"),
    ({"max_sentence_silence": True}, "max_sentence_silence", "a whole number of ms"),
    ({"parameters": [("a", 1)]}, "parameters", "a dict of names and values"),
    ({"parameters": None}, "parameters", "a dict of names and values"),
    ({"parameters": {"a": 1, "x": object()}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": {"y": {object()}}}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": "\ud800"}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {"x": ENDLESS}}, "parameters", "'x' cannot be sent as JSON"),
    ({"parameters": {(1, 2): "y"}}, "parameters", "(1, 2) cannot be sent as JSON"),
    ({"buffer": 0}, "buffer", "0 is not a number of seconds above 0"),
    ({"buffer": "5"}, "buffer", "not a number of seconds above 0"),
    ({"buffer": float("nan")}, "buffer", "not a number of seconds above 0"),
    ({"buffer": float("inf")}, "buffer", "must have an end"),
    ({"timeouts": 5.0}, "timeouts", "must be Timeouts(…), not float"),
    # The table of models
    ({"format": "flac"}, "format", "is not one of pcm, wav, mp3, opus, speex, aac, amr"),
    ({"model": V1, "sample_rate": 8000}, "sample_rate", f"{V1} takes 16000 Hz only, not 8000"),
    ({"model": V1_8K}, "sample_rate", f"{V1_8K} takes 8000 Hz only, not 16000"),
    ({"model": V2_8K}, "sample_rate", f"{V2_8K} takes 8000 Hz only, not 16000"),
    ({"language_hints": ["zh", "it"]}, "language_hints", "not one of zh, en, ja, yue, ko, de, fr"),
    ({"language_hints": [5]}, "language_hints", "5 is not one of zh"),
    *[
        ({"model": model, "sample_rate": rate, "language_hints": ["zh"]}, "language_hints", V2)
        for model, rate in [(V1, 16000), (V1_8K, 8000), (V2_8K, 8000)]
    ],
    *[
        ({"model": V1, name: value}, name, f"{V1} does not take it, v2 models do")
        for name, value in [
            ("vocabulary_id", "vocab-1"),
            ("semantic_punctuation_enabled", True),
            ("max_sentence_silence", 800),
            ("multi_threshold_mode_enabled", True),
            ("punctuation_prediction_enabled", True),
            ("heartbeat", True),
            ("inverse_text_normalization_enabled", True),
        ]
    ],
    ({"phrase_id": "p"}, "phrase_id", "v2 models take vocabulary_id="),
    ({"max_sentence_silence": 199}, "max_sentence_silence", "not within 200 to 6000 ms"),
    ({"max_sentence_silence": 6001}, "max_sentence_silence", "not within 200 to 6000 ms"),
    *[
        ({"semantic_punctuation_enabled": True, name: value}, name, "punctuation_enabled=False")
        for name, value in [("max_sentence_silence", 800), ("multi_threshold_mode_enabled", True)]
    ],
    # Clashes
    ({"heartbeat": True, "format": "mp3"}, "heartbeat", "only into pcm or wav"),
    ({"heartbeat": True, "format": "x", "model": SIBLING}, "heartbeat", "only into pcm or wav"),
    ({"parameters": {"format": "wav"}}, "parameters", "given twice: here and as format="),
    ({"parameters": {"heartbeat": 1}, "heartbeat": True}, "parameters", "here and as heartbeat="),
    # Connection
    ({"api_key": ""}, "api_key", "the given text must be text, not empty"),
    ({"api_key": "sk-secret\n"}, "api_key", "without control characters"),
    ({"api_key": " sk-secret"}, "api_key", "without spaces around it"),
    ({"api_key": 5}, "api_key", "must be text, or a callable that gives the text"),
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
    ({"workspace": ""}, "workspace", "must be text"),
    ({"workspace": "a\r\nb: c"}, "workspace", "without control characters"),
    ({"headers": "a: b"}, "headers", "must be a dict of text, not str"),
    ({"headers": {"x-a": 5}}, "headers", "the value of x-a must be text"),
    ({"headers": {"x-a": "secret\r\n"}}, "headers", "the value of x-a must be text"),
    ({"headers": {"": "a"}}, "headers", "must be text, not empty"),
    ({"proxy": "socks5://h:1"}, "proxy", "must begin with http:// or https://"),
    ({"proxy": "user:secret@proxy:1"}, "proxy", "must begin with http:// or https://"),
    *[({"proxy": f"http://user:secret@h:{port}"}, "proxy", why) for port, why in PORTS],
    ({"ssl": False}, "ssl", "must be an ssl.SSLContext"),
    ({"ssl": "x"}, "ssl", "must be an ssl.SSLContext"),
    ({"ssl": object()}, "ssl", "must be an ssl.SSLContext"),
    # Behavior
    ({"middleware": Latency}, "middleware", "a list of factories, like [Latency]"),
    ({"middleware": [Latency()]}, "middleware", "give the class, not an instance"),
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
@pytest.mark.parametrize("value", [0, -1, "10", True, float("nan")])
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
    {"model": V2_8K, "sample_rate": 8000, "vocabulary_id": "v", "heartbeat": True},
    {"semantic_punctuation_enabled": False, "max_sentence_silence": 200},
    {"heartbeat": True, "format": "wav"},
    {"heartbeat": False, "format": "mp3"},
    {"format": "mp3", "parameters": {"heartbeat": True}},
    {"api_key": unused, "endpoint": "ws://127.0.0.1:1/x?y=z", "workspace": "ws-1"},
    {"endpoint": "wss://[::1]:65535/x"},
    {"parameters": {"x": [1.5, None, True, {"y": "z"}]}},
    {"proxy": PROXY, "headers": {"x-a": "b c"}, "ssl": ssl.create_default_context()},
    {"middleware": [Latency, Latency], "timeouts": Timeouts(connect=float("inf")), "buffer": 0.1},
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
    assert given == Options(model=SIBLING, phrase_id="p", **given).task_parameters()


@pytest.mark.parametrize(
    ("model", "semantic", "expected"),
    [
        (V2_8K, None, True),
        (V2_8K, False, True),
        (V2_8K, True, False),
        (V2, None, False),
        (V1, None, False),
        (V1_8K, None, False),
        (SIBLING, None, False),
    ],
)
def test_emotion(model: str, semantic: bool | None, expected: bool) -> None:
    """Emotions come from the 8 kHz v2 model only, with semantic punctuation off."""
    rate = (MODELS[model].sample_rate if model in MODELS else None) or 16000
    options = Options(model=model, sample_rate=rate, semantic_punctuation_enabled=semantic)
    assert expected is options.emotion


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


def test_where_the_endpoint_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint is what was given, or the environment's, or the service's in Beijing."""
    assert ENDPOINT == Options().url
    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", "ws://from.environment/x")
    assert "ws://from.environment/x" == Options().url
    assert "wss://given/x?y=z" == Options(endpoint="wss://given/x?y=z").url
    monkeypatch.setenv("DASHSCOPE_WEBSOCKET_BASE_URL", "")
    assert ENDPOINT == Options().url


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
from paraformer_async.options.options import Options
before = "ssl" in sys.modules
Options(endpoint="wss://h", parameters={"a": 1})
assert before or "ssl" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def defaults_of_options() -> Mapping[str, Any]:
    """Give the names and defaults of `Options`."""
    return {name: getattr(Options(), name) for name in Options.__struct_fields__}


def test_the_recognizer_takes_the_same_options() -> None:
    """`AsyncRecognizer` takes every option by its name and default, and what it is made of."""
    given = inspect.signature(AsyncRecognizer).parameters
    parameters = [one for name, one in given.items() if name not in ("connector", "pool")]
    assert (None, PoolLimits()) == (given["connector"].default, given["pool"].default)
    assert list(defaults_of_options().items()) == [(one.name, one.default) for one in parameters]
    assert {"model"} == {one.name for one in parameters if one.kind is not one.KEYWORD_ONLY}


def test_the_recognizer_hands_its_options_on() -> None:
    """No option that the recognizer takes is lost on the way."""
    given: dict[str, Any] = {
        "model": V2,
        "format": "wav",
        "sample_rate": 8000,
        "vocabulary_id": "v",
        "disfluency_removal_enabled": True,
        "language_hints": ["zh"],
        "semantic_punctuation_enabled": False,
        "max_sentence_silence": 500,
        "multi_threshold_mode_enabled": True,
        "punctuation_prediction_enabled": False,
        "heartbeat": True,
        "inverse_text_normalization_enabled": False,
        "parameters": {"a": 1},
        "api_key": "sk",
        "endpoint": "ws://h",
        "workspace": "w",
        "headers": {"a": "b"},
        "proxy": PROXY,
        "ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        "middleware": [Latency],
        "timeouts": Timeouts(close=1.0),
        "buffer": 2.0,
    }
    options = AsyncRecognizer(**given).options
    assert given == {name: getattr(options, name) for name in given}
    assert "p" == AsyncRecognizer(V1, phrase_id="p").options.phrase_id


def test_overrides_are_the_same_options() -> None:
    """Every option, with the same type, may be overridden for one recognition."""
    assert Options.__annotations__.keys() == Overrides.__annotations__.keys()
    assert frozenset() == Overrides.__required_keys__
    types = {name: str(kind) for name, kind in Options.__annotations__.items()}
    for name, kind in Overrides.__annotations__.items():
        assert types[name].strip("'") in str(getattr(kind, "__forward_arg__", kind))


def test_only_pings_can_be_switched_off() -> None:
    """Every wait has a bound; only the pings may be left out."""
    assert Timeouts(ping=None).ping is None
    with pytest.raises(InvalidOptionError, match=r"timeouts\.send"):
        Timeouts(send=None)  # type: ignore[arg-type]


def test_the_address_of_a_workspace() -> None:
    """The address of a workspace's own domain is made of its id, and of nothing else."""
    expected = "wss://ws-1.cn-beijing.maas.aliyuncs.com/api-ws/v1/inference"
    assert expected == workspace_endpoint("ws-1")
    assert "wss://ws-1.eu-x.maas" in workspace_endpoint("ws-1", region="eu-x")
    with pytest.raises(InvalidOptionError, match="workspace"):
        workspace_endpoint("evil.example/")


def test_options_are_frozen() -> None:
    """Options cannot be changed behind a running recognition."""
    with pytest.raises(AttributeError):
        Options().model = "x"
