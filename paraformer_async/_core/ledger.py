"""
The account of the audio of one recognition, over all the tasks that it takes.

What no final sentence covers yet is kept, so that a new task can hear it again when the connection
of the old one breaks: from the end of the last final sentence, silence that was injected included.
No final sentence comes twice, no audio is left out, and times go on where they were.
"""

from collections import deque
from typing import NamedTuple

from paraformer_async._core.framing import SAMPLE_WIDTH
from paraformer_async._core.timeline import Timeline
from paraformer_async._core.wav import WavHeader
from paraformer_async._core.wire import Audio, ResultGenerated
from paraformer_async.results import Sentence

__all__ = ["Ledger", "Span"]


class Span(NamedTuple):
    """A stretch of the user's audio, in ms."""

    begin_time: int
    end_time: int


class Ledger:
    """
    How much was sent, what is settled, what is kept, and what time is whose.

    Args:
        bytes_per_second: Of the audio; `None` for compressed audio, whose bytes are no time: it is
            not kept, and has no injected silence.
        keep: Seconds of unsettled audio that are kept at most; 0 to keep none.
        is_wav: Whether the audio begins with a WAV header. It counts for no time, and a new task
            hears it again.
    """

    def __init__(
        self, bytes_per_second: int | None, *, keep: float = 0.0, is_wav: bool = False
    ) -> None:
        self._header = WavHeader() if is_wav else None
        self._keep = keep
        self._is_empty = True
        self._given = 0
        self._injected = 0
        self._sent = 0  # in the present task, bytes of the service's audio
        self._kept: deque[Audio] = deque()
        self._kept_size = 0
        self._kept_begin = 0  # where the kept audio begins, in bytes of the user's audio
        self._settled = 0
        self._unsaid = 0  # up to here nothing is unsettled but silence: a later sentence has begun
        self._bytes_per_ms: float | None = None
        self._timeline: Timeline | None = None
        self._limit = 0
        if not is_wav:  # the header of a WAV file knows better
            self._use(bytes_per_second)

    @property
    def given(self) -> float | None:
        """Milliseconds of the user's audio that were sent; `None` for compressed audio."""
        return self._given / self._bytes_per_ms if self._bytes_per_ms else None

    @property
    def injected(self) -> float:
        """Milliseconds of injected silence that were sent, repetitions not counted."""
        return self._injected / self._bytes_per_ms if self._bytes_per_ms else 0.0

    @property
    def settled(self) -> int:
        """End of the last final sentence, in ms of the user's audio."""
        return self._settled

    @property
    def unsettled(self) -> float | None:
        """Seconds of the user's audio that no final sentence covers yet; `None` if compressed."""
        given = self.given
        return None if given is None else max(0.0, given - self._settled) / 1000

    @property
    def is_resumable(self) -> bool:
        """Whether a new task can hear all that is unsettled, or nothing was sent yet."""
        if self._is_empty:
            return True
        has_header = self._header is None or self._header.is_complete
        return self._keep > 0 and self._bytes_per_ms is not None and has_header

    @property
    def is_settled(self) -> bool:
        """Whether nothing of what was sent is left for a new task to hear."""
        return self.is_resumable and not self._is_empty and self.lost is None and not self._kept

    @property
    def is_fresh(self) -> bool:
        """Whether the present task was sent no audio."""
        return self._sent == 0

    @property
    def lost(self) -> Span | None:
        """What of the unsettled audio was too much to keep, and a restart would leave out."""
        if self._bytes_per_ms is None:
            return None
        begin, end = max(self._settled, self._unsaid), round(self._kept_begin / self._bytes_per_ms)
        return Span(begin, end) if begin < end else None

    def record(self, audio: Audio) -> None:
        """Enter audio that is being sent."""
        self._is_empty = False
        data = audio.data
        if self._header is not None and not audio.injected:
            data = self._header.feed(data)
            if self._timeline is None and self._header.is_complete:
                self._use(self._header.bytes_per_second)
        size = len(data)
        if audio.injected:
            self._injected += size
            if self._timeline is not None:
                self._timeline.inject(self._sent, size)
        else:
            self._given += size
        self._sent += size
        if self._timeline is None:
            return
        if self._keep > 0 and size:
            self._kept.append(audio if data is audio.data else Audio(data))
            self._kept_size += size
            while self._kept_size > self._limit:
                self._drop_first()
        else:
            self._kept_begin = self._given

    def settle(self, result: ResultGenerated) -> ResultGenerated:
        """Translate a result to the user's time, and note what it settles."""
        said = result.sentence
        if said is None or said.heartbeat or self._timeline is None:
            return result
        sentence = self._timeline.translated(said) if self._timeline.is_shifted else said
        if sentence.is_final:
            self._settled = max(self._settled, end_of(sentence))
            self._timeline.forget_before(end_of(said))
            self._release()
        else:
            self._unsaid = max(self._unsaid, sentence.begin_time)
        return result if sentence is said else ResultGenerated(sentence, result.usage)

    def seal(self) -> None:
        """The task is complete: all that was sent is settled, covered by a result or not."""
        if self._bytes_per_ms is None:
            self._is_empty = True
            self._sent = 0
            return
        self._kept.clear()
        self._kept_size = 0
        self._kept_begin = self._given
        self._settled = max(self._settled, round(self._given / self._bytes_per_ms))

    def restart(self) -> list[Audio]:
        """
        Begin a new task: give all that it must hear again, in order, as if it had been sent.

        The caller sends it before any other audio, and asks again when that task breaks too.
        """
        if self._bytes_per_ms is None:
            return []
        self._release()
        self._unsaid = max(self._unsaid, round(self._kept_begin / self._bytes_per_ms))
        self._timeline = Timeline(self._bytes_per_ms, self._kept_begin)
        self._sent = 0
        for audio in self._kept:
            if audio.injected:
                self._timeline.inject(self._sent, len(audio.data))
            self._sent += len(audio.data)
        header = [Audio(self._header.data)] if self._header and self._header.data else []
        return [*header, *self._kept]

    def _use(self, bytes_per_second: int | None) -> None:
        self._bytes_per_ms = bytes_per_second / 1000 if bytes_per_second else None
        self._limit = int(self._keep * bytes_per_second) if bytes_per_second else 0
        self._timeline = Timeline(self._bytes_per_ms) if self._bytes_per_ms else None

    def _release(self) -> None:
        """Let go of what is settled, down to the sample."""
        settled = int(self._settled * (self._bytes_per_ms or 0)) // SAMPLE_WIDTH * SAMPLE_WIDTH
        while self._kept and self._kept_begin < settled:
            surplus = settled - self._kept_begin
            first = self._kept[0]
            if first.injected or len(first.data) <= surplus:
                self._drop_first()
            else:
                self._kept[0] = Audio(memoryview(first.data)[surplus:])
                self._kept_size -= surplus
                self._kept_begin += surplus
        while self._kept and self._kept[0].injected and self._kept_begin == settled > 0:
            self._drop_first()

    def _drop_first(self) -> None:
        audio = self._kept.popleft()
        self._kept_size -= len(audio.data)
        if not audio.injected:
            self._kept_begin += len(audio.data)


def end_of(sentence: Sentence) -> int:
    """Give where *sentence* ends as far as it says so, in the ms of its own times."""
    if sentence.end_time is not None:
        return sentence.end_time
    return sentence.words[-1].end_time if sentence.words else sentence.begin_time
