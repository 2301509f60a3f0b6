"""
Marked audio: audio that can be read back, so that a test knows which of it was recognized.

    audio = marked(3000)                            # 150 blocks of 20 ms: 0, 1, 2 … 149
    assert marks_of(results) == list(range(150))    # each was recognized once, in order

Every sample of a block is the block's number plus 1, as an unsigned 16-bit integer. So a single
sample identifies its block wherever the audio is cut, and silence (zeros) is not a block.

The rules of the script `marks()`, all of them in the time of the audio, not of a clock:

1. A block is *received* sample by sample, contiguous or with silence in between.
2. It is *recognized* when two thirds of it were received: as a word that is its number, from its
   first to its last received sample in ms of the task's audio. A whole block that is received again
   is recognized again.
3. There is a partial result at most every 200 ms.
4. The sentence ends when it has words for `sentence_ms` and the last block is complete or other
   audio follows; when `max_sentence_silence` of silence follows; and at finish-task. Its
   `end_time` is the end of its last word.

A client that resumes at the end of the last final sentence therefore gets each block once: the end
of a sentence, rounded to ms, is less than a third of a block (6 ms) away from the end of a block,
or it cuts a block that was recognized already. One that resumes 20 ms later loses a block, one that
resumes 20 ms earlier gets it twice.
"""

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from paraformer_async.options.service import DEFAULT_SENTENCE_SILENCE
from paraformer_async.results import RecognitionResult, Sentence, Word

__all__ = ["BLOCK_MS", "marked", "marks", "marks_of"]

BLOCK_MS = 20
_BLOCKS = 0xFFFF
_PARTIAL_MS = 200


def marked(ms: int, *, sample_rate: int = 16000, first: int = 0) -> bytes:
    """
    Return marked audio.

    Args:
        ms: Its length, a multiple of 20 ms.
        sample_rate: Its rate in Hz.
        first: Number of the first block; two streams with different numbers cannot be mixed up.

    Returns:
        s16le mono audio.

    Raises:
        ValueError: *ms* is not a multiple of 20, or a number would not be within 0 to 65534.
    """
    count, rest = divmod(ms, BLOCK_MS)
    if rest or count < 0:
        raise ValueError(f"the length must be a multiple of {BLOCK_MS} ms, not {ms}")
    if first < 0 or first + count > _BLOCKS:
        raise ValueError(f"blocks have numbers from 0 to {_BLOCKS - 1}")
    ends = [number * sample_rate * BLOCK_MS // 1000 for number in range(count + 1)]
    return b"".join(
        (first + number + 1).to_bytes(2, "little") * (ends[number + 1] - ends[number])
        for number in range(count)
    )


def marks_of(results: Iterable[object]) -> list[int]:
    """
    Return the numbers of the recognized blocks.

    Args:
        results: Results or sentences. Partial ones, and anything else, are skipped.

    Returns:
        The numbers, in the order of the results.
    """
    sentences = (one.sentence if isinstance(one, RecognitionResult) else one for one in results)
    return [
        int(number)
        for sentence in sentences
        if isinstance(sentence, Sentence) and sentence.is_final and not sentence.heartbeat
        for number in sentence.text.split()
    ]


def marks(*, sentence_ms: int = 1000) -> "Callable[[Mapping[str, Any]], MarkReader]":
    """
    Return the script that recognizes marked audio, for `ScriptedServer(script=…)`.

    Args:
        sentence_ms: Marked audio of a sentence in ms.
    """

    def begin(parameters: Mapping[str, Any]) -> MarkReader:
        silence_ms = parameters.get("max_sentence_silence", DEFAULT_SENTENCE_SILENCE)
        return MarkReader(parameters["sample_rate"], sentence_ms, silence_ms)

    return begin


class MarkReader:
    """
    Recognizes marked audio; see the rules above.

    Args:
        sample_rate: In Hz.
        sentence_ms: Marked audio of a sentence in ms.
        silence_ms: Silence that ends a sentence in ms.
    """

    def __init__(self, sample_rate: int, sentence_ms: int, silence_ms: int) -> None:
        self._rate = sample_rate
        self._words_of_sentence = max(1, sentence_ms // BLOCK_MS)
        self._longest_silence = sample_rate * silence_ms // 1000
        self._block_size = sample_rate * BLOCK_MS // 1000
        self._half_sample = b""
        self._position = 0  # in samples, like everything below
        self._silence = 0
        self._next_partial = 0
        self._current: int | None = None
        self._blocks: dict[int, _Block] = {}  # those received in part
        self._words: list[_Block] = []
        self._sentences = 0

    def feed(self, audio: bytes) -> Iterator[Sentence]:
        """Recognize more audio, cut anywhere; yield the results."""
        for sample, run in groupby(self._samples(audio)):
            length = len(list(run))
            mark = sample - 1 if sample else None
            if mark != self._current:
                self._current, self._silence = mark, 0
                yield from self._end_long_sentence()
            if mark is None:
                yield from self._receive_silence(length)
            else:
                yield from self._receive_block(mark, length)

    def finish(self) -> Iterator[Sentence]:
        """Yield what is left."""
        if self._words:
            yield self._final()

    def _samples(self, audio: bytes) -> "array[int]":
        audio = self._half_sample + audio
        whole = len(audio) - len(audio) % 2
        self._half_sample = audio[whole:]
        samples = array("H", audio[:whole])
        if sys.byteorder == "big":
            samples.byteswap()
        return samples

    def _receive_silence(self, length: int) -> Iterator[Sentence]:
        self._position += length
        self._silence += length
        if self._words and self._silence >= self._longest_silence:
            yield self._final()

    def _receive_block(self, number: int, length: int) -> Iterator[Sentence]:
        recognized_at = -(-self._block_size * 2 // 3)
        while length:
            block = self._blocks.setdefault(number, _Block(number, self._position))
            goal = recognized_at if block.received < recognized_at else self._block_size
            step = min(length, goal - block.received)
            length -= step
            self._position += step
            block.received += step
            block.end = self._position
            if block.received == recognized_at:
                self._words.append(block)
                yield from self._partial()
            elif block.received == self._block_size:
                del self._blocks[number]
                yield from self._end_long_sentence()

    def _partial(self) -> Iterator[Sentence]:
        if self._position >= self._next_partial:
            self._next_partial = self._position + self._rate * _PARTIAL_MS // 1000
            yield self._sentence(is_final=False)

    def _end_long_sentence(self) -> Iterator[Sentence]:
        if len(self._words) >= self._words_of_sentence:
            yield self._final()

    def _final(self) -> Sentence:
        sentence = self._sentence(is_final=True)
        self._words = []
        self._sentences += 1
        return sentence

    def _sentence(self, *, is_final: bool) -> Sentence:
        words = tuple(
            Word(self._ms(block.begin), self._ms(block.end), str(block.number))
            for block in self._words
        )
        return Sentence(
            begin_time=words[0].begin_time,
            end_time=words[-1].end_time if is_final else None,
            text=" ".join(word.text for word in words),
            words=words,
            sentence_end=is_final,
            sentence_id=self._sentences + 1,
        )

    def _ms(self, samples: int) -> int:
        return round(samples * 1000 / self._rate)


class _Block:
    """A block as far as it was received; all in samples."""

    __slots__ = ("begin", "end", "number", "received")

    def __init__(self, number: int, begin: int) -> None:
        self.number = number
        self.begin = self.end = begin
        self.received = 0
