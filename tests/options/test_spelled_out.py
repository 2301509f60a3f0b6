"""The places that spell the table of parameters out for type checkers are held to it."""

import inspect
import re
import ssl
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest

from paraformer_async import AsyncRecognizer, PoolLimits, Reconnect, Rollover, Timeouts, middleware
from paraformer_async.middleware import LatencyMeter
from paraformer_async.options.options import RATE_OF_MODEL, Options, Overrides
from paraformer_async.options.parameters import PARAMETERS

NAMES = [name for name, row in PARAMETERS.items() if row.checked]
WHERE = {"SSLContext": ssl.SSLContext, "Middleware": middleware.Middleware}


def types_of(spelled: type) -> Mapping[str, Any]:
    """Return the types of the fields of a class."""
    return get_type_hints(spelled, localns=WHERE)


def defaults_of_options() -> Mapping[str, Any]:
    """Return the names and defaults of `Options`, in order."""
    raw = [getattr(one, "factory", None) or one for one in Options.__struct_defaults__]
    made = [one() if isinstance(one, type) else one for one in raw]
    return dict(zip(Options.__struct_fields__, made, strict=True))


def recognizer_parameters() -> list[inspect.Parameter]:
    """Return the parameters of the recognizer that are options of a recognition."""
    given = inspect.signature(AsyncRecognizer).parameters
    beside = ("connector", "transport", "pool", "quota")
    return [one for name, one in given.items() if name not in beside]


def test_the_options_are_the_rows() -> None:
    """`Options` has every parameter of the table that is checked, in the order of the table."""
    fields = list(Options.__struct_fields__)
    assert ["model", *NAMES, "parameters", "input"] == fields[: fields.index("input") + 1]


@pytest.mark.parametrize("name", NAMES)
def test_the_types_are_those_of_the_rows(name: str) -> None:
    """A parameter has the type of its row, and may be left out."""
    row = PARAMETERS[name]
    spelled = inspect.formatannotation(Options.__annotations__[name])
    optional = "" if row.required else " | None"
    assert f"{row.kind.annotation}{optional}" == re.sub(r"(typing|collections\.abc)\.", "", spelled)


def test_overrides_are_the_same_options() -> None:
    """Every option, with the same type and in the same order, may be overridden."""
    expected = dict(types_of(Options))
    expected["sample_rate"] = int | None
    assert list(expected.items()) == list(types_of(Overrides).items())
    assert frozenset() == Overrides.__required_keys__


def test_the_recognizer_takes_the_same_options() -> None:
    """`AsyncRecognizer` takes every option by its name, type and default, and in the same order."""
    expected = dict(defaults_of_options())
    assert expected["sample_rate"] is RATE_OF_MODEL
    expected["sample_rate"] = None
    assert list(expected.items()) == [(one.name, one.default) for one in recognizer_parameters()]
    assert {"model"} == {
        one.name for one in recognizer_parameters() if one.kind is not one.KEYWORD_ONLY
    }
    where = WHERE | {"BaseConnector": object}
    hints = get_type_hints(AsyncRecognizer.__init__, localns=where)
    assert types_of(Overrides).items() <= hints.items()


def test_what_the_recognizer_takes_beside() -> None:
    """The connections and the quota are of the recognizer, not of a recognition."""
    given = inspect.signature(AsyncRecognizer).parameters
    assert (None, PoolLimits()) == (given["connector"].default, given["pool"].default)
    assert given["quota"].default is None


@pytest.mark.parametrize("name", NAMES)
def test_the_recognizer_documents_the_rows(name: str) -> None:
    """The docstring of the recognizer has the line of each row, and its default."""
    row = PARAMETERS[name]
    default = "" if row.default is None else f" Default: {row.default}."
    text = re.sub(r"\s+", " ", inspect.getdoc(AsyncRecognizer) or "")
    assert f" {name}: {row.doc}{default} " in text


def test_the_recognizer_hands_its_options_on() -> None:
    """No option that the recognizer takes is lost on the way."""
    given: dict[str, Any] = {
        "model": "a-model",
        "format": "pcm",
        "sample_rate": 8000,
        "vocabulary_id": "v",
        "phrase_id": "p",
        "disfluency_removal_enabled": True,
        "language_hints": ["zh"],
        "semantic_punctuation_enabled": False,
        "max_sentence_silence": 500,
        "multi_threshold_mode_enabled": True,
        "punctuation_prediction_enabled": False,
        "heartbeat": True,
        "inverse_text_normalization_enabled": False,
        "vocabulary": {"word": 4},
        "speech_noise_threshold": 0.5,
        "special_word_filter": {"system_reserved_filter": True},
        "vad_model": "near_meeting_16k",
        "keep_dialect": True,
        "intermediate_result_enabled": False,
        "context": "Paraformer",
        "parameters": {"a": 1},
        "input": {"b": 1},
        "api_key": "sk",
        "endpoint": "ws://h",
        "endpoints": ["ws://h2"],
        "region": "cn-beijing",
        "workspace": "w",
        "headers": {"a": "b"},
        "proxy": "http://user:pass@proxy.example:3128",
        "ssl": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        "encoding": "mulaw",
        "passthrough": True,
        "channels": "split",
        "input_channels": 2,
        "resample_from": 48_000,
        "pace": 1.5,
        "middleware": [LatencyMeter],
        "reconnect": Reconnect(attempts=3),
        "rollover": Rollover(seconds=600),
        "timeouts": Timeouts(close=1.0),
        "buffer": 2.0,
        "frame_ms": 40,
        "observe": print,
        "observe_messages": True,
    }
    assert list(Options.__struct_fields__) == list(given)
    options = AsyncRecognizer(**given).options
    assert given == {name: getattr(options, name) for name in given}
