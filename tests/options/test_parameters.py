"""The two tables, and the checks that follow from them, for the client and the local service."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options import service
from paraformer_async.options.models import MODELS, Billing, rate_of, taking
from paraformer_async.options.options import Options
from paraformer_async.options.parameters import PARAMETERS, Place, check
from paraformer_async.options.policies import PoolLimits, Reconnect, Timeouts
from tests.options.values import VALUES

V1, V2 = "paraformer-realtime-v1", "paraformer-realtime-v2"
STREAMING = "qwen-audio-3.1-asr-flash-streaming"
MESSAGE = "qwen-audio-3.1-asr-flash-message"
FUN = "fun-asr-realtime"
UNKNOWN = "a-model-of-tomorrow"

CHECKED = [name for name, row in PARAMETERS.items() if row.checked]

PAIRS = [(model, name) for model in MODELS for name in CHECKED]


def task(model: str, **given: Any) -> dict[str, Any]:
    """Return parameters of a task of *model*, with the required ones."""
    return {"format": "pcm", "sample_rate": rate_of(model), **given}


def refusal(model: str, **given: Any) -> InvalidOptionError:
    """Return the error that *given* parameters raise; the client's is the local service's."""
    with pytest.raises(InvalidOptionError) as caught:
        check(model, task(model, **given))
    with pytest.raises(InvalidOptionError) as again:
        Options(model=model, **given)
    assert str(caught.value) == str(again.value)
    assert caught.value.option in given
    return caught.value


def test_the_tables_know_each_other() -> None:
    """Every parameter of a model has its row, and every row with checks is taken by a model."""
    assert set(CHECKED) == set.union(*(set(model.parameters) for model in MODELS.values()))
    assert CHECKED == list(VALUES)
    assert all(name == model.name for name, model in MODELS.items())
    assert all(name == row.name and row.doc.endswith(".") for name, row in PARAMETERS.items())


@pytest.mark.parametrize(("model", "name"), PAIRS)
def test_every_parameter_with_every_model(model: str, name: str) -> None:
    """A parameter is sent to the models that take it, and refused for others, naming those."""
    value = rate_of(model) if name == "sample_rate" else VALUES[name]
    if name in MODELS[model].parameters:
        options = Options(model=model, **{name: value})
        is_sent = PARAMETERS[name].place is Place.PARAMETERS
        assert (value if is_sent else None) == options.task_parameters().get(name)
        check(model, task(model) | {name: value})
    else:
        error = refusal(model, **{name: value})
        assert f"{name}: {model} does not take it" in str(error)
        assert all(other in error.hint for other in taking(name))
        assert model not in error.hint.removeprefix("these models do: ").split(", ")


@pytest.mark.parametrize("name", CHECKED)
def test_the_documented_default_may_be_given(name: str) -> None:
    """What the documents give as a default is a value that the table allows."""
    row = PARAMETERS[name]
    if row.default is not None:
        row.kind.check_type(name, row.default)
        row.kind.check_limits(name, row.default)
    assert row.required is (name in ("format", "sample_rate"))


def test_which_parameters_are_for_pauses() -> None:
    """Two parameters belong to sentences that end at pauses."""
    vad_only = {name for name, row in PARAMETERS.items() if row.vad_only}
    assert {"max_sentence_silence", "multi_threshold_mode_enabled"} == vad_only


@pytest.mark.parametrize("model", MODELS)
def test_the_rate_of_a_model(model: str) -> None:
    """A model with one rate brings it, and refuses others; one with any rate takes 16 kHz."""
    rate = MODELS[model].sample_rate
    assert (rate or 16000) == Options(model=model).sample_rate
    if rate:
        error = refusal(model, sample_rate=rate + 1)
        assert f"{model} takes {rate} Hz only, not {rate + 1}" in str(error)
    else:
        check(model, task(model, sample_rate=44_100))


# The facts of the two tables of models: languages, hints that count, quota, regions, and so on.
FACTS: list[tuple[str, str, Any]] = [
    (V2, "sample_rate", None),
    ("paraformer-realtime-8k-v2", "sample_rate", 8000),
    (V1, "sample_rate", 16000),
    ("paraformer-realtime-8k-v1", "sample_rate", 8000),
    (MESSAGE, "sample_rate", 16000),
    ("fun-asr-flash-8k-realtime-2026-01-28", "sample_rate", 8000),
    ("gummy-chat-v1", "sample_rate", 16000),
    (V2, "languages", ("zh", "en", "ja", "yue", "ko", "de", "fr", "ru")),
    (V1, "languages", ("zh",)),
    (STREAMING, "language_hints", 4),
    (FUN, "language_hints", 1),
    (V2, "language_hints", None),
    ("paraformer-realtime-8k-v2", "emotion", True),
    (V2, "emotion", False),
    (STREAMING, "tasks_per_minute", 600),
    (MESSAGE, "tasks_per_minute", 1200),
    (V2, "tasks_per_minute", 1200),
    (STREAMING, "billing", Billing.TOKENS),
    (MESSAGE, "billing", Billing.TOKENS),
    ("qwen-audio-3.0-asr-flash-streaming", "billing", Billing.SECONDS),
    (V2, "regions", (service.BEIJING,)),
    (FUN, "regions", (service.BEIJING, service.SINGAPORE)),
    ("fun-asr-realtime-2025-11-07", "regions", (service.BEIJING, service.SINGAPORE)),
    ("fun-asr-realtime-2026-02-28", "regions", (service.BEIJING,)),
    ("gummy-realtime-v1", "translations", True),
    (FUN, "translations", False),
]


@pytest.mark.parametrize(("model", "fact", "expected"), FACTS)
def test_facts_of_models(model: str, fact: str, expected: Any) -> None:
    """The rows hold what the documents say."""
    assert expected == getattr(MODELS[model], fact)


LIMITS: list[tuple[str, dict[str, Any], str]] = [
    (V2, {"format": "flac"}, "'flac' is not one of pcm, wav, mp3, opus, speex, aac, amr"),
    (V2, {"max_sentence_silence": 199}, "199 ms is not within 200 to 6000 ms"),
    (V2, {"language_hints": ["zh", "it"]}, "'it' is not one of zh, en, ja, yue, ko, de, fr, ru"),
    (STREAMING, {"language_hints": list("abcde")}, f"{STREAMING} takes 4 at most, not 5"),
    (FUN, {"language_hints": ["zh", "en"]}, f"{FUN} takes 1 at most, not 2"),
    (FUN, {"speech_noise_threshold": 1.01}, "1.01 is not within -1 to 1"),
    (FUN, {"speech_noise_threshold": -2}, "-2 is not within -1 to 1"),
    (FUN, {"speech_noise_threshold": math.nan}, "nan is not a finite number"),
    (FUN, {"speech_noise_threshold": -math.inf}, "-inf is not a finite number"),
    (FUN, {"speech_noise_threshold": 10**400}, "is not a finite number"),
    (FUN, {"speech_noise_threshold": 1e308}, "1e+308 is not within -1 to 1"),
    (FUN, {"speech_noise_threshold": True}, "True is not a finite number"),
    (FUN, {"speech_noise_threshold": "0.5"}, "'0.5' is not a finite number"),
    (MESSAGE, {"vad_model": "near"}, "'near' is not one of far_field_meeting_16k, near_meeting"),
    (MESSAGE, {"vad_model": ""}, "'' must be text, not empty"),
    (MESSAGE, {"vocabulary": {}}, 'is empty; give it an entry, like {"Paraformer": 4}'),
    (MESSAGE, {"vocabulary": ["a"]}, 'must be a dict, like {"Paraformer": 4}, not list'),
    (MESSAGE, {"vocabulary": {"a": 6}}, "'a' has weight 6; allowed is weight 1 to 5 or 50"),
    (MESSAGE, {"vocabulary": {"a": 4.0}}, "the weight of 'a' is not an int: 4.0"),
    (MESSAGE, {"vocabulary": {"a": True}}, "the weight of 'a' is not an int: True"),
    (MESSAGE, {"vocabulary": {"a\n": 4}}, "without control characters"),
    (MESSAGE, {"vocabulary": {5: 4}}, "5 must be text"),
    (MESSAGE, {"vocabulary": {f"w{n}": 4 for n in range(2001)}}, "at most 2000 words are allowed"),
    (MESSAGE, {"vocabulary": {f"w{n}": 50 for n in range(51)}}, "at most 50 words of weight 50"),
    (FUN, {"special_word_filter": {}}, "is empty; give it an entry"),
    (FUN, {"special_word_filter": "{"}, "'{' is not JSON: "),
    (FUN, {"special_word_filter": "[" * 10_000}, "is not JSON: "),
    (FUN, {"special_word_filter": "[]"}, "must be a dict"),
    (FUN, {"special_word_filter": {"filter": {}}}, "'filter' is not one of filter_with_signed"),
    (FUN, {"special_word_filter": {5: {}}}, "5 is not one of filter_with_signed"),
    (FUN, {"special_word_filter": {"system_reserved_filter": 1}}, "1 is neither True nor False"),
    (FUN, {"special_word_filter": {"filter_with_empty": ["a"]}}, 'like {"word_list": ["word"]}'),
    (FUN, {"special_word_filter": {"filter_with_empty": {"a": []}}}, "must be a list of texts"),
    (
        FUN,
        {"special_word_filter": {"filter_with_empty": {"word_list": [f"w{n}" for n in range(33)]}}},
        "at most 32 words in filter_with_empty are allowed, not 33",
    ),
]


@pytest.mark.parametrize(("model", "given", "expected"), LIMITS)
def test_limits(model: str, given: dict[str, Any], expected: str) -> None:
    """A value beyond its limits is refused by an error that names the parameter and the limits."""
    assert expected in str(refusal(model, **given))


@pytest.mark.parametrize("name", ["max_sentence_silence", "multi_threshold_mode_enabled"])
def test_what_is_for_pauses_is_refused_with_semantic_punctuation(name: str) -> None:
    """What is for sentences that end at pauses is refused when they end by meaning."""
    error = refusal(V2, **{name: VALUES[name], "semantic_punctuation_enabled": True})
    assert name == error.option
    assert "works only with semantic_punctuation_enabled=False" in str(error)


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    (STREAMING, {"language_hints": ["zh", "en", "it", "pt"]}),
    (FUN, {"speech_noise_threshold": 1}),
    (FUN, {"speech_noise_threshold": -1.0}),
    (MESSAGE, {"vocabulary": {f"w{n}": 5 for n in range(1950)} | {f"s{n}": 50 for n in range(50)}}),
    (FUN, {"special_word_filter": {"system_reserved_filter": False}}),
    (FUN, {"special_word_filter": json.dumps({"filter_with_empty": {"word_list": ["a"] * 32}})}),
    (MESSAGE, {"vad_model": "far_field_meeting_16k"}),
]


@pytest.mark.parametrize(("model", "given"), ALLOWED)
def test_limits_that_are_just_kept(model: str, given: dict[str, Any]) -> None:
    """What lies within the limits is accepted, and sent as it was given."""
    assert task(model, **given) == Options(model=model, **given).task_parameters()


def test_an_unknown_model_is_held_to_types_only() -> None:
    """A model that is not in the table is passed on: its limits are not ours to know."""
    given: dict[str, Any] = {
        "language_hints": ["it"] * 9,
        "max_sentence_silence": 10,
        "vad_model": "another",
        "speech_noise_threshold": 7.5,
        "vocabulary": {"word": 99},
        "special_word_filter": {"another": 1},
    }
    check(UNKNOWN, task(UNKNOWN, **VALUES) | given)
    with pytest.raises(InvalidOptionError, match="keep_dialect: 1 is neither True nor False"):
        check(UNKNOWN, task(UNKNOWN, keep_dialect=1))


def test_what_is_not_in_the_table_is_passed_over() -> None:
    """A local service is no stricter than the table: it passes unknown names, and empty ones."""
    further = {"diarization_enabled": "maybe", "speaker_count": -1, "of_tomorrow": object()}
    check(V2, task(V2, **further, vocabulary_id=None))


@pytest.mark.parametrize("name", ["format", "sample_rate"])
def test_what_is_required_is_missed(name: str) -> None:
    """A task without its format or rate is refused, by a name that says so."""
    parameters = task(V2)
    del parameters[name]
    with pytest.raises(InvalidOptionError, match=f"{name}: is required"):
        check(V2, parameters)


def test_another_model_brings_its_rate() -> None:
    """A rate that the user did not give is that of the model, also when the model is replaced."""
    options = Options()
    assert 8000 == replace(options, model="paraformer-realtime-8k-v2").sample_rate
    there = replace(options, model="paraformer-realtime-8k-v1")
    assert 16000 == replace(there, model=V2).sample_rate
    assert 16000 == Options(sample_rate=None).sample_rate  # type: ignore[arg-type]
    assert 44100 == replace(Options(sample_rate=44100), format="wav").sample_rate
    with pytest.raises(InvalidOptionError, match="takes 8000 Hz only, not 44100"):
        replace(Options(sample_rate=44100), model="paraformer-realtime-8k-v2")


def test_the_limits_are_shown_from_the_rows() -> None:
    """Each row has its limits for the reference; only a type alone has none."""
    limits = {name: row.kind.limits for name, row in PARAMETERS.items() if row.kind.limits}
    assert {
        "format": "pcm, wav, mp3, opus, speex, aac, amr",
        "max_sentence_silence": "200 to 6000 ms",
        "vocabulary": "weight 1 to 5 or 50; at most 2000 words",
        "speech_noise_threshold": "-1 to 1",
        "special_word_filter": "filter_with_signed, filter_with_empty, system_reserved_filter; "
        "at most 32 words in a list",
        "vad_model": "far_field_meeting_16k, near_meeting_16k",
        "context": "5 messages of each role, 400 characters each, user before assistant",
    } == limits


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.sampled_from([math.inf, math.nan, 1e308, 10**400, "", "\ud800"]),
    st.sampled_from(list(VALUES.values())),
    st.builds(object),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    ),
    max_leaves=5,
)
MODEL_NAMES = st.sampled_from([*MODELS, UNKNOWN])


def refused_or(kind: Any, given: dict[str, Any]) -> Any:
    """Make a *kind*; return the name of the option that is refused, if one is."""
    try:
        return kind(**given)
    except InvalidOptionError as error:
        return error.option


@given(MODEL_NAMES, st.dictionaries(st.sampled_from(Options.__struct_fields__), ANYTHING))
def test_any_value_is_an_option_or_one_refusal(model: str, given: dict[str, Any]) -> None:
    """Whatever is given, it makes options that can be sent, or one refusal by name."""
    made = refused_or(Options, {"model": model, **given})
    if isinstance(made, str):
        assert made in given
    else:
        json.dumps(made.task_parameters())


@given(MODEL_NAMES, st.dictionaries(st.sampled_from(CHECKED), ANYTHING))
def test_the_client_and_the_local_service_agree(model: str, given: dict[str, Any]) -> None:
    """The check of the table alone refuses nothing that options accept."""
    made = refused_or(Options, {"model": model, **given})
    if not isinstance(made, str):
        check(model, made.task_parameters())


@pytest.mark.parametrize("policy", [Timeouts, Reconnect, PoolLimits])
@given(data=st.data())
def test_any_value_makes_a_policy_or_one_refusal(policy: Any, data: st.DataObject) -> None:
    """Whatever a bound is, it is accepted or refused by its name."""
    given = data.draw(st.dictionaries(st.sampled_from(policy.__struct_fields__), ANYTHING))
    made = refused_or(policy, given)
    assert not isinstance(made, str) or made.partition(".")[2] in given
