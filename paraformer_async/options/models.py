"""
The table of models: one row per model, with every fact of the service that depends on it.

Snapshots and aliases are rows, too. The parameters of a row are names in the table of parameters. A
model that is not here is passed on with its parameters unchecked.

Imports only facts of this package. Sources: "Real-time speech recognition" (models, features)
and "Rate limits", Alibaba Cloud Model Studio.
"""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from paraformer_async.options.service import (
    BEIJING,
    SAMPLE_RATE,
    SINGAPORE,
    TASKS_PER_MINUTE,
)

__all__ = ["MODELS", "Billing", "Model", "rate_of", "taking", "tasks_per_second"]


class Billing(Enum):
    """The unit of the bill."""

    SECONDS = "seconds"
    TOKENS = "tokens"


class Model(Struct, frozen=True, kw_only=True):
    """
    One model, as documented.

    Attributes:
        name: Its name.
        parameters: Names of the parameters that it takes.
        sample_rate: The only rate it takes, in Hz; `None` for any rate.
        languages: Codes of the languages it recognizes; `None` if they are not listed here.
        language_hints: How many `language_hints` count; `None` for any number.
        emotion: Whether its final sentences can carry `emo_tag`; see `Options.emotion`.
        translations: Whether it returns transcriptions and translations, not sentences.
        tasks_per_minute: How many tasks an account may start within a minute.
        regions: Where it is offered.
        billing: The unit of its bill.
    """

    name: str
    parameters: frozenset[str]
    sample_rate: int | None = None
    languages: tuple[str, ...] | None = None
    language_hints: int | None = None
    emotion: bool = False
    translations: bool = False
    tasks_per_minute: int = TASKS_PER_MINUTE
    regions: tuple[str, ...] = (BEIJING,)
    billing: Billing = Billing.SECONDS


_ALL = frozenset({"format", "sample_rate", "disfluency_removal_enabled"})
_V1 = _ALL | {"phrase_id"}
# "v2 and later models"
_LATER = _ALL | {
    "vocabulary_id",
    "semantic_punctuation_enabled",
    "max_sentence_silence",
    "multi_threshold_mode_enabled",
    "punctuation_prediction_enabled",
    "heartbeat",
    "inverse_text_normalization_enabled",
}
_FUN = _LATER | {"speech_noise_threshold", "special_word_filter"}
_QWEN = _FUN | {"language_hints", "vocabulary", "context"}
_QWEN_31 = _QWEN | {"keep_dialect", "vad_model"}
_MESSAGE = _QWEN_31 - {
    "language_hints",
    "semantic_punctuation_enabled",
    "multi_threshold_mode_enabled",
    "special_word_filter",
} | {"intermediate_result_enabled"}

_BOTH = (BEIJING, SINGAPORE)
_FUN_ASR = Model(
    name="fun-asr-realtime",
    parameters=_FUN | {"language_hints", "context"},
    language_hints=1,
    regions=_BOTH,
)
_FUN_ASR_BEIJING = replace(
    _FUN_ASR, parameters=_FUN_ASR.parameters - {"context"}, regions=(BEIJING,)
)
_FUN_ASR_8K = Model(
    name="fun-asr-flash-8k-realtime", parameters=_FUN, sample_rate=8000, languages=("zh",)
)
# Which parameters Gummy accepts besides those of all models is not documented where the others are.
# Ignored parameters do no harm, so only those are refused that are known to belong to others.
_GUMMY = Model(name="gummy-realtime-v1", parameters=_LATER, sample_rate=16000, translations=True)

MODELS: Mapping[str, Model] = {
    model.name: model
    for model in (
        Model(
            name="paraformer-realtime-v2",
            parameters=_LATER | {"language_hints"},
            languages=("zh", "en", "ja", "yue", "ko", "de", "fr", "ru"),
        ),
        Model(
            name="paraformer-realtime-8k-v2",
            parameters=_LATER,
            sample_rate=8000,
            languages=("zh",),
            emotion=True,
        ),
        Model(name="paraformer-realtime-v1", parameters=_V1, sample_rate=16000, languages=("zh",)),
        Model(
            name="paraformer-realtime-8k-v1", parameters=_V1, sample_rate=8000, languages=("zh",)
        ),
        Model(
            name="qwen-audio-3.1-asr-flash-streaming",
            parameters=_QWEN_31,
            language_hints=4,
            tasks_per_minute=600,
            regions=_BOTH,
            billing=Billing.TOKENS,
        ),
        Model(
            name="qwen-audio-3.1-asr-flash-message",
            parameters=_MESSAGE,
            sample_rate=16000,
            regions=_BOTH,
            billing=Billing.TOKENS,
        ),
        Model(
            name="qwen-audio-3.0-asr-flash-streaming",
            parameters=_QWEN,
            language_hints=4,
            regions=_BOTH,
        ),
        _FUN_ASR,
        replace(_FUN_ASR, name="fun-asr-realtime-2025-11-07"),
        replace(_FUN_ASR_BEIJING, name="fun-asr-realtime-2026-02-28"),
        replace(_FUN_ASR_BEIJING, name="fun-asr-realtime-2025-09-15"),
        _FUN_ASR_8K,
        replace(_FUN_ASR_8K, name="fun-asr-flash-8k-realtime-2026-01-28"),
        _GUMMY,
        replace(_GUMMY, name="gummy-chat-v1"),
    )
}


def taking(parameter: str) -> tuple[str, ...]:
    """Return the names of the models that take *parameter*, in the order of the table."""
    return tuple(name for name, model in MODELS.items() if parameter in model.parameters)


def rate_of(model: str) -> int:
    """Return the sample rate of *model* in Hz: its only one, or 16000."""
    row = MODELS.get(model)
    return (row and row.sample_rate) or SAMPLE_RATE


def tasks_per_second(model: str) -> int:
    """Return how many tasks of *model* an account may start within a second."""
    row = MODELS.get(model)
    return max(1, (row.tasks_per_minute if row else TASKS_PER_MINUTE) // 60)
