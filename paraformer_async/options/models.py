"""
What the service's documents say of its models, as data.

Ground floor: imports nothing of ours.
"""

from collections.abc import Mapping

from msgspec import Struct

__all__ = ["FORMATS", "LANGUAGES", "MODELS", "Model"]

FORMATS = ("pcm", "wav", "mp3", "opus", "speex", "aac", "amr")
LANGUAGES = ("zh", "en", "ja", "yue", "ko", "de", "fr", "ru")


class Model(Struct, frozen=True):
    """
    What the documents say of a model.

    Attributes:
        sample_rate: The only rate it takes, in Hz; `None` for any rate.
        language_hints: Whether `language_hints` may be given (multilingual models).
        second_generation: Whether the parameters of "v2 and later" may be given.
        emotion: Whether its final sentences can carry `emo_tag`, see `Options.emotion`.
    """

    sample_rate: int | None
    language_hints: bool = False
    second_generation: bool = False
    emotion: bool = False


MODELS: Mapping[str, Model] = {
    "paraformer-realtime-v2": Model(None, language_hints=True, second_generation=True),
    "paraformer-realtime-8k-v2": Model(8000, second_generation=True, emotion=True),
    "paraformer-realtime-v1": Model(16000),
    "paraformer-realtime-8k-v1": Model(8000),
}
