"""
Which of the user's audio finals cover, and what is kept of the rest; all in bytes.

    0 ── finals ── gap ── finals ──┤───────── passed ───────── size
                   └ see `gaps`    └ front    └ no speech before it, as far as results show

What is short between two finals is nothing, and what is long is silence, unless a sentence has
begun in it: see `evidence`. The audio of the gaps and after the front is kept, up to a limit.
"""

from math import inf
from typing import NamedTuple

from paraformer_async._core.evidence import Numbering, OpenSentences
from paraformer_async._core.gaps import Data, Gap, Gaps
from paraformer_async._core.kept import Kept
from paraformer_async._core.unread import Unread
from paraformer_async.results import Sentence

__all__ = ["Coverage", "Span"]

# Seconds that are sent again before the position that was passed: a word may have begun there.
_MARGIN = 1.0
# Bounds of a pause between finals that is sent again, in seconds.
_SHORTEST_GAP, _LONGEST_GAP = 0.2, 10.0
# Seconds before a sentence in which one may have begun that has a lower number, and no result.
_EARLIEST_UNSEEN = 30.0
# Seconds of audio after a gap for which its final may be late.
_LATEST_FINAL = 60.0
# Seconds of audio after a final for which it may be corrected.
_LATEST_CORRECTION = 600.0


class Span(NamedTuple):
    """A range of the user's audio, in ms."""

    begin_time: int
    end_time: int


class Lengths(NamedTuple):
    """The lengths above, in bytes of whole samples."""

    margin: int = 0
    shortest_gap: int = 0
    longest_gap: int = 0
    earliest_unseen: int = 0
    latest_final: int = 0
    latest_correction: int = 0


