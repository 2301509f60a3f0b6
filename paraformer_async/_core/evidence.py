"""What results show about audio that no final covers: sentences that are open, and pauses."""

from collections.abc import Callable
from typing import TypeAlias

from paraformer_async.results import Sentence

__all__ = ["Numbering", "OpenSentences"]

_OpenKey: TypeAlias = int | str | tuple[int]

# Open sentences that are remembered; more would be a defect of the service.
_MOST = 64


class OpenSentences:
    """
    The sentences that have begun and are not final.

    Attributes:
        begins: Where they begin in the user's audio, by `sentence_id`, or by the begin without one.
    """

    def __init__(self) -> None:
        self.begins: dict[_OpenKey, int] = {}

    def open(self, sentence: Sentence, begin: int) -> None:
        """Record a partial result that begins at *begin*."""
        key = (begin,) if sentence.sentence_id is None else sentence.sentence_id
        if key in self.begins or len(self.begins) < _MOST:
            self.begins[key] = min(begin, self.begins.get(key, begin))

    def close(self, sentence: Sentence, begin: int, end: int) -> None:
        """Record a final result, and that no other sentence that begins in it will follow."""
        if sentence.sentence_id is not None:
            self.begins.pop(sentence.sentence_id, None)
        self.keep(lambda at: not begin <= at < max(end, begin + 1))

    def keep(self, is_kept: Callable[[int], bool]) -> None:
        """Keep only the sentences whose begins satisfy *is_kept*."""
        self.begins = {key: at for key, at in self.begins.items() if is_kept(at)}

    def renumber(self) -> None:
        """Forget the numbers of the sentences: a new task counts from the beginning."""
        self.begins = {(at,): at for at in self.begins.values()}

    def within(self, begin: int, end: float) -> bool:
        """Return whether a sentence begins between two positions."""
        return any(begin <= at < end for at in self.begins.values())


class Numbering:
    """
    The numbers of the finals of a task: nothing was spoken between two consecutive ones.

    They count as evidence as long as they increase with time, as those of the service do.
    """

    def __init__(self) -> None:
        self._is_trusted = True
        self.restart(0)

    def restart(self, begin: int) -> None:
        """Count from the beginning, in a task whose audio begins at *begin*."""
        self._last = 0
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
