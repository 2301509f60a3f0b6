"""
The gaps between finals: audio that no final covers although later finals have been received.

    0 ── final ──┤ gap ├── final ──┤ gap ├── final ──┤ tail ──── sent
                                                     └ front

A gap is a pause, or a sentence whose final is late. What is kept of its audio, injected silence
left out, is sent again to a new task. A gap is forgotten when finals have covered it, or when they
have advanced far beyond it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from paraformer_async._core.packets import Packets

__all__ = ["Data", "Gap", "Gaps", "between", "cut", "packet_at"]

Data: TypeAlias = bytes | memoryview | Packets


def cut(data: Data, begin: int, end: int | None = None) -> Data:
    """Return a part of *data*, without copying it."""
    return (data if isinstance(data, Packets) else memoryview(data))[begin:end]


def between(begin: int, end: int, pieces: Iterable[Data], at: int) -> Iterator[Data]:
    """Yield what lies between two positions of *pieces*, the first of which begins at *at*."""
    for piece in pieces:
        after = at + len(piece)
        if begin <= at and after <= end:
            yield piece
        elif begin < after and at < end:
            yield cut(piece, max(0, begin - at), end - at)
        elif at >= end:
            return
        at = after


def packet_at(position: int, pieces: Iterable[Data], at: int) -> int:
    """
    Return where the packet begins in which *position* lies; itself if it lies in none of *pieces*.

    The first of them begins at *at*.
    """
    for piece in pieces:
        after = at + len(piece)
        if at <= position < after and isinstance(piece, Packets):
            return at + piece.begin_at(position - at)
        at = after
    return position


class Gap:
    """
    One gap, and the audio that is kept of it: all, or only its end.

    Args:
        begin: Its begin in bytes of the user's audio.
        end: Its end.
        pieces: The audio up to *end*.
    """

    __slots__ = ("begin", "end", "kept_begin", "pieces")

    def __init__(self, begin: int, end: int, pieces: Iterable[Data]) -> None:
        self.begin = begin
        self.end = end
        self.pieces = deque(pieces)
        self.kept_begin = end - sum(map(len, self.pieces))

    def packet_at(self, position: int) -> int:
        """Return where the packet begins in which *position* lies; itself if it lies elsewhere."""
        return packet_at(position, self.pieces, self.kept_begin)

    def part(self, begin: int, end: int) -> "Gap":
        """Return the part of it between two positions."""
        begin, end = max(begin, self.begin), min(end, self.end)
        return Gap(begin, end, between(begin, end, self.pieces, self.kept_begin))


class Gaps:
    """
    All gaps.

    Attributes:
        in_order: The gaps.
        kept: Bytes of audio that are kept of them.
    """

    def __init__(self) -> None:
        self.kept = 0
        self.in_order: list[Gap] = []

    @property
    def extent(self) -> int:
        """Bytes from begin to end of each gap, kept or not."""
        return sum(gap.end - gap.begin for gap in self.in_order)

    def contain(self, position: int) -> bool:
        """Return whether *position* lies in a gap."""
        return any(gap.begin <= position < gap.end for gap in self.in_order)

    @property
    def are_kept(self) -> bool:
        """Whether all audio of all gaps is kept."""
        return all(gap.kept_begin == gap.begin for gap in self.in_order)

    def add(self, gap: Gap) -> None:
        """Add a gap after all others; one that is kept and continues the last is a part of it."""
        self.kept += gap.end - gap.kept_begin
        last = self.in_order[-1] if self.in_order else None
        if last and last.end == gap.kept_begin == gap.begin:
            last.pieces += gap.pieces
            last.end = gap.end
        else:
            self.in_order.append(gap)

    def begin(self, default: int) -> int:
        """Return where the first gap begins; *default* if there is none."""
        return self.in_order[0].begin if self.in_order else default

    def cover(self, begin: int, end: int, is_gap: Callable[[int, int], bool]) -> None:
        """Remove what lies between two positions; *is_gap* decides on what remains of a gap."""
        if begin >= self.in_order[-1].end:  # nearly always
            return
        remaining: list[Gap] = []
        for gap in self.in_order:
            if gap.end <= begin or end <= gap.begin:
                remaining.append(gap)
            else:
                parts = (gap.part(gap.begin, begin), gap.part(end, gap.end))
                remaining += [part for part in parts if is_gap(part.begin, part.end)]
        self._replace(remaining)

    def forget_before(self, position: int) -> None:
        """Remove the gaps that end before *position*."""
        if self.in_order[0].end < position:
            self._replace([gap for gap in self.in_order if gap.end >= position])

    def forget_lost(self, align: int) -> None:
        """Remove what is not kept, up to a whole sample of *align* bytes; 0 for packets."""
        begins = (gap.kept_begin + -gap.kept_begin % (align or 1) for gap in self.in_order)
        kept = [gap.part(begin, gap.end) for begin, gap in zip(begins, self.in_order, strict=True)]
        self._replace([gap for gap in kept if gap.pieces])

    def take_from(self, position: int) -> list[Gap]:
        """Remove the gaps that begin at *position* or later, and return them."""
        taken = [gap for gap in self.in_order if gap.begin >= position]
        self._replace([gap for gap in self.in_order if gap.begin < position])
        return taken

    def drop_first(self) -> None:
        """Drop the first piece of audio that is kept."""
        gap = next(gap for gap in self.in_order if gap.pieces)
        size = len(gap.pieces.popleft())
        gap.kept_begin += size
        self.kept -= size

    def keep(self, position: int) -> None:
        """Remove all gaps but the one that contains *position*."""
        self._replace([gap for gap in self.in_order if gap.begin <= position < gap.end])

    def clear(self) -> None:
        """Remove all gaps."""
        self._replace([])

    def _replace(self, gaps: list[Gap]) -> None:
        self.in_order = gaps
        self.kept = sum(gap.end - gap.kept_begin for gap in gaps)
