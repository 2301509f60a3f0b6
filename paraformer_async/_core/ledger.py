"""
The account of the audio of one recognition, over all the tasks that it takes.

What no final sentence covers yet is kept, so that a new task can receive it again when the
connection of the old one breaks: no final sentence comes twice, no audio is left out, and times go
on where they were.

    0 ──── settled ─────── passed ─────── given      positions in bytes of the user's audio
      finals cover it │      │ nothing was said up to here, as far as the service shows
                      └ gap before the last final: sent again, too, in case finals overtake

Times of the service are not trusted: a final that ends beyond the audio that was sent settles
nothing, a later begin passes over no sentence that is still open, and no time reaches the user that
lies beyond the user's audio.
"""

from collections import deque
from math import inf
from typing import NamedTuple

from paraformer_async._core.framing import SAMPLE_WIDTH
from paraformer_async._core.timeline import Timeline, end_of
from paraformer_async._core.wav import WavHeader
from paraformer_async._core.wire import Audio, ResultGenerated
from paraformer_async.results import Sentence

__all__ = ["Ledger", "Span"]

# What the end of a final may lie beyond the audio that was sent, in ms: services pad and round.
_TOLERANCE = 100
# Audio before the last position at which nothing was said, in seconds: a word may have begun there.
_MARGIN = 1.0
# A pause before a final that is sent again is as long as this, in seconds.
_SHORTEST_GAP, _LONGEST_GAP = 0.2, 10.0


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
            receives it again.

    Attributes:
        size: Bytes of the user's audio that were sent, repetitions not counted.
        horizon: What `size` may reach before more is unsettled than is kept.
    """

    def __init__(
        self, bytes_per_second: int | None, *, keep: float = 0.0, is_wav: bool = False
    ) -> None:
        self._header = WavHeader() if is_wav else None
        self._keep = keep
        self._align = SAMPLE_WIDTH
        self._is_empty = True
        self.size = 0
        self._injected = 0
        self._sent = 0  # in the present task, bytes of the service's audio
        self._kept: deque[Audio] = deque()
        self._kept_size = 0
        self._kept_begin = 0
        self._gap: list[bytes | memoryview] = []
        self._gap_begin = 0
        self._settled = 0
        self._passed = 0
        self._open: int | None = None  # where the sentence begins that is not final yet
        self._begins: int | None = None  # the same time of the service, as it came last
        self._bytes_per_ms: float | None = None
        self._timeline: Timeline | None = None
        self._limit = 0
        self.horizon: float = inf
        if not is_wav:  # the header of a WAV file knows better
            self._use(bytes_per_second)

    @property
    def given(self) -> float | None:
        """Milliseconds of the user's audio that were sent; `None` for compressed audio."""
        return self.size / self._bytes_per_ms if self._bytes_per_ms else None

    @property
    def injected(self) -> float:
        """Milliseconds of injected silence that were sent, repetitions not counted."""
        return self._injected / self._bytes_per_ms if self._bytes_per_ms else 0.0

    @property
    def settled(self) -> int:
        """End of the last final sentence, in ms of the user's audio."""
        return round(self._settled / self._bytes_per_ms) if self._bytes_per_ms else 0

    @property
    def unsettled(self) -> float | None:
        """Seconds of the user's audio that no final sentence covers yet; `None` if compressed."""
        if self._bytes_per_ms is None:
            return None
        return max(0, self.size - self._settled) / self._bytes_per_ms / 1000

    @property
    def has_header(self) -> bool:
        """Whether the header of a WAV stream, if it is one, was sent whole."""
        return self._header is None or self._header.is_complete

    @property
    def is_resumable(self) -> bool:
        """Whether a new task can receive all that is unsettled, or nothing was sent yet."""
        if self._is_empty:
            return True
        return self._keep > 0 and self._bytes_per_ms is not None and self.has_header

    @property
    def is_settled(self) -> bool:
        """Whether nothing of what was sent is left for a new task to receive."""
        is_covered = self.lost is None and not self._kept and not self._gap
        return self.is_resumable and not self._is_empty and is_covered

    @property
    def is_fresh(self) -> bool:
        """Whether the present task was sent no audio."""
        return self._sent == 0

    @property
    def lost(self) -> Span | None:
        """What of the unsettled audio was too much to keep, and a restart would leave out."""
        if self._bytes_per_ms is None:
            return None
        begin = round(max(self._settled, self._passed) / self._bytes_per_ms)
        end = round(self._kept_begin / self._bytes_per_ms)
        return Span(begin, end) if begin < end else None

    def record(self, audio: Audio) -> None:
        """Enter audio that is being sent."""
        self._is_empty = False
        data = audio.data
        if self._header is not None and not audio.injected:
            data = self._header.feed(data)
            if self._timeline is None and self._header.is_complete:
                self._align = self._header.block_align or SAMPLE_WIDTH
                self._use(self._header.bytes_per_second)
        size = len(data)
        if audio.injected:
            self._injected += size
            if self._timeline is not None:
                self._timeline.inject(self._sent, size)
        else:
            self.size += size
        self._sent += size
        if self._timeline is None:
            return
        if self._keep <= 0:
            self._kept_begin = self.size
        elif size:  # a header has none, and middleware may send nothing
            self._kept.append(audio if data is audio.data else Audio(data))
            self._kept_size += size
            while self._kept_size > self._limit:
                self._drop_first()

    def settle(self, result: ResultGenerated) -> ResultGenerated:
        """Translate a result to the user's time, and note what it settles."""
        sentence, timeline = result.sentence, self._timeline
        if sentence is None or timeline is None or self._bytes_per_ms is None:
            return result
        end = end_of(sentence)
        sent = self._sent / self._bytes_per_ms
        is_beyond = not 0 <= sentence.begin_time <= end <= sent
        if sentence.is_final and not sentence.heartbeat:
            if not is_beyond or sentence.begin_time <= end <= sent + _TOLERANCE:
                self._cover(sentence, timeline)
        elif not is_beyond and sentence.begin_time != self._begins:  # it is open already
            self._begins = sentence.begin_time
            self._pass_over(sentence, timeline)
        if not (timeline.is_shifted or is_beyond) or sentence.heartbeat:
            return result
        latest = self.size / self._bytes_per_ms
        return ResultGenerated(timeline.translated(sentence, latest), result.usage)

    def seal(self) -> None:
        """The task is complete: all that was sent is settled, covered by a result or not."""
        self._sent = 0
        self._open = None
        if self._bytes_per_ms is None:
            self._is_empty = True
            return
        self._gap.clear()
        self._kept.clear()
        self._kept_size = 0
        self._kept_begin = self._settled = self.size
        self._move_horizon()

    def rewind(self) -> int:
        """
        Forget what was sent and is not settled; the user's audio comes again from there.

        Returns:
            Where, in bytes from the beginning, a header included.
        """
        start = self._settled
        start = max(start, self._passed - self._whole(_MARGIN))
        start -= start % self._align
        self._gap.clear()
        self._kept.clear()
        self._kept_size = 0
        self._kept_begin = self.size = start
        self._passed = max(self._settled, start)
        return start + (len(self._header.data) if self._header else 0)

    def restart(self) -> list[Audio]:
        """
        Begin a new task: return all that it must receive again, in order, as if it had been sent.

        The caller sends it before any other audio, and asks again when that task breaks too.
        """
        if self._bytes_per_ms is None:
            return []
        self._release_before(self._passed - self._whole(_MARGIN))
        self._drop_silence()
        self._passed = max(self._passed, self._kept_begin)
        self._open = self._begins = None
        self._move_horizon()
        gap = [Audio(data) for data in self._gap]
        self._sent = sum(len(audio.data) for audio in gap)
        if gap:
            self._timeline = Timeline(self._bytes_per_ms, self._gap_begin)
            self._timeline.jump(self._sent, self._kept_begin)
        else:
            self._timeline = Timeline(self._bytes_per_ms, self._kept_begin)
        for audio in self._kept:
            if audio.injected:
                self._timeline.inject(self._sent, len(audio.data))
            self._sent += len(audio.data)
        header = [Audio(self._header.data)] if self._header and self._header.data else []
        return [*header, *gap, *self._kept]

    def _cover(self, sentence: Sentence, timeline: Timeline) -> None:
        """A final sentence covers what lies between its times, and settles what lies before."""
        begin = int(timeline.position(sentence.begin_time))
        end = int(timeline.position(end_of(sentence), is_end=True))
        end = min(end, self.size)
        end -= end % self._align
        self._begins = None
        if self._open is not None and self._open < max(end, begin + 1):
            self._open = None
        if self._gap and begin <= self._gap_begin + self._whole(_SHORTEST_GAP):
            self._gap.clear()  # it has overtaken the one that was taken for the first
        if end < self._settled:
            return
        if end > self._settled:
            self._keep_gap(begin)
            self._settled = end
            self._release_before(end)
            self._move_horizon()
        self._drop_silence()
        timeline.forget_before(min(sentence.begin_time, end_of(sentence)))

    def _keep_gap(self, end: int) -> None:
        """Keep the pause up to *end*, in which nothing was final, until the next final comes."""
        self._gap.clear()
        size = end - end % self._align - self._kept_begin
        if not self._whole(_SHORTEST_GAP) <= size <= self._whole(_LONGEST_GAP):
            return
        self._gap_begin = self._kept_begin
        for audio in self._kept:
            if size <= 0:
                break
            if not audio.injected:
                self._gap.append(memoryview(audio.data)[:size])
                size -= len(audio.data)

    def _pass_over(self, sentence: Sentence, timeline: Timeline) -> None:
        """Nothing was said before a sign of life, or before the first sentence that is open."""
        at = int(timeline.position(sentence.begin_time))
        if self._open is None:
            self._passed = max(self._passed, min(at, self.size))
            self._move_horizon()
        if not sentence.heartbeat:
            self._open = at if self._open is None else min(at, self._open)

    def _use(self, bytes_per_second: int | None) -> None:
        self._bytes_per_ms = bytes_per_second / 1000 if bytes_per_second else None
        self._limit = int(self._keep * bytes_per_second) if bytes_per_second else 0
        self._timeline = Timeline(self._bytes_per_ms) if self._bytes_per_ms else None
        self._move_horizon()

    def _move_horizon(self) -> None:
        if self._limit:
            self.horizon = max(self._settled, self._passed) + self._limit

    def _whole(self, seconds: float) -> int:
        """Return the bytes of *seconds*, down to the sample."""
        size = int(seconds * 1000 * (self._bytes_per_ms or 0))
        return size - size % self._align

    def _release_before(self, position: int) -> None:
        """Let go of what lies before *position*, down to the sample."""
        position -= position % self._align
        while self._kept and self._kept_begin < position:
            surplus = position - self._kept_begin
            first = self._kept[0]
            if first.injected or len(first.data) <= surplus:
                self._drop_first()
            else:
                self._kept[0] = Audio(memoryview(first.data)[surplus:])
                self._kept_size -= surplus
                self._kept_begin += surplus

    def _drop_silence(self) -> None:
        """Let go of injected silence that would come before all other audio."""
        while self._kept and self._kept[0].injected and self._kept_begin == self._settled > 0:
            self._drop_first()

    def _drop_first(self) -> None:
        audio = self._kept.popleft()
        self._kept_size -= len(audio.data)
        if not audio.injected:
            self._kept_begin += len(audio.data)
