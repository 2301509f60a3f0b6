"""Hot words on the command line and in files: `WORD=WEIGHT`, or `WORD`."""

from collections.abc import Iterable
from pathlib import Path

from paraformer_async.account import HotWord
from paraformer_async.errors import InvalidOptionError

__all__ = ["given_words", "written"]


def given_words(words: Iterable[str], file: Path | None) -> list[HotWord]:
    """
    Return the words of the command line, followed by those of *file*, one a line.

    Raises:
        InvalidOptionError: A weight is not a number, or the file is not text.
        OSError: The file cannot be read.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines() if file else []
    except UnicodeDecodeError:
        raise InvalidOptionError("--file", f"{file} is not text in UTF-8") from None
    return [_word_of(text.strip()) for text in [*words, *lines] if text.strip()]


def written(word: HotWord) -> str:
    """Return *word* as it is given."""
    return f"{word.text}={word.weight}"


def _word_of(text: str) -> HotWord:
    word, separator, weight = text.rpartition("=")
    if not separator:
        return HotWord(text)
    if not (weight.isdecimal() and weight.isascii() and len(weight) < 10):
        raise InvalidOptionError(
            "vocabulary", f"the weight of {word!r} is not a number: {weight!r}"
        )
    return HotWord(word, int(weight))
