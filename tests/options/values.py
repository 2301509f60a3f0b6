"""A value of each parameter, for tests."""

from typing import Any

# A value that every model takes that takes the parameter.
VALUES: dict[str, Any] = {
    "format": "wav",
    "sample_rate": 16000,
    "vocabulary_id": "vocab-1",
    "phrase_id": "phrase-1",
    "disfluency_removal_enabled": True,
    "language_hints": ["zh"],
    "semantic_punctuation_enabled": False,
    "max_sentence_silence": 800,
    "multi_threshold_mode_enabled": True,
    "punctuation_prediction_enabled": False,
    "heartbeat": True,
    "inverse_text_normalization_enabled": False,
    "vocabulary": {"Paraformer": 4},
    "speech_noise_threshold": -0.5,
    "special_word_filter": {"filter_with_signed": {"word_list": ["word"]}},
    "vad_model": "near_meeting_16k",
    "keep_dialect": True,
    "intermediate_result_enabled": True,
    "context": "Paraformer",
}
