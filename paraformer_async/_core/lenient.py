"""
Decodes events of the service that deviate from the documentation.

The service adds fields and changes types without notice. A field that only informs (usage, ids,
emotion) must never end a recognition, so unusable values are left out: numbers may be fractions or
text, text may contain half a surrogate pair, anything may be null, NaN, of another type or nested
too deep to be read. An event is refused only if its sentence is unusable.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

from paraformer_async._core.nesting import shallow
from paraformer_async.errors import RemoteProtocolError

__all__ = ["parse", "usable"]

# Larger numbers are not valid as times (this is 285,000 years), and a double is not exact there.
_LARGEST = 2**53
# Longer integers are infinite as a double.
_MOST_DIGITS = 400


def parse(frame: str | bytes) -> Any:
    """
    Parse *frame* as JSON; accept NaN, infinities, control characters and half surrogate pairs.

    Values that are nested too deep are `None`.

    Raises:
        ValueError: The frame is not JSON.
    """
    text = frame if isinstance(frame, str) else frame.decode(errors="surrogatepass")
    try:
        return _parse(text)
    except RecursionError:
        return _parse(shallow(text))


def usable(document: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the usable parts of an event, in the documented types.

    Raises:
        RemoteProtocolError: The sentence is unusable.
    """
    header, payload = _mapping(document["header"]), _mapping(document.get("payload"))
    kept = {"event": header["event"], "task_id": _text(header.get("task_id")) or ""}
    for name in ("error_code", "error_message"):
        kept[name] = _as_text(header.get(name))
    output = _mapping(payload.get("output"))
    found: dict[str, Any] = {
        name: None if output.get(name) is None else _with_stash(output[name])
        for name in ("sentence", "transcription")
    }
    if isinstance(output.get("translations"), list):
        found["translations"] = list(_translations(output["translations"]))
    return {
        "header": kept,
        "payload": {"output": found, "usage": _usage(payload.get("usage"))},
    }


def _translations(values: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the translations that can be used."""
    for value in values:
        with suppress(RemoteProtocolError):
            yield _with_stash(value) | {"lang": _as_text(value.get("lang"))}


def _parse(text: str) -> Any:
    return json.loads(text, strict=False, parse_int=_integer)


def _integer(digits: str) -> int | float:
    """Return an integer of any length: Python refuses to convert thousands of digits."""
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _sentence(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RemoteProtocolError(
            f"the sentence of a result is {type(value).__name__}, not an object"
        )
    words = [_fields(word, _WORD) for word in _items(value.get("words")) if isinstance(word, dict)]
    text = value.get("text")
    if text is not None and not isinstance(text, str | int | float):
        if not words:
            raise RemoteProtocolError("the text of a sentence cannot be read")
        text = "".join(word.get("text", "") + word.get("punctuation", "") for word in words)
    return _fields(value, _SENTENCE) | {"text": _as_text(text), "words": words}


def _with_stash(value: Any) -> dict[str, Any]:
    sentence = _sentence(value)
    stash = value.get("stash")
    if isinstance(stash, dict):
        with suppress(RemoteProtocolError):  # it only informs
            sentence["stash"] = _sentence(stash)
    return sentence


def _usage(value: Any) -> dict[str, Any] | None:
    return _fields(value, _USAGE) if isinstance(value, dict) else None


def _fields(value: Mapping[str, Any], rules: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Return the usable fields; the others are left out."""
    found = {name: rule(value.get(name)) for name, rule in rules.items()}
    return {name: field for name, field in found.items() if field is not None}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) and abs(number) <= _LARGEST else None


def _time(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else round(number)


def _count(value: Any) -> int | float | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else number


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return bool(value) if isinstance(value, bool | int) else None


def _text(value: Any) -> str | None:
    return value.encode(errors="replace").decode() if isinstance(value, str) else None


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _id(value: Any) -> int | str | None:
    number = None if isinstance(value, str) else _number(value)
    if number is not None and number.is_integer():
        return int(number)
    return _text(value)


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() else None


_WORD: Mapping[str, Callable[[Any], Any]] = {
    "begin_time": _time,
    "end_time": _time,
    "text": _as_text,
    "punctuation": _as_text,
    "fixed": _flag,
}
_SENTENCE: Mapping[str, Callable[[Any], Any]] = {
    "begin_time": _time,
    "end_time": _time,
    "sentence_end": _flag,
    "heartbeat": _flag,
    "emo_tag": _text,
    "emo_confidence": _number,
    "sentence_id": _id,
    "speaker_id": _id,
    "channel_id": _id,
    "sentence_begin": _flag,
    "vad_pre_end": _flag,
    "pre_end_failed": _flag,
    "pre_end_timemillis": _time,
    "pre_end_start_time": _time,
    "pre_end_end_time": _time,
}
_USAGE: Mapping[str, Callable[[Any], Any]] = {
    "duration": _count,
    "input_tokens": _whole,
    "output_tokens": _whole,
    "total_tokens": _whole,
}
