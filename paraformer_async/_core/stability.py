"""
The part of partial results that will not change any more.

Where the service marks words as fixed, the marks decide. Otherwise partial results have to agree on
it: LocalAgreement (Liu et al. 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and
Translation by Partial Hypothesis Selection"), here for a time as well as for a number of results,
because services differ in how often they send one.
"""

from collections.abc import Sequence
from typing import TypeAlias

from paraformer_async.results import Sentence, Word
from paraformer_async.text import is_wide

__all__ = ["StableText"]

# Seconds, and consecutive partial results, that have to agree. `benchmarks/stability.py` measures
# how often the text is wrong all the same.
_DELAY, _RESULTS = 0.3, 4
# A service that changes older text has to agree for this many times the age of what it changed, and
# for less with each sentence in which it does not.
_CAUTION, _TRUST = 2.0, 0.9

# A beginning of the latest text: its length, since when all results agree on it, and the number of
# the first of them. A plain tuple, because one is made for nearly every result.
Beginning: TypeAlias = tuple[int, float, int]
_NONE: Beginning = (0, 0.0, 0)
_WIDE = "\u1100"  # no character before this one is wide


class StableText:
    """
    The stable text of one sentence after the other.

    Within a sentence it only grows, and it is always the beginning of a text that was received. If
    a later result contradicts it, it stays as it is until the final result.

    Attributes:
        text: The stable text of the current sentence.
    """

    def __init__(self) -> None:
        self.text = ""
        self._latest = ""
        self._proven = _NONE  # the longest beginning on which results have agreed enough
        self._agreed: list[Beginning] = []  # longer ones, the shortest and oldest first
        self._number = 0  # of results
        self._delay = _DELAY
        # Whether the service marks words as fixed; `None` until a mark or a final result shows it.
        self._has_marks: bool | None = None

    def update(self, sentence: Sentence, now: float) -> str:
        """Return the stable text, given the next partial result of the sentence."""
        text = sentence.text
        if not text:
            return self.text  # it contradicts nothing: translations come without a text
        if self._has_marks is not False and self._is_marked(sentence.words):
            length = _fixed(text, sentence.words)
        else:
            length = self._agree(text, now)
        if length > len(self.text) and text.startswith(self.text):
            self.text = text[:length]
        return self.text

    def _is_marked(self, words: Sequence[Word]) -> bool:
        """Whether marks decide. Where all are false, they may come: that is no reason to guess."""
        mark = words[0].fixed if words else None
        if mark:
            self._has_marks = True
        return bool(self._has_marks) or mark is False

    def end(self, sentence: Sentence, now: float) -> None:
        """End the sentence with its final result, which late results do not change any more."""
        if self._has_marks is None and sentence.words:
            # A service that marks words has marked them all by now.
            self._has_marks = bool(sentence.words[0].fixed)
        self._delay = max(_DELAY, self._delay * _TRUST)
        if not sentence.text.startswith(self._latest):
            self._retract(sentence.text, now)
        self.begin()
        self.text = sentence.text

    def begin(self) -> None:
        """Begin another sentence."""
        self.text = self._latest = ""
        self._proven = _NONE
        self._agreed.clear()

    def _agree(self, text: str, now: float) -> int:
        """Return the length of the whole words on which results have now agreed enough."""
        self._number = number = self._number + 1
        agreed, latest = self._agreed, self._latest
        common = len(latest) if text.startswith(latest) else self._retract(text, now)
        self._latest = text
        if len(text) > common:
            agreed.append((len(text), now, number))
        elif not agreed:
            return 0
        before, until, newest = self._proven, now - self._delay, number - _RESULTS + 1
        _, since, first = agreed[0]
        while since <= until and first <= newest:
            self._proven = agreed.pop(0)
            if not agreed:
                break
            _, since, first = agreed[0]
        return 0 if self._proven is before else _whole(text, self._proven[0])

    def _retract(self, text: str, now: float) -> int:
        """Forget what *text* changes in the latest text; return the length that it leaves."""
        latest, agreed = self._latest, self._agreed
        common = _common(latest, text)
        if self._proven[0] > common:
            agreed.insert(0, self._proven)
            self._proven = _NONE
        changed = agreed.pop()  # all of the latest text
        while agreed and agreed[-1][0] > common:
            changed = agreed.pop()
        _, since, number = changed
        agreed.append((common, since, number))
        if common < _whole(latest, len(latest)):  # not only in its last word
            self._delay = max(self._delay, (now - since) * _CAUTION)
        return common


def _common(one: str, other: str) -> int:
    """Return the length of the beginning that two texts share."""
    for length, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return length
    return min(len(one), len(other))


def _fixed(text: str, words: Sequence[Word]) -> int:
    """Return the length of *text* up to the last of the words that begin it and are all fixed."""
    end = at = 0
    for word in words:
        spelling = word.text.strip()
        while at < len(text) and text[at].isspace():
            at += 1
        if not (word.fixed and text.startswith(spelling, at)):
            break
        end = at = at + len(spelling)
        if text.startswith(word.punctuation, at):
            at += len(word.punctuation)  # fixed only if a fixed word follows
    return end


def _whole(text: str, length: int) -> int:
    """Return the length of the whole words in the beginning of a text, without its last word."""
    last = len(text)
    while last and not text[last - 1].isalnum():
        last -= 1
    if length >= last:
        length = max(0, last - 1)
    if text.isascii():  # as below, but fast: words are what stands between spaces
        length = max(0, text.rfind(" ", 0, length + 1))
    else:
        while length and _is_within(text, length):
            length -= 1
    while length and not text[length - 1].isalnum():
        length -= 1  # punctuation can change as long as nothing follows
    return length


def _is_within(text: str, at: int) -> bool:
    """Whether the characters before and after *at* belong to one word."""
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():
        return False
    return (before < _WIDE or not is_wide(before)) and (after < _WIDE or not is_wide(after))
