"""The turn events of results: a sentence begins, may end, and part of it is stable."""

from typing import Any

from paraformer_async._core.messages import ResultGenerated
from paraformer_async._core.stability import StableText
from paraformer_async._core.timeline import end_of
from paraformer_async.results import RecognitionResult, Sentence

__all__ = ["Utterance"]

# Sentences of a task that are known to have begun: results that are late concern the latest ones.
_MOST = 256


class Utterance:
    """
    Follows the sentences of a recognition, as the user receives them.

    Usually one sentence is in progress, but finals may be late, when the next one has begun. A
    sentence that is in progress when a connection is lost is the same sentence in the next task.
    """

    def __init__(self) -> None:
        self._open: dict[int | str | None, str] = {}  # sentences in progress: their stable texts
        self._current: int | str | None = None  # the one that has begun last
        self._begun: dict[int | str, None] = {}  # in this task
        self._ended_at = 0  # end of the latest final
        self._continues = False  # from the task before, into one with other ids
        self._may_end = False
        self._stable = StableText()

    def result(
        self, event: ResultGenerated, sentence: Sentence, request_id: str, now: float
    ) -> RecognitionResult:
        """Return the result for the user."""
        begins = may_end = False
        if event.replaces:  # it changes nothing about the sentence in progress
            stable = sentence.text
        else:
            begins = self._begins(sentence)
            if sentence.is_final:
                stable = self._end(sentence, now)
            else:
                stable = self._update(sentence, now)
                may_end = self._may_end
        return RecognitionResult(
            sentence,
            request_id,
            event.usage,
            begins=begins,
            pre_end=may_end,
            stable_text=stable,
            translations=event.translations or (),
            replaces=event.replaces,
        )

    def begin_task(self) -> None:
        """Begin another task, whose ids start again; a sentence in progress continues."""
        self._continues = bool(self._open)
        self._begun.clear()
        self._current = None

    def end_task(self) -> None:
        """End a task that is complete: no sentence is in progress any more."""
        self._open.clear()

    def _begins(self, sentence: Sentence) -> bool:
        """Return whether it is the first result of its sentence; note that it has begun."""
        number = sentence.sentence_id
        if number in self._open and not self._continues:
            begins = number is None and bool(sentence.sentence_begin)
        elif self._continues:
            self._continues = begins = False
            self._open = {number: self._stable.text}
            self._current = number
        elif number is None or None in self._open:
            begins = not self._open or bool(sentence.sentence_begin)
        else:  # otherwise it is late, unless all sentences have the same number
            is_next = not self._open and 0 < self._ended_at <= sentence.begin_time
            begins = number not in self._begun or is_next
        if begins:
            self._begin(sentence)
        if number is not None and number not in self._begun:
            self._begun[number] = None
            _limit(self._begun)
        return begins

    def _begin(self, sentence: Sentence) -> None:
        if sentence.is_final and self._open and sentence.sentence_id is not None:
            return  # a late sentence without partial results: another one is in progress
        self._may_end = False
        self._stable.begin()
        self._current = sentence.sentence_id
        if sentence.sentence_id is None:
            self._open.clear()
        self._open[sentence.sentence_id] = ""
        _limit(self._open)  # a service may make none of them final

    def _end(self, sentence: Sentence, now: float) -> str:
        """End a sentence; return its text."""
        number = sentence.sentence_id
        self._open.pop(number, None)
        self._ended_at = max(self._ended_at, end_of(sentence))
        if number == self._current or not self._open:
            self._open.clear()
            self._stable.end(sentence, now)
        return sentence.text

    def _update(self, sentence: Sentence, now: float) -> str:
        """Follow a sentence in progress; return its stable text."""
        number = sentence.sentence_id
        if sentence.vad_pre_end:
            self._may_end = True
        elif sentence.pre_end_failed:
            self._may_end = False
        if self._open and number != self._current and number is not None:
            return self._open.get(number, "")
        stable = self._stable.update(sentence, now)
        if number in self._open:
            self._open[number] = stable
        return stable


def _limit(sentences: dict[Any, Any]) -> None:
    """Forget the oldest sentence, if there is one more than are remembered."""
    if len(sentences) > _MOST:
        del sentences[next(iter(sentences))]
