"""Parameters of the service on the command line: `--param name=value`."""

import json
from collections.abc import Iterable
from typing import Any

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.kinds import Flag, Text
from paraformer_async.options.parameters import PARAMETERS

__all__ = ["given_parameters"]

_OPTION = "--param"
_FLAGS = {"true": True, "false": False}
_ELSEWHERE = {
    "language_hints": "use --language",
    "format": "leave it out: it is that of the audio",
}


def given_parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """
    Return options of the recognizer: those of the table of parameters, and `parameters` for others.

    A value is JSON, or text if it is not JSON. The recognizer checks what a model allows.

    Raises:
        InvalidOptionError: A pair is not of the form `name=value`, a name is given twice, or a
            value has the wrong type.
    """
    options: dict[str, Any] = {}
    further: dict[str, Any] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator or not name:
            raise InvalidOptionError(_OPTION, f"{pair!r} is not of the form NAME=VALUE")
        if name in options or name in further:
            raise InvalidOptionError(_OPTION, f"{name} is given twice")
        if name in _ELSEWHERE:
            raise InvalidOptionError(_OPTION, f"{name} is not set here", hint=_ELSEWHERE[name])
        row = PARAMETERS.get(name)
        value = _value(name, text)
        if row is not None and row.checked:
            row.kind.check_type(f"{_OPTION} {name}", value)
            options[name] = value
        else:
            further[name] = value
    return options | ({"parameters": further} if further else {})


def _value(name: str, text: str) -> Any:
    kind = PARAMETERS[name].kind if name in PARAMETERS else None
    if isinstance(kind, Text):
        return text
    if isinstance(kind, Flag):
        return _FLAGS.get(text.lower(), text)
    try:
        return json.loads(text)
    except ValueError:
        return text
