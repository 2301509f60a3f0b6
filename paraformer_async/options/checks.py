"""
The checks of `Options`: what can never work is refused before anything is sent.

Ground floor: imports only `errors` and `models` of ours. Each refusal is one `InvalidOptionError`
that names the option, what was given, and what is allowed.
"""

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import urlsplit

import msgspec

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.models import FORMATS, LANGUAGES, MODELS, Model

if TYPE_CHECKING:
    from paraformer_async.options.options import Options

FLAGS = (
    "disfluency_removal_enabled",
    "semantic_punctuation_enabled",
    "multi_threshold_mode_enabled",
    "punctuation_prediction_enabled",
    "heartbeat",
    "inverse_text_normalization_enabled",
)
TASK_PARAMETERS = (
    "format",
    "sample_rate",
    "vocabulary_id",
    "language_hints",
    "max_sentence_silence",
    *FLAGS,
)
_SECOND_GENERATION = (
    "vocabulary_id",
    "semantic_punctuation_enabled",
    "max_sentence_silence",
    "multi_threshold_mode_enabled",
    "punctuation_prediction_enabled",
    "heartbeat",
    "inverse_text_normalization_enabled",
)
# Options of VAD sentence breaks; they have no meaning when sentences are broken by meaning.
_VAD_ONLY = ("max_sentence_silence", "multi_threshold_mode_enabled")
_SENTENCE_SILENCE = range(200, 6001)


def check(options: "Options") -> None:
    """Refuse *options* that cannot work."""
    _check_types(options)
    if model := MODELS.get(options.model):
        _check_against(model, options)
    _check_heartbeat(options)
    _check_parameters(options)
    _check_connection(options)


