"""What the scripted service recognizes: the interface of scripts, and scripts of sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, Protocol, TypeAlias

from msgspec.structs import replace

from paraformer_async.results import Sentence
from paraformer_async.transcript import join

__all__ = ["Script", "ScriptRun", "begin_run", "require_script"]


class ScriptRun(Protocol):
    """
    A script in one task. A script of your own returns one of these for each task.

    Its results are sent as they are: a sentence with `sentence_end=True` or an `end_time` is final.
    To a model that translates (Gummy), each is sent with translations that repeat its text, one for
    each of the task's `translation_target_languages`.
    """

    def feed(self, audio: bytes) -> Iterable[Sentence]:
        """Receive more audio of the task, cut anywhere; return the results that are due."""
        return ()

    def finish(self) -> Iterable[Sentence]:
        """End the audio; return the results that are left."""
        return ()


Script: TypeAlias = Sequence[Sentence] | Callable[[Mapping[str, Any]], ScriptRun]
"""Sentences, or a callable that returns the run of a task from the parameters of its run-task."""


def require_script(script: object) -> None:
    """Raise `TypeError` for what is not a script."""
    if callable(script):
        return
    wrong = [script]
    if isinstance(script, Sequence) and not isinstance(script, str):
        wrong = [one for one in script if not isinstance(one, Sentence)]
    if not wrong:
        return
    raise TypeError(
        "script: must be a list of Sentence, or a callable that returns a ScriptRun from the "
        f"parameters of run-task, like marks(); {wrong[0]!r} is neither"
    )


def begin_run(script: Script, parameters: Mapping[str, Any]) -> ScriptRun:
    """Return the run of a script in a new task."""
    if callable(script):
        return script(parameters)
    return _SentenceRun(script, parameters["sample_rate"])


class _SentenceRun:
    """
    Returns given sentences when the audio has reached their times.

    A partial result is due at the end of each word, the final one at the end of the sentence. At
    the end of the audio, a sentence that has begun is returned whole.
    """

    def __init__(self, sentences: Sequence[Sentence], sample_rate: int) -> None:
        self._bytes_per_ms = sample_rate * 2 / 1000
        self._bytes = 0
        self._due = list(_timed(sentences))

    @property
    def _ms(self) -> float:
        return self._bytes / self._bytes_per_ms

    def feed(self, audio: bytes) -> Iterator[Sentence]:
        self._bytes += len(audio)
        while self._due and self._due[0][0] <= self._ms:
            yield self._due.pop(0)[1]

    def finish(self) -> Iterator[Sentence]:
        for _, sentence in self._due:
            if sentence.is_final and sentence.begin_time <= self._ms:
                yield sentence


def _timed(sentences: Sequence[Sentence]) -> Iterator[tuple[float, Sentence]]:
    """Yield the results, each with the ms of audio at which it is due."""
    for sentence in sentences:
        end = inf if sentence.end_time is None else sentence.end_time
        results: list[tuple[float, Sentence]] = [
            (word.end_time, _partial(sentence, count))
            for count, word in enumerate(sentence.words, 1)
            if word.end_time < end
        ]
        results.append((end, replace(sentence, sentence_end=True)))
        yield results[0]
        begun = False if sentence.sentence_begin else sentence.sentence_begin
        for due, result in results[1:]:
            yield due, replace(result, sentence_begin=begun)


def _partial(sentence: Sentence, count: int) -> Sentence:
    words = sentence.words[:count]
    return replace(
        sentence,
        end_time=None,
        sentence_end=False,
        words=words,
        text=join([word.text + word.punctuation for word in words]),
    )
