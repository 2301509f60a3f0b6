"""
What users of the vendor's clients already have: environment variables, and a file with the key.

The names are those of the vendor's clients, 1.x and 2.x. Where both have one, that of 2.x wins.
Everything is read when a connection is made, so a change applies to the next one.

Imports only checks of this package.
"""

import os
from pathlib import Path
from typing import Final

from paraformer_async.errors import InvalidOptionError

__all__ = [
    "HTTP_ADDRESSES",
    "REGIONS",
    "SOCKET_ADDRESS",
    "WORKSPACES",
    "default_key",
    "first_of",
    "key_source",
]

SOCKET_ADDRESS: Final = "DASHSCOPE_WEBSOCKET_BASE_URL"
HTTP_ADDRESSES: Final = ("DASHSCOPE_BASE_URL", "DASHSCOPE_HTTP_BASE_URL")
REGIONS: Final = ("DASHSCOPE_REGION", "DASHSCOPE_API_REGION")
WORKSPACES: Final = ("DASHSCOPE_WORKSPACE", "DASHSCOPE_WORKSPACE_ID")
_KEY: Final = "DASHSCOPE_API_KEY"
_KEY_FILE: Final = "DASHSCOPE_API_KEY_FILE_PATH"
_DEFAULT_KEY_FILE: Final = "~/.dashscope/api_key"


def first_of(*variables: str) -> tuple[str, str] | None:
    """Return the name and the value of the first of *variables* that is set and not empty."""
    for name in variables:
        if value := os.environ.get(name):
            return name, value
    return None


def default_key() -> str:
    """
    Return the key of the environment, or an empty text.

    That is DASHSCOPE_API_KEY, or the content of the file that DASHSCOPE_API_KEY_FILE_PATH names, or
    of `~/.dashscope/api_key`, without spaces and line breaks around it.

    Raises:
        InvalidOptionError: The file that the variable names cannot be read as text.
    """
    source = key_source()
    if isinstance(source, Path):
        return _content(source)
    return os.environ[source] if source else ""


def key_source() -> str | Path | None:
    """Return the variable, or the file, that holds the key of the environment, if any does."""
    if os.environ.get(_KEY):
        return _KEY
    if named := os.environ.get(_KEY_FILE):
        return Path(named).expanduser()
    try:
        default = Path(_DEFAULT_KEY_FILE).expanduser()
    except RuntimeError:  # there is no home directory
        return None
    return default if default.is_file() else None


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        # From nothing: a decoding error contains what was read.
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
    raise InvalidOptionError(
        "api_key",
        f"the key cannot be read from {path}: {reason}",
        hint=f"correct {_KEY_FILE}, or set {_KEY}",
    )
