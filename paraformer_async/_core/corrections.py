"""Tells new final sentences from corrected and from repeated ones."""

from typing import Any, NamedTuple

from paraformer_async._core.timeline import overlap, span_of
from paraformer_async.results import Sentence

__all__ = ["Corrections"]

# Finals that are remembered: services correct the latest ones.
_MOST = 256


class Final(NamedTuple):
    """
    A final that is remembered.

    Attributes:
        place: Its place among all finals of the recognition.
        digest: Its hash, as the service sent it.
        span: Its begin and end, on the user's timeline.
        sent: The same as the service sent them.
    """

    place: int
    digest: int
    span: tuple[int, int]
    sent: tuple[int, int]


class Corrections:
    """
    The latest finals of the current task.

    A final with the `sentence_id` of an earlier one corrects it, if the two overlap in time: some
    services give all sentences the same number. An identical one is a repetition. Each task numbers
    its sentences anew.
    """

    def __init__(self) -> None:
        self._numbered: dict[int | str, Final] = {}
        self._digests: dict[int, None] = {}
        self._is_numbering = True  # each sentence has a number of its own

    def begin_task(self) -> None:
        """Forget the finals of the task before."""
        self._numbered.clear()
        self._digests.clear()
        self._is_numbering = True

    def knows(self, sentence: Sentence) -> bool:
        """Return whether a final, as the service sent it, corrects or repeats an earlier one."""
        if self._is_numbering and sentence.sentence_id in self._numbered:
            return True
        return hash(sentence) in self._digests

    def has_version_of(self, sentence: Sentence) -> bool:
        """Return whether a final, as the service sent it, is a version of an earlier one."""
        number = sentence.sentence_id
        known = None if number is None else self._numbered.get(number)
        is_version = known is not None and overlap(known.sent, span_of(sentence))
        return is_version or hash(sentence) in self._digests

    def place(self, sentence: Sentence, settled: Sentence, count: int) -> int | None:
        """
        Return the place of a final among all finals of the recognition.

        Args:
            sentence: The final, as the service sent it.
            settled: The same with the user's times.
            count: Number of finals so far.

        Returns:
            *count* for a new final, a lower number for the one that it corrects; `None` for a
            repetition.
        """
        digest, number, span = hash(sentence), sentence.sentence_id, span_of(settled)
        place = count
        known = None if number is None else self._numbered.get(number)
        is_same = known is not None and overlap(span, known.span)
        is_other_version = is_same and known is not None and known.digest != digest
        if digest in self._digests and sentence.end_time and not is_other_version:
            return None
        _remember(self._digests, digest, None)
        if number is None:
            return count
        if known is not None and is_same:
            place = known.place
        elif known is not None:
            self._is_numbering = False
        _remember(self._numbered, number, Final(place, digest, span, span_of(sentence)))
        return place


def _remember(latest: dict[Any, Any], key: Any, value: Any) -> None:
    """Enter what is the latest now, and forget the oldest."""
    latest.pop(key, None)
    latest[key] = value
    if len(latest) > _MOST:
        del latest[next(iter(latest))]
