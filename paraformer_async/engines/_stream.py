"""
An engine stream that recognizes sentence by sentence: VAD, recognizer, words with times.

All work is done in worker threads, in bounded pieces: the event loop never waits for a model, and
a cancellation waits for one piece at most.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread

from paraformer_async.engines._segment import Segment
from paraformer_async.engines._vad import Segmenter
from paraformer_async.engines._words import join_words, split_words, spread_words
from paraformer_async.engines.base import StreamSettings
from paraformer_async.errors import UsageError
from paraformer_async.results import Sentence

if TYPE_CHECKING:
    from anyio import CapacityLimiter

__all__ = ["SegmentDecoder", "SegmentStream"]

_PIECE = 30 * 16000 * 2  # most bytes of audio that one call of a worker processes


class SegmentDecoder(Protocol):
    """Recognizes the segments of one stream. Runs in worker threads, one call at a time."""

    def partial(self, segment: Segment) -> str:
        """Return the text of a segment that is still growing, and that later calls extend."""
        ...

    def final(self, segment: Segment) -> str:
        """Return the text of a segment that has ended."""
        ...


class SegmentStream:
    """
    An `EngineStream` based on a VAD and a recognizer.

    A canceled call loses its results.

    Args:
        segmenter: Cuts the audio into sentences.
        decoder: Recognizes them.
        settings: The parameters of the task.
        workers: The engine's worker threads.
        partial_every: At most one partial result per this many ms of new audio in a sentence. None
            is produced while other streams wait for a worker: final results go first.
        on_close: Called once, on closing.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        decoder: SegmentDecoder,
        settings: StreamSettings,
        workers: "CapacityLimiter",
        *,
        partial_every: int,
        on_close: Callable[[], None],
    ) -> None:
        self._segmenter = segmenter
        self._decoder = decoder
        self._settings = settings
        self._workers = workers
        self._partial_every = partial_every
        self._on_close = on_close
        self._ended = False
        self._closed = False
        self._number = 1  # of the current sentence
        self._partial_text = ""  # of its latest partial result
        self._partial_length = 0  # ms of its audio at that result

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        """
        Recognize more audio.

        Args:
            pcm: s16le mono at 16 kHz.

        Returns:
            New results, in order.

        Raises:
            UsageError: The stream has been finished or closed.
        """
        if self._ended:
            raise UsageError("the engine's stream was fed after its end")
        sentences: list[Sentence] = []
        for start in range(0, len(pcm), _PIECE):
            self._segmenter.push(pcm[start : start + _PIECE])
            sentences += await self._finals()
        growing = self._segmenter.open
        if growing is not None and self._partial_due(growing):
            partial = await self._in_worker(lambda: self._partial(growing))
            if partial is not None:
                sentences.append(partial)
        return sentences

    async def finish(self) -> Sequence[Sentence]:
        """End the audio; return the current sentence as a final result, if there is one."""
        if self._ended:
            return []
        self._ended = True
        self._segmenter.end()
        return await self._finals()

    async def aclose(self) -> None:
        """Free the place in the engine. May be called twice."""
        self._ended = True
        if not self._closed:
            self._closed = True
            self._on_close()

    async def _in_worker(self, work: Callable[[], Sentence | None]) -> Sentence | None:
        return await anyio.to_thread.run_sync(work, limiter=self._workers)

    async def _finals(self) -> list[Sentence]:
        finals: list[Sentence] = []
        while (final := await self._in_worker(self._next_final)) is not None:
            finals.append(final)
        return finals

    def _next_final(self) -> Sentence | None:
        while (segment := self._segmenter.next()) is not None:
            # Every partial result has a final one, even if the recognizer finds nothing now.
            text = self._decoder.final(segment) or self._partial_text
            sentence = self._sentence(text, segment, final=True)
            self._partial_text, self._partial_length = "", 0
            if sentence is not None:
                self._number += 1
                return sentence
        return None

    def _partial_due(self, growing: Segment) -> bool:
        return (
            growing.is_recognizable
            and growing.length - self._partial_length >= self._partial_every
            and not self._workers.statistics().tasks_waiting
        )

    def _partial(self, growing: Segment) -> Sentence | None:
        self._partial_length = growing.length
        text = self._decoder.partial(growing)
        sentence = self._sentence(text, growing, final=False)
        if sentence is None or text == self._partial_text:
            return None
        self._partial_text = text
        return sentence

    def _sentence(self, text: str, segment: Segment, *, final: bool) -> Sentence | None:
        words = split_words(text)
        if not words:
            return None
        if not self._settings.punctuation:
            text = join_words(words, punctuation=False)
            words = split_words(text)
        spans = segment.spans
        return Sentence(
            begin_time=spans[0][0],
            end_time=spans[-1][1] if final else None,
            text=text,
            words=spread_words(words, spans),
            sentence_end=final,
            sentence_id=self._number,
        )
