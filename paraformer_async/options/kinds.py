"""
Kinds of values that a parameter may have: a type, and limits.

The type applies to every model, even to an unknown one; the limits apply to known ones. Imports
only checks and facts of this package, and knows no parameter by name.
"""

from typing import ClassVar

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import (
    is_whole,
    require_choice,
    require_flag,
    require_number,
    require_text,
    require_texts,
    shown,
)
from paraformer_async.options.service import SAMPLE_RATES

__all__ = ["Choice", "Flag", "Kind", "Number", "Rate", "Text", "Texts", "Whole"]

_LARGEST = 2**63  # of the ints that JSON decoders take


class Kind(Struct, frozen=True):
    """
    What values a parameter may have. This one: any, passed on unchecked.

    Attributes:
        annotation: The Python type, as `Options` spells it.
    """

    annotation: ClassVar[str] = "Any"

    @property
    def limits(self) -> str:
        """What is allowed of the type, in a few words; empty if everything is."""
        return ""

    def check_type(self, name: str, value: object) -> None:
        """Raise `InvalidOptionError` if *value* is not of the type."""

    def check_limits(self, name: str, value: object) -> None:
        """Raise `InvalidOptionError` if *value*, which is of the type, is not allowed."""


class Flag(Kind, frozen=True):
    """`True` or `False`."""

    annotation: ClassVar[str] = "bool"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is a bool."""
        require_flag(name, value)


class Text(Kind, frozen=True):
    """Text without control characters, such as an id."""

    annotation: ClassVar[str] = "str"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is text."""
        require_text(name, value)


class Choice(Text, frozen=True):
    """One of a few texts."""

    choices: tuple[str, ...]

    @property
    def limits(self) -> str:
        """The choices."""
        return ", ".join(self.choices)

    def check_limits(self, name: str, value: object) -> None:
        """Check that it is one of the choices."""
        require_choice(name, value, self.choices)


class Texts(Kind, frozen=True):
    """A list of texts, of which *example* is one in Python."""

    example: str

    annotation: ClassVar[str] = "Sequence[str]"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is a sequence of texts with at least one."""
        require_texts(name, value, self.example)


class Rate(Kind, frozen=True):
    """A sample rate in Hz. Its limits are those of the model."""

    annotation: ClassVar[str] = "int"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is an int that can be a sample rate."""
        if not is_whole(value) or value not in SAMPLE_RATES:
            allowed = f"an int from {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]}, like 16000"
            raise InvalidOptionError(name, f"{shown(value)} is not a rate in Hz, {allowed}")


class Whole(Kind, frozen=True):
    """An int within a range, of some unit."""

    within: range
    unit: str

    annotation: ClassVar[str] = "int"

    @property
    def limits(self) -> str:
        """The range."""
        return f"{self.within[0]} to {self.within[-1]} {self.unit}"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is an int that JSON can hold."""
        if not is_whole(value) or not -_LARGEST <= value < _LARGEST:
            raise InvalidOptionError(name, f"{shown(value)} is not a whole number of {self.unit}")

    def check_limits(self, name: str, value: object) -> None:
        """Check that it is in the range."""
        if value not in self.within:
            raise InvalidOptionError(name, f"{value} {self.unit} is not within {self.limits}")


class Number(Kind, frozen=True):
    """A finite number, with its lowest and highest value."""

    least: float
    most: float

    annotation: ClassVar[str] = "float"

    @property
    def limits(self) -> str:
        """The range."""
        return f"{self.least:g} to {self.most:g}"

    def check_type(self, name: str, value: object) -> None:
        """Check that it is a finite number."""
        require_number(name, value, "a finite number")

    def check_limits(self, name: str, value: object) -> None:
        """Check that it is in the range."""
        if not self.least <= require_number(name, value, "a finite number") <= self.most:
            raise InvalidOptionError(name, f"{shown(value)} is not within {self.limits}")
