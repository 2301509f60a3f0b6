"""Ray, which is imported on first use."""

from importlib import import_module
from typing import Any

from paraformer_async.errors import MissingExtraError

__all__ = ["load"]


def load(name: str = "ray") -> Any:
    """
    Return Ray, or a module of it.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError("Ray", "ray") from error
