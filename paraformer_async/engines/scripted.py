"""An engine without a model: returns given sentences at given times, whatever the audio is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from math import ceil, inf

from msgspec.structs import replace

from paraformer_async.engines._words import join_words
from paraformer_async.engines.base import EngineStream, StreamSettings, require_whole
from paraformer_async.errors import InvalidOptionError
from paraformer_async.results import Sentence, Word

__all__ = ["ScriptedEngine"]

_WORD = 200  # ms; of the endless script
_WORDS = 10  # in a sentence of it


class ScriptedEngine:
    """
    Returns given sentences as the audio reaches their times; for tests, examples and benchmarks.

    The results depend on the amount of audio alone, not on how it is cut into pieces. A partial
    result is returned when the audio has passed the end of another word, the final one when it has
    passed the end of the sentence. At the end of the audio, a sentence that has begun is cut to
    the words that have begun. `feed` costs next to nothing if no result is due, and any number of
    streams may be open.

    Args:
        sentences: Sentences with words, in the order of their times, each with an `end_time`;
            returned as they are, with or without punctuation. `None` is an endless script without
            pauses: `word-0001`, `word-0002` …, one every 200 ms, ten to a sentence.
        partial_interval: Shortest time between two partial results, in ms of audio.
        sample_rate: Rate in Hz of the audio that its streams are fed.

    Raises:
        InvalidOptionError: A sentence has no `end_time`, or begins before the last one ended; or a
            number can never work.

    Example:
        ```python
        engine = ScriptedEngine((Sentence(0, 900, "Hello.", (Word(100, 800, "Hello", "."),)),))
        ```
    """

    def __init__(
        self,
        sentences: Iterable[Sentence] | None = None,
        *,
        partial_interval: int = 200,
        sample_rate: int = 16000,
    ) -> None:
        require_whole("partial_interval", partial_interval, least=0)
        require_whole("sample_rate", sample_rate, least=1000)
        self._sentences = None if sentences is None else _checked(sentences)
        self._partial_interval = partial_interval
        self._sample_rate = sample_rate

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the audio that its streams are fed."""
        return self._sample_rate

    async def open(self, settings: StreamSettings) -> EngineStream:
        """Open a stream; it begins with the first sentence, whatever the settings."""
        script = _endless() if self._sentences is None else iter(self._sentences)
        return _ScriptedStream(script, self._partial_interval, self._sample_rate)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""


class _ScriptedStream:
    def __init__(self, script: Iterator[Sentence], interval: int, sample_rate: int) -> None:
        self._results = _timed(script, interval)
        self._sample_rate = sample_rate
        self._samples = 0
        self._due: float  # samples at which the next result is due; infinite after the last one
        self._sentence: Sentence | None  # the one that it belongs to
        self._advance()

    def _advance(self) -> None:
        """Prepare the next result, and the number of samples at which it is due."""
        following = next(self._results, None)
        if following is None:
            self._stop()
            return
        due, self._result, self._sentence = following
        self._due = ceil(due * self._sample_rate / 1000)

    def _stop(self) -> None:
        self._due = inf
        self._sentence = None

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        self._samples += len(pcm) // 2
        if self._samples < self._due:
            return ()
        results: list[Sentence] = []
        while self._samples >= self._due:
            results.append(self._result)
            self._advance()
        return results

    async def finish(self) -> Sequence[Sentence]:
        if self._sentence is None:
            return ()
        begun = _until(self._sentence, self._samples * 1000 // self._sample_rate)
        self._stop()
        return () if begun is None else (begun,)

    async def aclose(self) -> None:
        self._stop()


def _checked(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    checked: list[Sentence] = []
    clock = 0
    for number, sentence in enumerate(sentences, 1):
        if sentence.end_time is None:
            raise InvalidOptionError("sentences", f"sentence {number} has no end_time")
        if not clock <= sentence.begin_time <= sentence.end_time:
            raise InvalidOptionError("sentences", f"sentence {number} is not in the order of time")
        clock = sentence.end_time
        checked.append(replace(sentence, sentence_end=True, sentence_id=number))
    return tuple(checked)


def _endless() -> Iterator[Sentence]:
    for number in count(1):
        first = (number - 1) * _WORDS
        words = tuple(
            Word(at * _WORD, (at + 1) * _WORD, f"word-{at + 1:04}")
            for at in range(first, first + _WORDS)
        )
        yield Sentence(
            begin_time=words[0].begin_time,
            end_time=words[-1].end_time,
            text=join_words(words),
            words=words,
            sentence_end=True,
            sentence_id=number,
        )


def _timed(script: Iterable[Sentence], interval: int) -> Iterator[tuple[int, Sentence, Sentence]]:
    """Yield results with the ms of audio at which they are due, and the whole sentence of each."""
    earliest = 0
    for sentence in script:
        end = sentence.end_time or 0
        due = 0
        for word in sentence.words:
            if word.end_time <= due:
                continue  # already in the last partial result
            due = max(word.end_time, earliest)
            if due >= end:
                break
            yield due, _partial(sentence, due), sentence
            earliest = due + interval
        yield end, sentence, sentence


def _partial(sentence: Sentence, now: int) -> Sentence:
    words = tuple(word for word in sentence.words if word.end_time <= now)
    text = join_words(words)
    return replace(sentence, end_time=None, text=text, words=words, sentence_end=False)


def _until(sentence: Sentence, now: int) -> Sentence | None:
    """Return the sentence as far as it has begun by *now*; `None` if it has not."""
    words = tuple(
        replace(word, end_time=min(word.end_time, now))
        for word in sentence.words
        if word.begin_time < now
    )
    if sentence.begin_time >= now or (sentence.words and not words):
        return None
    end = min(sentence.end_time or now, now)
    text = join_words(words) if len(words) < len(sentence.words) else sentence.text
    return replace(sentence, end_time=end, text=text, words=words)
