"""
The receiving half of a recognition: events of the service become results for the user.

    result ─→ rollovers ─→ ledger (the user's times) ─→ corrections ─stack→ utterance ─→ result
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from paraformer_async._core.buffer import Mark
from paraformer_async._core.corrections import Corrections
from paraformer_async._core.messages import Event, ResultGenerated
from paraformer_async._core.middleware import Stack, passed, through
from paraformer_async._core.outgoing import Outgoing
from paraformer_async._core.progress import Progress
from paraformer_async._core.task_log import TaskLog
from paraformer_async._core.utterance import Utterance
from paraformer_async.options.options import Options
from paraformer_async.results import Overhead, RecognitionResult, Sentence, Translation, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Incoming"]


class Incoming(Outgoing):
    """The sending and the receiving half of the machine; `Recognition` is the whole."""

    has_nearer_deadline: bool  # assigned here, too: without it, pyright finds the type ambiguous

    def __init__(
        self,
        options: Options,
        stack: Stack,
        *,
        frame_ms: int,
        can_rewind: bool,
        log: TaskLog | None,
    ) -> None:
        super().__init__(options, stack, frame_ms=frame_ms, can_rewind=can_rewind, log=log)
        self._progress = Progress()
        self._utterance = Utterance()
        self._corrections = Corrections()

    @property
    def usage(self) -> Usage | None:
        """What the service bills for all tasks so far; `None` until it has reported any."""
        return self._progress.usage

    @property
    def overhead(self) -> Overhead:
        """What was sent in addition to the user's audio."""
        return self._ledger.overhead

    @property
    def finals(self) -> int:
        """Number of final results received."""
        return len(self._progress.text)

    @property
    def to_replay(self) -> float | None:
        """Seconds of audio that another task would receive again; `None` for compressed audio."""
        return self._ledger.to_replay

    def _take_result(self, result: ResultGenerated, now: float) -> list[RecognitionResult]:
        """Note what a result brings, and return results for the user."""
        if result.usage is not None:
            self._progress.note_usage(result.usage)
        if not self._rollovers.is_on:
            return self._take_whole(result, now)
        sentence = result.sentence
        if self._end is not Mark.ROLLOVER or sentence is None or sentence.heartbeat:
            self._rollovers.note_usage(result.usage, self._ledger.sent)
            return self._take_whole(result, now)
        if sentence.is_final and self._corrections.has_version_of(sentence):
            return self._take_whole(result, now)  # of a sentence that was whole
        whole = self._rollovers.sort(result, sentence)
        return [one for each in whole for one in self._take_whole(each, now)]

    def _take_whole(self, result: ResultGenerated, now: float) -> list[RecognitionResult]:
        """Put a result, which is no piece of a sentence, on the user's timeline."""
        sentence, progress = result.sentence, self._progress
        if sentence is not None:
            is_final = sentence.is_final and not sentence.heartbeat
            if is_final and self._rollovers.note_final(sentence):
                self.has_nearer_deadline = True  # so that the caller sends the end of the task
            settled = self._ledger.settle(sentence, is_final=is_final)
            replaces = False
            if is_final:
                count = len(progress.text)
                if result.translations and not sentence.text and self._corrections.knows(sentence):
                    return self._take_translations(result, settled, now)  # they came alone
                place = self._corrections.place(sentence, settled, count)
                if place is None:  # repeated
                    return self._take_translations(result, settled, now)
                progress.text[place : place + 1] = [settled.text]
                replaces = place < count
            if replaces or settled is not sentence or result.translations:
                translations = progress.translations = self._placed(result.translations)
                result = ResultGenerated(settled, result.usage, translations, replaces)
            if not settled.heartbeat:
                progress.last = settled
        return self._shown(result, now)

    def _take_translations(
        self, result: ResultGenerated, sentence: Sentence, now: float
    ) -> list[RecognitionResult]:
        """Return what comes with a final that is repeated: new translations, without its text."""
        translations = self._placed(result.translations)
        if not translations or translations == self._progress.translations:
            return []
        self._progress.translations = translations
        bare = replace(sentence, text="", words=())
        return self._shown(ResultGenerated(bare, result.usage, translations), now)

    def _placed(
        self, translations: tuple[Translation, ...] | None
    ) -> tuple[Translation, ...] | None:
        """Put translations on the user's timeline."""
        return translations and tuple(map(self._ledger.placed, translations))

    def _shown(self, event: Event, now: float) -> list[RecognitionResult]:
        """Pass an event through middleware, and return the results for the user."""
        stack = self._stack
        if stack.hurries:
            self.has_nearer_deadline = True
        events: Iterable[Event] = (event,)
        steps = stack.incoming_steps
        for step in steps:
            returned = step(event, now)
            if returned is not event:
                events = through(steps[steps.index(step) + 1 :], passed(returned), now)
                break
        results: list[RecognitionResult] = []
        for each in events:
            if type(each) is ResultGenerated:
                sentence = each.sentence
                if sentence is not None and not sentence.heartbeat:
                    results.append(
                        self._utterance.result(each, sentence, self.request_ids[-1], now)
                    )
        return results
