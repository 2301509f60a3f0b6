"""
Accounts for the audio of one recognition, over all its tasks.

Audio that no final sentence covers yet is kept, so that a new task can receive it again if the
connection of the old one is lost: no final sentence is repeated, no audio is left out, and times
are continuous.

    0 ──── settled ─────── passed ─────── given      positions in bytes of the user's audio
      finals cover it │      │ no speech before here, as far as the results show
                      └ gap before the last final: also sent again, in case finals are out of order

The service's times are not trusted: a final that ends beyond the audio that was sent settles
nothing, a later begin passes over no sentence that is still open, and no time that is returned lies
beyond the user's audio.
"""

from collections import deque
from math import inf
from typing import NamedTuple

from paraformer_async._core.framing import SAMPLE_WIDTH
from paraformer_async._core.timeline import Timeline, end_of
from paraformer_async._core.wav import WavHeader
from paraformer_async._core.wire import Audio
from paraformer_async.results import Overhead, Sentence, Translation

__all__ = ["Ledger", "Span"]

# How far the end of a final may lie beyond the audio that was sent, in ms: services pad and round.
_TOLERANCE = 100
# Seconds that are sent again before the position that was passed: a word may have begun there.
_MARGIN = 1.0
# Bounds of a pause before a final that is sent again, in seconds.
_SHORTEST_GAP, _LONGEST_GAP = 0.2, 10.0


class Span(NamedTuple):
    """A range of the user's audio, in ms."""

    begin_time: int
    end_time: int


