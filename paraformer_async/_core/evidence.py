"""What results show about audio that no final covers: sentences that are open, and pauses."""

from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar

from paraformer_async.results import Sentence

__all__ = ["Numbering", "OpenSentences"]

_OpenKey: TypeAlias = int | str | tuple[int]
_Key = TypeVar("_Key", bound=_OpenKey)

# Open sentences that are remembered; more would be a defect of the service.
_MOST = 64
# Numbers that results may skip at once; more are skipped by services that count in another way.
_MOST_SKIPPED = 8


class OpenSentences:
    """
    The sentences that have begun and are not final.

    Attributes:
        begins: Where they begin in the user's audio, by `sentence_id`, or by the begin without one.
        unseen: Where those begin at the earliest that had no result so far, by their numbers.
    """

    def __init__(self) -> None:
        self.begins: dict[_OpenKey, int] = {}
        self.unseen: dict[int, int] = {}

    def __bool__(self) -> bool:
        return bool(self.begins or self.unseen)

    def open(self, sentence: Sentence, begin: int) -> None:
        """Record a partial result that begins at *begin*."""
        key = (begin,) if sentence.sentence_id is None else sentence.sentence_id
        if isinstance(key, int):
            self.unseen.pop(key, None)
        if key in self.begins or len(self.begins) < _MOST:
            self.begins[key] = min(begin, self.begins.get(key, begin))

    def close(self, sentence: Sentence, begin: int, end: int) -> None:
        """Record a final result, and that no other sentence that begins in it will follow."""
        number = sentence.sentence_id
        if number is not None:
            self.begins.pop(number, None)
        self.begins = _kept(self.begins, lambda at: not begin <= at < max(end, begin + 1))
        if isinstance(number, int):
            self.unseen.pop(number, None)
            later = (one for one in self.unseen if one > number)
            self.unseen |= {one: max(end, self.unseen[one]) for one in later}

    def skip(self, numbers: Iterable[int], begin: int) -> None:
        """Record that sentences with these numbers have begun, at *begin* or later."""
        if len(self.unseen) < _MOST:
            self.unseen |= dict.fromkeys(numbers, begin)

    def keep(self, is_kept: Callable[[int], bool]) -> None:
        """Keep only the sentences whose begins satisfy *is_kept*."""
        self.begins = _kept(self.begins, is_kept)
        self.unseen = _kept(self.unseen, is_kept)

    def renumber(self) -> None:
        """Forget the numbers of the sentences: a new task counts from the beginning."""
        self.begins = {(at,): at for at in self.begins.values()}
        self.unseen = {}

    def within(self, begin: int, end: float) -> bool:
        """Return whether a sentence begins between two positions, or may do so unseen."""
        unseen = any(begin <= at < end for at in self.unseen.values())
        return unseen or self.were_seen(begin, end)

    def were_seen(self, begin: int, end: float) -> bool:
        """Return whether a result has shown that a sentence begins between two positions."""
        return any(begin <= at < end for at in self.begins.values())


def _kept(begins: dict[_Key, int], is_kept: Callable[[int], bool]) -> dict[_Key, int]:
    return {key: at for key, at in begins.items() if is_kept(at)}


class Numbering:
    """
    The numbers of the sentences of a task: nothing was spoken between two consecutive ones.

    They count as evidence as long as those of finals increase with time, as those of the service
    do.

    Attributes:
        has_holes: Whether a number was skipped for which no sentence came, so that another one that
            is skipped shows nothing.
    """

    def __init__(self) -> None:
        self.has_holes = False
        self._is_trusted = True
        self.restart(0)

    def restart(self, begin: int) -> None:
        """Count from the beginning, in a task whose audio begins at *begin*."""
        self._last = self._highest = 0
        self._last_begin = self._last_end = begin

    def since(self, sentence: Sentence, begin: int, end: int) -> int:
        """Return from where on nothing was spoken before a final that begins at *begin*."""
        number = sentence.sentence_id
        if type(number) is not int or number == self._last or not self._is_trusted:
            return begin
        if (number > self._last) != (begin >= self._last_begin):
            self._is_trusted = False
            return begin
        if number < self._last:
            return begin
        is_next = number == self._last + 1
        since = min(begin, self._last_end) if is_next else begin
        self._last, self._last_begin, self._last_end = number, begin, end
        return since

    def skipped(self, sentence: Sentence) -> range:
        """Return the numbers before that of a sentence which has begun that had no result yet."""
        number, before = sentence.sentence_id, self._highest
        if type(number) is not int or number <= before:
            return range(0)
        self._highest = number
        if self.has_holes or not self._is_trusted or number - before > _MOST_SKIPPED:
            return range(0)
        return range(before + 1, number)
