"""The settings of `paraformer_async.dashscope`, and the client that its recognitions share."""

import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from paraformer_async.middleware import Heartbeat
from paraformer_async.options.options import Overrides
from paraformer_async.sync import Recognizer
from paraformer_async.sync.recognizer import RecognizerOptions

__all__ = ["access_of", "options_of", "recognizer"]

_PACKAGE = "paraformer_async.dashscope"
_WITH_SILENCE = frozenset({"pcm", "wav"})
# What the vendor's package has set by itself; the client has defaults of its own, which know more.
_DEFAULTS = (
    None,
    "https://dashscope.aliyuncs.com/api/v1",
    "wss://dashscope.aliyuncs.com/api-ws/v1/inference",
)
# Options that concern all recognitions together.
_SHARED = tuple(RecognizerOptions.__optional_keys__ - Overrides.__optional_keys__)
# Arguments of the vendor's calls that are options here.
_RENAMED = {"api_key": "api_key", "base_address": "endpoint", "headers": "headers"}
# Arguments that concern the vendor's HTTP client; the time limits here are those of `Timeouts`.
_WITHOUT_MEANING = frozenset({"request_timeout", "user_agent"})


def recognizer() -> Recognizer:
    """Return the client of all recognitions, which opens with the first of each process."""
    given = vars(sys.modules[_PACKAGE])["options"]
    return _recognizer_with(tuple(sorted((name, given[name]) for name in _SHARED if name in given)))


@lru_cache(maxsize=1)
def _recognizer_with(shared: tuple[tuple[str, Any], ...]) -> Recognizer:
    return Recognizer(**dict(shared))


def access_of(api_key: str | None, address: str | None) -> dict[str, Any]:
    """
    Return the options that name the account: as given, or as set on the package.

    Args:
        api_key: The key of one call, which goes first.
        address: Name of the attribute of the package with the address to use.
    """
    found: dict[str, Any] = {}
    if key := api_key or _set("api_key") or _read(_set("api_key_file_path")):
        found["api_key"] = key
    if address and (endpoint := _set(address)):
        found["endpoint"] = endpoint
    return found


def _set(name: str) -> Any:
    """Return an attribute that the program has set: on this package, or on the vendor's."""
    if value := vars(sys.modules[_PACKAGE])[name]:
        return value
    vendor = getattr(sys.modules.get("dashscope"), name, None)
    return None if vendor in _DEFAULTS else vendor


def options_of(params: Mapping[str, Any], **task: Any) -> Overrides:
    """
    Return the options of a recognition.

    Args:
        params: The further arguments of the calls, by the vendor's names.
        task: Options of the task; those that are `None` are left out.
    """
    parameters = {name: value for name, value in params.items() if name not in _WITHOUT_MEANING}
    options = access_of(parameters.pop("api_key", None), "base_websocket_api_url")
    given = vars(sys.modules[_PACKAGE])["options"]
    options |= {name: value for name, value in given.items() if name not in _SHARED}
    options |= {ours: parameters.pop(name) for name, ours in _RENAMED.items() if name in parameters}
    if "raw_input" in parameters:
        options["input"] = parameters.pop("raw_input")
    if parameters.get("heartbeat") and task["format"] in _WITH_SILENCE:
        options["middleware"] = (*options.get("middleware", ()), Heartbeat)
        del parameters["heartbeat"]
    options |= {name: value for name, value in task.items() if value is not None}
    return cast("Overrides", {"buffer": 60.0, **options, "parameters": parameters})


def _read(path: str | None) -> str | None:
    return Path(path).read_text(encoding="utf-8").strip() if path else None