class Ledger:
    """
    Records what was sent, settled and kept, and translates times to the user's timeline.

    Args:
        bytes_per_second: Of the audio; `None` for compressed audio, whose bytes cannot be converted
            to time: it is not kept, and no silence is injected into it.
        keep: Seconds of unsettled audio that are kept at most; 0 to keep none.
        is_wav: Whether the audio begins with a WAV header. The header has no duration, and each new
            task receives it again.

    Attributes:
        size: Bytes of the user's audio that were sent, repetitions not counted.
        horizon: Limit of `size` up to which any further piece of audio can still be kept.
    """

    def __init__(
        self, bytes_per_second: int | None, *, keep: float = 0.0, is_wav: bool = False
    ) -> None:
        self._header = WavHeader() if is_wav else None
        self._header_again: Audio | None = None  # as the latest restart returned it
        self._keep = keep
        self._align = SAMPLE_WIDTH
        self._is_empty = True
        self.size = 0
        self._injected = 0
        self._replayed = 0  # by `restart`, bytes that were sent again
        self._rewound = 0  # by `rewind`, bytes that the source delivers again
        self._furthest = 0  # the largest `size` before a rewind
        self._sent = 0  # in the current task, bytes of the service's audio
        self._kept: deque[Audio] = deque()
        self._kept_size = 0
        self._kept_silence = 0  # bytes of it that are injected
        self._kept_begin = 0
        self._largest = 0  # piece of audio, in bytes
        self._gap: list[bytes | memoryview] = []
        self._gap_begin = 0
        self._settled = 0
        self._passed = 0
        self._open: int | None = None  # begin of the sentence that is not final yet
        self._begins: int | None = None  # the same in the service's time, as last received
        self._bytes_per_ms: float | None = None
        self._timeline: Timeline | None = None
        self._limit = 0
        self.horizon: float = inf
        if not is_wav:  # otherwise the header decides
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
    def overhead(self) -> Overhead:
        """What was sent in addition to the user's audio, each byte of it once."""
        if self._bytes_per_ms is None:
            return Overhead()
        outstanding = max(0, self._furthest - self.size)  # of a rewind: not sent again yet
        replayed = self._replayed + self._rewound - outstanding
        per_second = self._bytes_per_ms * 1000
        return Overhead(replayed / per_second, self._injected / per_second)

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
        """Whether the whole header was sent, if this is a WAV stream."""
        return self._header is None or self._header.is_complete

    @property
    def is_resumable(self) -> bool:
        """Whether a new task can receive all unsettled audio, or nothing was sent yet."""
        if self._is_empty:
            return True
        return self._keep > 0 and self._bytes_per_ms is not None and self.has_header

    @property
    def is_settled(self) -> bool:
        """Whether no audio that was sent is left for a new task to receive."""
        is_covered = self.lost is None and not self._kept and not self._gap
        return self.is_resumable and not self._is_empty and is_covered

    @property
    def sent(self) -> float:
        """Milliseconds of audio that the current task was sent; 0 for compressed audio."""
        return self._sent / self._bytes_per_ms if self._bytes_per_ms else 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether no audio was sent to the current task."""
        return self._sent == 0

    @property
    def lost(self) -> Span | None:
        """Unsettled audio that exceeded what is kept, so that a restart would leave it out."""
        if self._bytes_per_ms is None:
            return None
        begin = round(max(self._settled, self._passed) / self._bytes_per_ms)
        end = round(self._kept_begin / self._bytes_per_ms)
        return Span(begin, end) if begin < end else None

    def record(self, audio: Audio) -> None:
        """Enter audio that is being sent."""
        size = len(audio.data)
        if audio.injected:
            self._injected += size
            if self._timeline is not None:
                self._timeline.inject(self._sent, size)
        elif self._header is not None:
            audio = self._without_header(self._header, audio)
            size = len(audio.data)
            self.size += size
        else:
            self.size += size
        self._is_empty = False
        self._sent += size
        if self._timeline is None:
            return
        if not self._limit:
            self._kept_begin = self.size
        elif size:  # a header has none, and middleware may send nothing
            self._kept.append(audio)
            self._kept_size += size
            if audio.injected or size > self._largest:
                self._kept_silence += size if audio.injected else 0
                self._largest = max(self._largest, size)
                self._move_horizon()
            while self._kept_size > self._limit:
                self._drop_first()

    def _without_header(self, header: WavHeader, audio: Audio) -> Audio:
        data = header.feed(audio.data)
        if self._timeline is None and header.is_complete:
            self._align = header.block_align or SAMPLE_WIDTH
            self._use(header.bytes_per_second)
        return audio if data is audio.data else Audio(data)

    def settle(self, sentence: Sentence, *, is_final: bool) -> Sentence:
        """
        Note what a sentence settles.

        Args:
            sentence: As the service sent it.
            is_final: Whether it is final, and no sign of life.

        Returns:
            The sentence with the user's times; itself when they are the same.
        """
        timeline = self._timeline
        if timeline is None or self._bytes_per_ms is None:
            return sentence
        begin, end = sentence.begin_time, sentence.end_time
        if end is None:
            end = sentence.words[-1].end_time if sentence.words else begin
        sent = self._sent / self._bytes_per_ms
        is_beyond = not 0 <= begin <= end <= sent
        if is_final:
            if not is_beyond or begin <= end <= sent + _TOLERANCE:
                self._cover(sentence, timeline)
        elif begin != self._begins and not is_beyond:  # otherwise it is open already
            self._begins = begin
            self._pass_over(sentence, timeline)
        if not (timeline.is_shifted or is_beyond) or sentence.heartbeat:
            return sentence
        return timeline.translated(sentence, self.size / self._bytes_per_ms)

    def placed(self, translation: Translation) -> Translation:
        """Return a translation with the user's times; it settles nothing."""
        if self._timeline is None or self._bytes_per_ms is None:
            return translation
        return self._timeline.translated(translation, self.size / self._bytes_per_ms)

    def seal(self) -> None:
        """Settle all audio that was sent, covered by a result or not: the task is complete."""
        self._sent = 0
        self._open = None
        if self._bytes_per_ms is None:
            self._is_empty = True
            return
        self._gap.clear()
        self._kept.clear()
        self._kept_size = self._kept_silence = 0
        self._kept_begin = self._settled = self.size
        self._move_horizon()

    def rewind(self) -> int:
        """
        Discard audio that was sent and is not settled; the source will deliver it again.

        Returns:
            Where the source has to continue, in bytes from the beginning, a header included.
        """
        start = self._settled
        start = max(start, self._passed - self._whole(_MARGIN))
        start -= start % self._align
        self._gap.clear()
        self._kept.clear()
        self._kept_size = self._kept_silence = 0
        self._furthest = max(self._furthest, self.size)
        self._rewound += self.size - start
        self._kept_begin = self.size = start
        self._passed = max(self._settled, start)
        return start + (len(self._header.data) if self._header else 0)

    def restart(self) -> list[Audio]:
        """
        Begin a new task: return all audio that it must receive again, recorded as sent.

        The caller sends it, in order, before any other audio, and calls this again if that task
        fails, too.
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
        if self._header is None or not self._header.data:
            return [*gap, *self._kept]
        self._header_again = Audio(self._header.data)
        return [self._header_again, *gap, *self._kept]

    def replayed(self, audio: Audio) -> None:
        """Count audio of `restart` that is being sent; the header is none."""
        if audio is not self._header_again:
            self._replayed += len(audio.data)

    def _cover(self, sentence: Sentence, timeline: Timeline) -> None:
        """Record that a final covers the audio between its times, and settles all before."""
        begin = int(timeline.position(sentence.begin_time))
        end = int(timeline.position(end_of(sentence), is_end=True))
        end = min(end, self.size)
        end -= end % self._align
        self._begins = None
        has_open = self._open is not None and self._open < begin
        if self._open is not None and self._open < max(end, begin + 1):
            self._open = None
        if self._gap and begin <= self._gap_begin + self._whole(_SHORTEST_GAP):
            self._gap.clear()  # this final is the one that was missing before the last
        if end < self._settled:
            return
        if end > self._settled:
            self._keep_gap(begin, has_open=has_open)
            self._settled = end
            self._release_before(end)
            self._move_horizon()
        self._drop_silence()
        timeline.forget_before(min(sentence.begin_time, end_of(sentence)))

    def _keep_gap(self, end: int, *, has_open: bool) -> None:
        """
        Keep the pause up to *end*, which no final covers, until the next final is received.

        It is no pause, however long, if a sentence is open in it (*has_open*).
        """
        self._gap.clear()
        size = end - end % self._align - self._kept_begin
        longest = size if has_open else self._whole(_LONGEST_GAP)
        if not self._whole(_SHORTEST_GAP) <= size <= longest:
            return
        self._gap_begin = self._kept_begin
        for audio in self._kept:
            if size <= 0:
                break
            if not audio.injected:
                self._gap.append(memoryview(audio.data)[:size])
                size -= len(audio.data)

    def _pass_over(self, sentence: Sentence, timeline: Timeline) -> None:
        """Record that there is no speech before a heartbeat, or before the first open sentence."""
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
        """Leave room for the silence that is kept, for the next piece, and for one cut in two."""
        if self._limit:
            room = self._limit - self._kept_silence - 2 * self._largest
            self.horizon = max(self._settled, self._passed) + room

    def _whole(self, seconds: float) -> int:
        """Return the bytes of *seconds*, rounded down to a whole sample."""
        size = int(seconds * 1000 * (self._bytes_per_ms or 0))
        return size - size % self._align

    def _release_before(self, position: int) -> None:
        """Release the audio before *position*, rounded down to a whole sample."""
        position -= position % self._align
        kept, begin, size = self._kept, self._kept_begin, self._kept_size
        while kept and begin < position:
            first = kept.popleft()
            length, surplus = len(first.data), position - begin
            if first.injected:
                size -= length
                self._kept_silence -= length
            elif length <= surplus:
                size -= length
                begin += length
            else:
                kept.appendleft(Audio(memoryview(first.data)[surplus:]))
                size -= surplus
                begin = position
        self._kept_begin, self._kept_size = begin, size

    def _drop_silence(self) -> None:
        """Release injected silence that would be sent before all other audio."""
        while self._kept and self._kept[0].injected and self._kept_begin == self._settled > 0:
            self._drop_first()

    def _drop_first(self) -> None:
        audio = self._kept.popleft()
        self._kept_size -= len(audio.data)
        if audio.injected:
            self._kept_silence -= len(audio.data)
        else:
            self._kept_begin += len(audio.data)
