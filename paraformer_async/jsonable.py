"""Results as plain data: for JSON, and for frameworks that produce it."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, ClassVar, Self

import msgspec

from paraformer_async.errors import InvalidOptionError

__all__ = ["Jsonable", "informative"]


class Jsonable(msgspec.Struct, frozen=True, gc=False):
    """
    A result that is plain data in one call.

    `dict(result)` works, too, and so do FastAPI and pydantic models with results as fields.
    """

    _derived: ClassVar[tuple[str, ...]] = ()  # properties that belong to the data

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as dicts, lists, strings, numbers and `None`."""
        return {name: _plain(self[name]) for name in self.keys()}

    def to_json(self, *, indent: int | None = None) -> str:
        """
        Return the fields as JSON, with non-ASCII characters as they are.

        Args:
            indent: Spaces for each level; `None` for a single line.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=indent)
        return text.encode(errors="backslashreplace").decode()  # half a surrogate pair

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Return the result whose `to_dict` is *data*; fields that are not known are passed over.

        Raises:
            InvalidOptionError: *data* is something else.
        """
        try:
            return msgspec.convert(dict(data), cls)
        except (TypeError, ValueError) as error:
            raise InvalidOptionError("data", f"is no {cls.__name__}: {error}") from None

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """
        Return the result whose `to_json` is *text*; see `from_dict`.

        Raises:
            InvalidOptionError: *text* is something else.
        """
        try:
            return cls.from_dict(json.loads(text))
        except (TypeError, ValueError, RecursionError) as error:
            if isinstance(error, InvalidOptionError):
                raise
            raise InvalidOptionError("text", f"is no JSON of a {cls.__name__}: {error}") from None

    def keys(self) -> tuple[str, ...]:
        """Return the names of the fields in `to_dict`."""
        return (*self._derived, *self.__struct_fields__)

    def __getitem__(self, name: str) -> Any:
        """Return the value of a field."""
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    __iter__ = None  # a mapping in the eyes of `dict`, but nothing to loop over

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic validate instances or dicts, and serialize to dicts."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_dict),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        """Describe the data as an object."""
        return {"type": "object", "title": cls.__name__}

    @classmethod
    def _validated(cls, value: Any) -> Self:
        return value if isinstance(value, cls) else msgspec.convert(value, cls)


def informative(value: Any) -> Any:
    """Return plain data without the fields that say nothing: `None`, `False`, and what is empty."""
    if isinstance(value, dict):
        kept = {name: informative(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if one or (one == 0 and one is not False)}
    return [informative(one) for one in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Jsonable):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
