"""The turn events of results: a sentence begins, may end, and part of it is stable."""

from paraformer_async._core.messages import ResultGenerated
from paraformer_async._core.stability import StableText
from paraformer_async.results import RecognitionResult, Sentence

__all__ = ["Utterance"]


class Utterance:
    """
    Follows the sentences of a recognition, as the user receives them.

    A sentence that is in progress when a connection is lost is the same sentence in the next task.
    """

    def __init__(self) -> None:
        self._is_open = False
        self._id: int | str | None = None  # of the current or the last sentence of the task
        self._continues = False  # from the task before, into one with other ids
        self._may_end = False
        self._stable = StableText()

    def result(
        self, event: ResultGenerated, sentence: Sentence, request_id: str, now: float
    ) -> RecognitionResult:
        """Return the result for the user."""
        begins = self._begins(sentence)
        if begins:
            self._may_end = False
            self._stable.begin()
        self._id = sentence.sentence_id
        if sentence.is_final:
            self._is_open = False
            self._stable.end(sentence, now)
            return RecognitionResult(
                sentence,
                request_id,
                event.usage,
                begins=begins,
                stable_text=sentence.text,
                translations=event.translations or (),
                replaces=event.replaces,
            )
        self._is_open = self._is_open or begins  # otherwise it is late
        if sentence.vad_pre_end:
            self._may_end = True
        elif sentence.pre_end_failed:
            self._may_end = False
        stable = self._stable.update(sentence, now)
        return RecognitionResult(
            sentence,
            request_id,
            event.usage,
            begins=begins,
            pre_end=self._may_end,
            stable_text=stable,
            translations=event.translations or (),
        )

    def begin_task(self) -> None:
        """Begin another task, whose ids start again; a sentence in progress continues."""
        self._continues = self._is_open
        self._id = None

    def end_task(self) -> None:
        """End a task that is complete: no sentence is in progress any more."""
        self._is_open = False

    def _begins(self, sentence: Sentence) -> bool:
        before, now = self._id, sentence.sentence_id
        if self._continues:
            self._continues = False
            return False
        if not self._is_open:
            return now is None or now != before  # otherwise late, or a correction
        if before is None or now is None:
            return bool(sentence.sentence_begin)
        return now != before