class Coverage:
    """
    The positions of a `Ledger`, which adds the times.

    Attributes:
        size: Bytes of the user's audio that were sent, repetitions not counted.
        horizon: Limit of `size` up to which any further piece of audio can still be kept.
    """

    def __init__(self) -> None:
        self.size = 0
        self.horizon: float = inf
        self._align = 1  # bytes of a whole sample; 0 for packets, whose lengths vary
        self._rounding = 0  # bytes by which a time may lie before the packet that begins there
        self._limit = 0  # bytes that are kept at most
        self._lengths = Lengths()
        self._front = 0
        self._settled = 0  # end of the last final; the front may have passed over more
        self._passed = 0
        self._gaps = Gaps()
        self._unread = Unread()  # after these; the source has to deliver them again
        self._kept = Kept()  # from the front on
        self._room = 0  # bytes that it may have
        self._largest = 0  # piece of audio
        self._open = OpenSentences()
        self._numbering = Numbering()

    def _keep(self, seconds: float, bytes_per_second: int, align: int) -> None:
        """Set how much is kept, in samples of *align* bytes; 0 for packets."""
        self._align = align
        self._limit = int(seconds * bytes_per_second)
        gaps = (_SHORTEST_GAP, _LONGEST_GAP, _EARLIEST_UNSEEN)
        lengths = (_MARGIN, *gaps, _LATEST_FINAL, _LATEST_CORRECTION)
        self._rounding = 0 if align else bytes_per_second // 2000
        whole = align or 1
        self._lengths = Lengths(
            *(int(each * bytes_per_second) // whole * whole for each in lengths)
        )
        self._move_horizon()

    def _lost(self) -> list[tuple[int, int]]:
        """Return the ranges with speech, as far as results show, that are not kept."""
        ranges = [
            (gap.begin, gap.kept_begin)
            for gap in self._gaps.in_order
            if self._open.were_seen(gap.begin, gap.kept_begin)
        ]
        begin = max(self._front, self._passed)
        return [*ranges, (begin, self._kept.begin)] if begin < self._kept.begin else ranges

    def _cover(self, sentence: Sentence, begin: int, end: int) -> None:
        """Record that a final covers the audio between two positions."""
        self._skip(sentence, begin)
        if self._open:
            self._open.close(sentence, begin - self._lengths.shortest_gap, end)
        since = self._numbering.since(sentence, begin, end)
        if since < begin and not (self._open and self._open.within(since, begin)):
            begin = since
        if self._gaps.in_order:
            self._gaps.cover(begin, end, self._is_gap)
        if end > self._front:
            self._advance(begin, end)
        self._settled = max(self._settled, end)
        self._drop_silence()
        self._move_horizon()

    def _advance(self, begin: int, end: int) -> None:
        """Move the front to the end of a final that begins at *begin*."""
        if self._is_gap(self._front, begin):
            self._gaps.add(Gap(self._front, begin, self._kept.before(begin)))
        self._kept.release_before(end)
        self._front = end
        if self._gaps.in_order:
            self._gaps.forget_before(end - self._lengths.latest_final)
        if self._open:
            unseen = len(self._open.unseen)
            self._open.keep(lambda at: at >= end or self._gaps.contain(at))
            self._numbering.has_holes |= len(self._open.unseen) < unseen

    def _is_gap(self, begin: int, end: int) -> bool:
        """Return whether what lies between two finals may be a sentence whose final is late."""
        if self._unread.gaps and end == self.size:
            return end > begin  # the rest of it has not been delivered again
        if not self._limit or end - begin < self._lengths.shortest_gap:
            return False
        return end - begin <= self._lengths.longest_gap or self._open.within(begin, end)

    def _pass_over(self, sentence: Sentence, at: int) -> None:
        """Record that there is no speech before a heartbeat, or before the first open sentence."""
        front = self._front
        is_first = not self._open.within(front, inf)
        until = at if sentence.heartbeat else self._skip(sentence, at)
        if is_first:
            self._passed = max(self._passed, min(until, self.size))
            self._move_horizon()
        if sentence.heartbeat:
            return
        if front - self._lengths.shortest_gap <= at < front:
            at = front  # services round
        if at >= front or self._gaps.contain(at):
            self._open.open(sentence, at)

    def _skip(self, sentence: Sentence, at: int) -> int:
        """Return where the sentences may begin that precede one at *at*, and had no result."""
        numbers = self._numbering.skipped(sentence)
        begin = max(self._front, self._passed, at - self._lengths.earliest_unseen)
        if not numbers or at - begin < self._lengths.shortest_gap:
            return at
        self._open.skip(numbers, begin)
        return begin

    def _leave_out(self) -> int:
        """Forget what was passed over and what is lost; return where the rest begins."""
        kept, gaps = self._kept, self._gaps
        if self._align:
            kept.release_before(kept.begin + -kept.begin % self._align)  # cut within a sample
        kept.release_before(self._whole(self._passed - self._lengths.margin))
        self._front = max(self._front, kept.begin)
        self._passed = max(self._passed, self._front)
        self._drop_silence()
        gaps.forget_lost(self._align)
        self._open.keep(gaps.contain)
        self._open.renumber()
        self._move_horizon()
        begin = gaps.begin(self._unread.begin(self._front))
        self._numbering.restart(begin)
        return begin

    def _settle_all(self) -> None:
        """Record that all audio is covered."""
        self._numbering.has_holes |= bool(self._open.unseen)
        self._gaps.clear()
        self._unread.gaps = []
        self._settled = self.size
        self._empty(self.size)

    def _read_again(self) -> None:
        """Have the source continue at the first gap that is not kept whole, or at the front."""
        self._empty(self._whole(max(self._front, self._passed - self._lengths.margin)))
        missing = next((gap for gap in self._gaps.in_order if gap.kept_begin > gap.begin), None)
        if missing is not None:
            self._unread.gaps[:0] = self._gaps.take_from(missing.begin)
        self.size = self._unread.begin(self._front)

    def _empty(self, position: int) -> None:
        """Drop all audio from the front on, and move it to *position*."""
        self._kept.clear(position)
        self._open.keep(self._gaps.contain)
        self._front = self._passed = position
        self._move_horizon()

    def _fill(self, data: Data) -> list[Gap]:
        """Put audio that was delivered again into the gaps that it belongs to; return its parts."""
        parts = self._unread.parts(data, self.size)
        self.size += len(data)
        for part in parts:
            # A copy: a part that is longer than all that is kept is dropped, but sent all the same.
            self._gaps.add(part.part(part.begin, part.end))
        while self._gaps.kept > self._limit:
            self._gaps.drop_first()
        self._move_horizon()
        return parts

    def _move_horizon(self) -> None:
        """Leave room for the silence that is kept, for the next piece, and for one cut in two."""
        if self._limit:
            self._room = self._limit - self._gaps.kept
            room = self._room - self._kept.silence - 2 * self._largest
            self.horizon = max(self._front, self._passed) + room

    def _make_room(self) -> None:
        """Drop the audio that exceeds what is kept."""
        while self._kept.size > self._room:
            if not (self._gaps.kept and self._drop_gap()):
                self._kept.drop_first()

    def _drop_gap(self) -> bool:
        """Drop audio of a gap to make room, unless there is other audio that was passed over."""
        if self._kept.begin < self._passed - self._lengths.margin:
            return False
        self._gaps.drop_first()
        self._move_horizon()
        return True

    def _drop_silence(self) -> None:
        """Drop injected silence that would be sent before all other audio."""
        if self._kept.begin == self._front > 0:
            self._kept.drop_silence()

    def _whole(self, position: int) -> int:
        """Return where the sample begins in which *position* lies, or the packet that is kept."""
        if self._align:
            return position - position % self._align
        position = min(position + self._rounding, self.size)
        for gap in self._gaps.in_order:
            position = gap.packet_at(position)
        return self._kept.packet_at(position)
