"""
Checks and copies of a single value, whatever option it belongs to.

Imports only `errors`, and knows no option, parameter or model. Each refusal is an
`InvalidOptionError` that names the option, the value, and what is allowed. Every check accepts any
object: it never raises anything else.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from inspect import iscoroutinefunction
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import msgspec

from paraformer_async.errors import InvalidOptionError

__all__ = [
    "is_whole",
    "require_address",
    "require_choice",
    "require_count",
    "require_flag",
    "require_function",
    "require_json",
    "require_kind",
    "require_mapping",
    "require_number",
    "require_seconds",
    "require_sequence",
    "require_text",
    "require_texts",
    "shown",
    "snapshot",
]

# Far beyond any use, and far below where sums of times or sizes of buffers overflow.
_MOST = 1_000_000_000
_SHOWN = 80  # characters of a refused value


def shown(value: object) -> str:
    """Return the `repr` of *value* for an error text: short, and without fail."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - `repr` of a foreign object, or of an int of 5000 digits
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def snapshot(value: Any) -> Any:
    """
    Return *value* with copies of all mappings and sequences in it, as dicts, lists and tuples.

    Programs go on with their own: they append to a conversation, or reuse a list for the next call.
    """
    if isinstance(value, Mapping):
        return {key: snapshot(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | range):
        return (tuple if isinstance(value, tuple) else list)(map(snapshot, value))
    return value


def is_whole(value: object) -> TypeGuard[int]:
    """Return whether *value* is an int that is not a bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def require_text(name: str, value: object, *, secret: str = "") -> None:
    """
    Check that *value* is text that can be part of a header or of JSON.

    Args:
        name: Name of the option.
        value: The value; it is not shown if *secret* is given.
        secret: What the error calls the value in its place.
    """
    if not isinstance(value, str) or not value or not value.isprintable() or value != value.strip():
        raise InvalidOptionError(
            name,
            f"{secret or shown(value)} must be text, not empty, without control characters, "
            "and without spaces around it",
        )


def require_flag(name: str, value: object) -> None:
    """Check that *value* is a bool."""
    if not isinstance(value, bool):
        raise InvalidOptionError(name, f"{shown(value)} is neither True nor False")


def require_number(name: str, value: object, allowed: str) -> float:
    """Return *value*, a finite float or int; *allowed* is for the error."""
    try:
        is_finite = isinstance(value, float | int) and math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        is_finite = False
    if not is_finite or not isinstance(value, float | int) or isinstance(value, bool):
        raise InvalidOptionError(name, f"{shown(value)} is not {allowed}")
    return value


def require_seconds(name: str, value: object) -> None:
    """Check that *value* is a number of seconds above 0 and not beyond 30 years."""
    allowed = f"a number of seconds above 0 and at most {_MOST}"
    if not 0 < require_number(name, value, allowed) <= _MOST:
        raise InvalidOptionError(name, f"{shown(value)} is not {allowed}")


def require_count(name: str, value: object) -> None:
    """Check that *value* is an int above 0."""
    if not is_whole(value) or not 0 < value <= _MOST:
        raise InvalidOptionError(name, f"{shown(value)} is not a whole number from 1 to {_MOST}")


def require_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Check that *value* is one of the texts in *choices*."""
    choices = tuple(choices)
    if not isinstance(value, str) or value not in choices:
        raise InvalidOptionError(name, f"{shown(value)} is not one of {', '.join(choices)}")


def require_kind(name: str, value: object, kind: type, expected: str) -> None:
    """Check that *value* is an instance of *kind* and not a str; *expected* is for the error."""
    if not isinstance(value, kind) or isinstance(value, str):
        raise InvalidOptionError(name, f"must be {expected}, not {type(value).__name__}")


def require_sequence(name: str, value: object, expected: str) -> Sequence[object]:
    """Return *value*, a sequence that is not text; *expected* is for the error."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InvalidOptionError(name, f"must be {expected}, not {type(value).__name__}")
    return value


def require_texts(name: str, value: object, example: str) -> Sequence[object]:
    """Return *value*, a sequence of texts with at least one; *example* is for the error."""
    texts = require_sequence(name, value, f"a list of texts, like {example}")
    if not texts:
        raise InvalidOptionError(name, f"is empty; name at least one, like {example}")
    for text in texts:
        require_text(name, text)
    return texts


def require_mapping(name: str, value: object, expected: str) -> Mapping[Any, object]:
    """Return *value*, a mapping; *expected* is for the error."""
    if not isinstance(value, Mapping):
        raise InvalidOptionError(name, f"must be {expected}, not {type(value).__name__}")
    return value


def require_json(name: str, value: object, what: object) -> None:
    """
    Check that *value* can be sent as JSON; *what* is how the error calls it.

    msgspec would encode more, such as bytes (in base64) and NaN (as null).
    """
    try:
        msgspec.json.encode(value)
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidOptionError(name, f"{shown(what)} cannot be sent as JSON: {error}") from error


def require_function(name: str, value: object, takes: str) -> None:
    """Check that *value* is a function that is not async; *takes* is for the error."""
    if not callable(value):
        raise InvalidOptionError(name, f"{shown(value)} must be a function of {takes}")
    if iscoroutinefunction(value) or iscoroutinefunction(type(value).__call__):
        raise InvalidOptionError(name, "is called, not awaited: it must not be async")


def require_address(name: str, value: object, *schemes: str) -> None:
    """
    Check an address without ever showing it, because it may contain a secret.

    It must have one of *schemes*, a host, and a valid port; only a proxy's may have credentials.
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
        has_valid_port = address.port != 0
    except ValueError:
        has_valid_port = False
    if not has_valid_port:
        raise InvalidOptionError(name, "the port of the address must be a number, 1 to 65535")


def _is_plain(address: str) -> bool:
    """Return whether *address* has no spaces and control characters; `urlsplit` skips some."""
    return address.isprintable() and " " not in address
