"""What the scripted service says: the interface of a script, and the script of given sentences."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any, Protocol, TypeAlias

from msgspec.structs import replace

from paraformer_async.results import Sentence
from paraformer_async.transcript import join

__all__ = ["Script", "Speaker", "require_script", "speaker_of"]


class Speaker(Protocol):
    """
    Speaks in one task. A script of your own makes one for each task.

    What is said goes out as it is: a sentence with `sentence_end=True` or an `end_time` is final.
    """

    def hear(self, audio: bytes) -> Iterable[Sentence]:
        """Take the next audio of the task, cut anywhere, and say what is to be said now."""
        return ()

    def finish(self) -> Iterable[Sentence]:
        """The audio is complete: say what is left."""
        return ()


Script: TypeAlias = Sequence[Sentence] | Callable[[Mapping[str, Any]], Speaker]
"""Sentences, or what makes the speaker of a task from the parameters of its run-task."""


def require_script(script: object) -> None:
    """Refuse, by a `TypeError`, what is no script."""
    if callable(script):
        return
    wrong = [script]
    if isinstance(script, Sequence) and not isinstance(script, str):
        wrong = [one for one in script if not isinstance(one, Sentence)]
    if not wrong:
        return
    raise TypeError(
        "script: give a list of Sentence, or what makes a Speaker from the parameters of run-task, "
        f"like marks(); {wrong[0]!r} is neither"
    )


def speaker_of(script: Script, parameters: Mapping[str, Any]) -> Speaker:
    """Give the speaker of a task."""
    if callable(script):
        return script(parameters)
    return _Reciter(script, parameters["sample_rate"])


class _Reciter:
    """
    Says given sentences when the audio has reached their times.

    A partial result comes at the end of each word, the final one at the end of the sentence. When
    the audio is complete, a sentence that has begun is said whole.
    """

    def __init__(self, sentences: Sequence[Sentence], sample_rate: int) -> None:
        self._bytes_per_ms = sample_rate * 2 / 1000
        self._bytes = 0
        self._due = list(_timed(sentences))

    @property
    def _ms(self) -> float:
        return self._bytes / self._bytes_per_ms

    def hear(self, audio: bytes) -> Iterator[Sentence]:
        self._bytes += len(audio)
        while self._due and self._due[0][0] <= self._ms:
            yield self._due.pop(0)[1]

    def finish(self) -> Iterator[Sentence]:
        for _, sentence in self._due:
            if sentence.is_final and sentence.begin_time <= self._ms:
                yield sentence


def _timed(sentences: Sequence[Sentence]) -> Iterator[tuple[float, Sentence]]:
    """Give the results, each with the ms of audio at which it is said."""
    for sentence in sentences:
        end = inf if sentence.end_time is None else sentence.end_time
        words = sentence.words
        for said, word in enumerate(words, 1):
            if word.end_time < end:
                yield word.end_time, _partial(sentence, said)
        yield end, replace(sentence, sentence_end=True)


def _partial(sentence: Sentence, said: int) -> Sentence:
    words = sentence.words[:said]
    return replace(
        sentence,
        end_time=None,
        sentence_end=False,
        words=words,
        text=join([word.text + word.punctuation for word in words]),
    )
