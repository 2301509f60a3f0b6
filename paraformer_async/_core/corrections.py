"""Tells new final sentences from corrected and from repeated ones."""

from typing import TypeAlias

from paraformer_async._core.timeline import end_of
from paraformer_async.results import Sentence

__all__ = ["Corrections"]

_FinalKey: TypeAlias = int | str | tuple[int]
# Finals that are remembered: services correct the latest ones.
_MOST = 256


class Corrections:
    """
    The latest finals of the current task.

    A final with the `sentence_id` of an earlier one corrects it, if the two overlap in time: some
    services give all sentences the same number. An identical one is a repetition. Each task numbers
    its sentences anew.
    """

    def __init__(self) -> None:
        self._finals: dict[_FinalKey, tuple[int, int, int, int]] = {}  # place, hash, begin, end

    def begin_task(self) -> None:
        """Forget the finals of the task before."""
        self._finals.clear()

    def place(self, sentence: Sentence, count: int) -> int | None:
        """
        Return the place of a final among all finals of the recognition.

        Args:
            sentence: The final, with the user's times.
            count: Number of finals so far.

        Returns:
            *count* for a new final, a lower number for the one that it corrects; `None` for a
            repetition.
        """
        finals, digest = self._finals, hash(sentence)
        key = (digest,) if sentence.sentence_id is None else sentence.sentence_id
        begin, end, place = sentence.begin_time, end_of(sentence), count
        if known := finals.pop(key, None):
            known_place, known_digest, known_begin, known_end = known
            if digest == known_digest and sentence.end_time:
                finals[key] = known
                return None
            is_same = begin == known_begin or (begin < known_end and known_begin < end)
            if is_same and sentence.sentence_id is not None:
                place = known_place
        finals[key] = (place, digest, begin, end)
        if len(finals) > _MOST:
            del finals[next(iter(finals))]
        return place
