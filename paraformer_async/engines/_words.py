"""
Words with times from the text of a recognizer.

The recognizers here return text without word times. The words are spread over the voiced parts of
the sentence by their length, so the times are approximate: exact at the ends of each sentence, and
off by a syllable or two in between.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from paraformer_async.results import Word

__all__ = ["join_words", "rambles", "split_words", "spread_words"]

# Scripts that are written without spaces: each character counts as a word, as in the service.
_IDEOGRAPH = (
    r"\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_WIDE_MARKS = "，。、；：！？「」『』（）【】《》〈〉～·"
_TOKEN = re.compile(rf"[{_IDEOGRAPH}]|[{_WIDE_MARKS}]+|[^\s{_IDEOGRAPH}{_WIDE_MARKS}]+")
_OPENING = '"([{<«“‘¿¡–—'
_CLOSING = "\"')]}>»”’.,;:!?…–—-"
_MARKS = _WIDE_MARKS + _OPENING + _CLOSING


def split_words(text: str) -> list[Word]:
    """
    Split text into words without times.

    Words are separated by spaces; a Chinese or Japanese character is a word of its own. The marks
    after a word become its `punctuation`; opening marks belong to no word.
    """
    words: list[Word] = []
    for token in _TOKEN.findall(text):
        core = token.lstrip(_OPENING)
        word = core.rstrip(_CLOSING + _WIDE_MARKS)
        if word:
            words.append(Word(text=word, punctuation=core[len(word) :]))
        elif words:  # nothing but marks: they follow the previous word
            words[-1] = Word(text=words[-1].text, punctuation=words[-1].punctuation + token)
    return words


def join_words(words: Iterable[Word], *, punctuation: bool = True) -> str:
    """Return words as text, with spaces between words but not between ideographs."""
    text = ""
    for word in words:
        spaced = text and not (_is_ideograph(text.rstrip(_MARKS)[-1:]) and _is_ideograph(word.text))
        text += " " * bool(spaced) + word.text + (word.punctuation if punctuation else "")
    return text


def spread_words(words: Sequence[Word], spans: Sequence[tuple[int, int]]) -> tuple[Word, ...]:
    """
    Assign approximate times to words: each has a share of the voiced time by its length.

    Args:
        words: The words, in order.
        spans: The voiced parts of the sentence as (begin, end) in ms, in order, at least one.

    Returns:
        The words with times in ms, in order and without overlap, all inside the spans.
    """
    # One more than the letters: short words are longer than their letters suggest.
    shares = [0, *accumulate(len(word.text) + 1 for word in words)]
    voiced = [0, *accumulate(end - begin for begin, end in spans)]
    marks = [share * voiced[-1] // shares[-1] for share in shares]
    timed: list[Word] = []
    for word, start, stop in zip(words, marks, marks[1:], strict=False):
        begin = _time(bisect_right(voiced, start) - 1, start, spans, voiced)
        end = max(begin, _time(bisect_left(voiced, stop) - 1, stop, spans, voiced))
        timed.append(Word(begin, end, word.text, word.punctuation))
    return tuple(timed)


def rambles(text: str) -> bool:
    """Return whether a word occurs four times in a row, as in the output of a model that fails."""
    words = [word.text.lower() for word in split_words(text)]
    return any(len(set(words[at : at + 4])) == 1 for at in range(len(words) - 3))


def _time(index: int, mark: int, spans: Sequence[tuple[int, int]], voiced: list[int]) -> int:
    """Return where *mark* ms of voice are in the recognition, counted from the span *index*."""
    index = min(max(index, 0), len(spans) - 1)
    return spans[index][0] + mark - voiced[index]


def _is_ideograph(text: str) -> bool:
    return re.match(rf"[{_IDEOGRAPH}]", text) is not None
