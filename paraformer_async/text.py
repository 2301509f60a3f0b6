"""Text from outside, made safe to show: in a terminal, a log or a caption file."""

import re
import unicodedata

__all__ = ["clean", "inert", "is_unspaced", "is_wide", "tail", "width"]

# Sequences that control a terminal (ECMA-48): CSI, strings such as OSC, other escapes.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# Embeddings, overrides and isolates of direction, which can make text look like another text, and
# the mark of byte order.
_INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff\u061c]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARKS = ("Mn", "Me", "Cf")
# In JSON, what a terminal may act on: C1 controls, separators, overrides of direction, surrogates.
_ACTIVE = re.compile("[\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def clean(text: str) -> str:
    """
    Return *text* on one line, without anything that acts instead of being shown.

    Control characters and line breaks become spaces, escape sequences and overrides of direction
    are removed, and half a surrogate pair becomes U+FFFD. All other text stays as it is.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    text = _INVISIBLE.sub("", _ESCAPES.sub("", text))
    return _SPACES.sub(" ", _SURROGATES.sub("\ufffd", text)).strip()


def inert(document: str) -> str:
    """Return a JSON *document* with its characters that may act on a terminal escaped."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def width(text: str) -> int:
    """Return the columns of *text*: full-width characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(char) in _MARKS else 2 if is_wide(char) else 1 for char in text
    )


def tail(text: str, columns: int) -> str:
    """Return the end of *text*, as much as fits in so many columns."""
    start = max(len(text) - columns, 0) if text.isascii() else 0
    while width(text[start:]) > columns:
        start += 1
    return text[start:]


def is_wide(char: str) -> bool:
    """Return whether a character takes two columns."""
    return unicodedata.east_asian_width(char) in ("W", "F")


def is_unspaced(char: str) -> bool:
    """Return whether a character is of a script without spaces between words, or is an emoji."""
    return is_wide(char) and not unicodedata.name(char, "").startswith("HANGUL")