def require_positive(name: str, value: object) -> None:
    """Refuse a *value* of option *name* that is not a number of seconds above 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise InvalidOptionError(name, f"{value!r} is not a number of seconds above 0")


def require_count(name: str, value: object) -> None:
    """Refuse a *value* of option *name* that is not a whole number above 0."""
    if not _is_int(value) or value <= 0:
        raise InvalidOptionError(name, f"{value!r} is not a whole number above 0")


def require_kind(name: str, value: object, kind: type, expected: str) -> None:
    """Refuse a *value* of option *name* that is no *kind*; *expected* tells the user what is."""
    if not isinstance(value, kind) or isinstance(value, str):
        raise InvalidOptionError(name, f"must be {expected}, not {type(value).__name__}")


def require_address(name: str, value: object, *schemes: str) -> None:
    """
    Refuse an address in option *name* that can never work. Never shows it.

    It has one of *schemes*, a host, and a port that can be one; credentials are for proxies only.
    """
    try:
        address = urlsplit(value) if isinstance(value, str) and _is_plain(value) else None
    except ValueError:  # a broken IPv6 address
        address = None
    if address is None or address.scheme not in schemes or not address.hostname:
        begin = " or ".join(f"{scheme}://" for scheme in schemes)
        raise InvalidOptionError(name, f"the address must begin with {begin} and name a host")
    if "@" in address.netloc and "http" not in schemes:
        raise InvalidOptionError(
            name, "the address must have no credentials", hint="the key goes into api_key="
        )
    try:
        is_port = address.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise InvalidOptionError(name, "the port of the address must be a number, 1 to 65535")


def require_function(name: str, value: object, takes: str) -> None:
    """Refuse a *value* of option *name* that cannot be called; *takes* tells with what it is."""
    if not callable(value):
        raise InvalidOptionError(name, f"{value!r} must be a function of {takes}")


def _check_types(options: "Options") -> None:
    _require_text("model", options.model)
    _require_text("format", options.format)
    if not _is_int(options.sample_rate) or options.sample_rate <= 0:
        is_other = isinstance(options.sample_rate, numbers.Number) and not isinstance(
            options.sample_rate, int
        )
        what = "an int" if is_other else "a rate in Hz"
        raise InvalidOptionError(
            "sample_rate", f"{options.sample_rate!r} is not {what}, like 16000"
        )
    for name in ("vocabulary_id", "phrase_id"):
        if getattr(options, name) is not None:
            _require_text(name, getattr(options, name))
    for name in FLAGS:
        if not isinstance(getattr(options, name), bool | None):
            raise InvalidOptionError(name, f"{getattr(options, name)!r} is neither True nor False")
    hints = options.language_hints
    if hints is not None:
        require_kind("language_hints", hints, Sequence, 'a list of languages, like ["zh", "en"]')
        if not hints:
            raise InvalidOptionError("language_hints", 'is empty; name some, like ["zh", "en"]')
    silence = options.max_sentence_silence
    if silence is not None and not _is_int(silence):
        raise InvalidOptionError("max_sentence_silence", f"{silence!r} is not a whole number of ms")
    require_positive("buffer", options.buffer)
    if math.isinf(options.buffer):
        raise InvalidOptionError("buffer", "must have an end, or audio would pile up for ever")
    require_kind("parameters", options.parameters, Mapping, "a dict of names and values")


def _check_against(model: Model, options: "Options") -> None:
    if options.format not in FORMATS:
        raise InvalidOptionError("format", f"{options.format!r} is not one of {', '.join(FORMATS)}")
    if model.sample_rate not in (None, options.sample_rate):
        raise InvalidOptionError(
            "sample_rate",
            f"{options.model} takes {model.sample_rate} Hz only, not {options.sample_rate}",
        )
    _check_languages(model, options)
    if not model.second_generation:
        _refuse(
            options,
            _SECOND_GENERATION,
            f"{options.model} does not take it, v2 models do",
        )
    elif options.phrase_id is not None:
        raise InvalidOptionError(
            "phrase_id",
            f"{options.model} does not take it, v1 models do",
            hint="v2 models take vocabulary_id=",
        )
    silence = options.max_sentence_silence
    if silence is not None and silence not in _SENTENCE_SILENCE:
        raise InvalidOptionError(
            "max_sentence_silence", f"{silence} ms is not within 200 to 6000 ms"
        )
    if options.semantic_punctuation_enabled:
        _refuse(options, _VAD_ONLY, "works only with semantic_punctuation_enabled=False")


def _check_languages(model: Model, options: "Options") -> None:
    if options.language_hints is None:
        return
    if not model.language_hints:
        raise InvalidOptionError(
            "language_hints",
            f"{options.model} knows one language only",
            hint="paraformer-realtime-v2 takes them",
        )
    for language in options.language_hints:
        if language not in LANGUAGES:
            raise InvalidOptionError(
                "language_hints", f"{language!r} is not one of {', '.join(LANGUAGES)}"
            )


def _check_heartbeat(options: "Options") -> None:
    if options.heartbeat and options.format not in ("pcm", "wav"):
        raise InvalidOptionError(
            "heartbeat",
            f"silence cannot be sent into a stream of {options.format}, only into pcm or wav",
            hint="decode the audio to PCM first, or send your own silence with "
            'parameters={"heartbeat": True}',
        )


def _check_parameters(options: "Options") -> None:
    for name, value in options.parameters.items():
        try:
            msgspec.json.encode({name: value})
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise InvalidOptionError(
                "parameters", f"{name!r} cannot be sent as JSON: {error}"
            ) from error
        if name in TASK_PARAMETERS and getattr(options, name) is not None:
            raise InvalidOptionError("parameters", f"{name!r} is given twice: here and as {name}=")


def _check_connection(options: "Options") -> None:
    if isinstance(options.api_key, str):
        _require_text("api_key", options.api_key, shown="the given text")
    elif options.api_key is not None and not callable(options.api_key):
        raise InvalidOptionError("api_key", "must be text, or a callable that gives the text")
    if options.endpoint is not None:
        require_address("endpoint", options.endpoint, "ws", "wss")
    if options.workspace is not None:
        _require_text("workspace", options.workspace)
    require_kind("headers", options.headers, Mapping, "a dict of text")
    for name, value in options.headers.items():
        _require_text("headers", name)
        _require_text("headers", value, shown=f"the value of {name}")
    if options.proxy is not None:
        require_address("proxy", options.proxy, "http", "https")
    if options.ssl is not None:
        from ssl import SSLContext

        require_kind("ssl", options.ssl, SSLContext, "an ssl.SSLContext, like that of your own CA")
    _check_middleware(options.middleware)


def _check_middleware(factories: Sequence[object]) -> None:
    require_kind("middleware", factories, Sequence, "a list of factories, like [Latency]")
    for factory in factories:
        if not callable(factory):
            raise InvalidOptionError(
                "middleware", f"{factory!r} is no factory", hint="give the class, not an instance"
            )


def _refuse(options: "Options", names: Sequence[str], why: str) -> None:
    for name in names:
        if getattr(options, name) is not None:
            raise InvalidOptionError(name, why)


def _require_text(name: str, value: object, *, shown: str | None = None) -> None:
    if not isinstance(value, str) or not value or not value.isprintable() or value != value.strip():
        raise InvalidOptionError(
            name,
            f"{shown or repr(value)} must be text, not empty, without control characters, "
            "and without spaces around it",
        )


def _is_plain(address: str) -> bool:
    """Tell whether *address* has no spaces and control characters; some of them are passed over."""
    return address.isprintable() and " " not in address


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
