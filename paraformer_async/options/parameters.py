"""
The table of parameters: one row per parameter, and what follows from it and from the models.

`Options`, `Overrides` and `AsyncRecognizer` spell the rows out for type checkers, and tests verify
that they match; checks, run-task and the local service follow from the rows themselves. To add a
parameter: its row here, its name in the rows of `models`, and a field in the three.

Imports only kinds, models and facts of this package. Source: "Paraformer real-time speech
recognition, WebSocket API" and its siblings, Alibaba Cloud Model Studio.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_choice
from paraformer_async.options.context import Conversation
from paraformer_async.options.kinds import Choice, Flag, Kind, Number, Rate, Text, Texts, Whole
from paraformer_async.options.models import MODELS, Model, taking
from paraformer_async.options.service import (
    DEFAULT_SENTENCE_SILENCE,
    FORMATS,
    NOISE_THRESHOLDS,
    SENTENCE_SILENCE,
)
from paraformer_async.options.words import Filter, Weights

__all__ = ["PARAMETERS", "Parameter", "Place", "check"]


class Place(Enum):
    """Where in the payload of run-task a parameter is sent."""

    PARAMETERS = "parameters"
    INPUT = "input"
    RESOURCES = "resources"


class Parameter(Struct, frozen=True, kw_only=True):
    """
    One parameter, as documented.

    Attributes:
        name: The service's name, and ours.
        kind: Its type and limits.
        doc: What it does, in one line.
        default: What applies if it is not sent; `None` if nothing does.
        required: Whether it must be sent.
        vad_only: Whether it is for sentences that end at pauses, not by meaning.
        place: Where it is sent.
        checked: Whether it is an option with checks; if not, it is only known by name, and given in
            `parameters={…}`.
    """

    name: str
    kind: Kind
    doc: str
    default: bool | int | str | None = None
    required: bool = False
    vad_only: bool = False
    place: Place = Place.PARAMETERS
    checked: bool = True


def _row(name: str, kind: Kind, default: bool | int | str | None, doc: str) -> Parameter:
    return Parameter(name=name, kind=kind, doc=doc, default=default)


_ROWS = (
    Parameter(
        name="format",
        kind=Choice(FORMATS),
        doc="Format of streamed audio: pcm (s16le mono), wav, mp3, opus, speex, aac or amr.",
        required=True,
    ),
    Parameter(
        name="sample_rate",
        kind=Rate(),
        doc="Rate of streamed audio in Hz; by default that of the model, or 16000.",
        required=True,
    ),
    _row("vocabulary_id", Text(), None, "Id of a list of hot words, of v2 and later models."),
    Parameter(
        name="phrase_id",
        kind=Text(),
        doc="Id of a list of hot words, of v1 models.",
        place=Place.RESOURCES,
    ),
    _row("disfluency_removal_enabled", Flag(), False, "Drop filler words."),
    _row(
        "language_hints",
        Texts('["zh", "en"]'),
        None,
        "Languages that may be spoken; detected if not given.",
    ),
    _row("semantic_punctuation_enabled", Flag(), False, "End sentences by meaning, not at pauses."),
    Parameter(
        name="max_sentence_silence",
        kind=Whole(SENTENCE_SILENCE, "ms"),
        doc="The pause in ms that ends a sentence, 200 to 6000.",
        default=DEFAULT_SENTENCE_SILENCE,
        vad_only=True,
    ),
    Parameter(
        name="multi_threshold_mode_enabled",
        kind=Flag(),
        doc="Keep sentences that end at pauses from growing long.",
        default=False,
        vad_only=True,
    ),
    _row("punctuation_prediction_enabled", Flag(), True, "Add punctuation."),
    _row(
        "heartbeat",
        Flag(),
        False,
        "Keep the stream alive while its source is quiet, by sending silence that also ends the "
        "last sentence.",
    ),
    _row("inverse_text_normalization_enabled", Flag(), True, "Write numbers in digits."),
    _row("vocabulary", Weights(), None, "Hot words with their weights, 1 to 5, or 50."),
    _row(
        "speech_noise_threshold",
        Number(*NOISE_THRESHOLDS),
        None,
        "From -1.0 to 1.0; toward 1.0, more of the audio is taken for noise.",
    ),
    _row("special_word_filter", Filter(), None, "Words to replace with symbols, or to leave out."),
    _row(
        "vad_model",
        Choice(("far_field_meeting_16k", "near_meeting_16k")),
        "far_field_meeting_16k",
        "The VAD: far_field_meeting_16k or near_meeting_16k.",
    ),
    _row("keep_dialect", Flag(), False, "Write dialect as it is spoken, not as Mandarin."),
    _row("intermediate_result_enabled", Flag(), False, "Send partial results, too."),
    Parameter(
        name="context",
        kind=Conversation(),
        doc="The conversation so far: text with the terms to expect, or messages with role "
        "(user, assistant) and content.",
        place=Place.INPUT,
    ),
    *(
        # The vendor's client passes these on; they are not documented for any of the models.
        Parameter(name=name, kind=Kind(), doc=doc, checked=False)
        for name, doc in (
            ("diarization_enabled", "Distinguish speakers."),
            ("speaker_count", "How many speakers there are."),
            ("timestamp_alignment_enabled", "Align the times of words."),
            ("audio_event_detection_enabled", "Detect events such as applause."),
        )
    ),
)
PARAMETERS: Mapping[str, Parameter] = {row.name: row for row in _ROWS}


def check(model: str, parameters: Mapping[str, object]) -> None:
    """
    Check the *parameters* of a task; the same in the client and in the local service.

    `None` counts as not given. Names that are not in the table are passed over, and so is
    everything but types when the *model* is not in its table.

    Args:
        model: Name of the model.
        parameters: Names and values, of `payload.parameters`, `phrase_id` and `context`.

    Raises:
        InvalidOptionError: The first that cannot work; `option` is its name.
    """
    given = {
        name: value
        for name, row in PARAMETERS.items()
        if (value := parameters.get(name)) is not None and row.checked
    }
    for name, row in PARAMETERS.items():
        if row.required and name not in given:
            raise InvalidOptionError(name, "is required")
    for name, value in given.items():
        PARAMETERS[name].kind.check_type(name, value)
    known = MODELS.get(model)
    if known is not None:
        _check_against(known, given)


def _check_against(model: Model, given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name not in model.parameters:
            others = ", ".join(taking(name))
            raise InvalidOptionError(
                name, f"{model.name} does not take it", hint=f"these models do: {others}"
            )
        PARAMETERS[name].kind.check_limits(name, value)
    if model.sample_rate not in (None, given["sample_rate"]):
        raise InvalidOptionError(
            "sample_rate",
            f"{model.name} takes {model.sample_rate} Hz only, not {given['sample_rate']}",
            hint=f"resample_from={given['sample_rate']} converts a stream of that rate",
        )
    _check_languages(model, given.get("language_hints", ()))
    if given.get("semantic_punctuation_enabled"):
        for name in given:
            if PARAMETERS[name].vad_only:
                raise InvalidOptionError(name, "works only with semantic_punctuation_enabled=False")


def _check_languages(model: Model, hints: Sequence[str]) -> None:
    for hint in hints:
        if model.languages is not None:
            require_choice("language_hints", hint, model.languages)
    if model.language_hints is not None and len(hints) > model.language_hints:
        raise InvalidOptionError(
            "language_hints", f"{model.name} takes {model.language_hints} at most, not {len(hints)}"
        )
