"""
Ogg by its pages (RFC 3533): where the links of a chained file are, and where it is damaged.

A link ends before the next one, or before bytes that are no page, if no page of it follows them.
"""

from collections.abc import Iterator
from typing import IO

from msgspec import Struct

from paraformer_async._core.packets.ogg import opus_samples
from paraformer_async._core.packets.paging import CONTINUED, FIRST, PAGE, Paging
from paraformer_async.audio.containers.mpeg import is_damage
from paraformer_async.audio.containers.sections import Scan, Section, read_at, scan_whole

__all__ = ["scan_ogg"]

_BLOCK = 1 << 18
_LARGEST = 1 << 16  # bytes of what is looked at between two pages
_BLOCK_SIZES = 28  # where Vorbis has the sizes of its blocks, as powers of two
_UNKNOWN = 1 << 40  # samples: no gap is found
_LATE = 10  # seconds: a link that begins later was recorded from a stream that ran before
# First packet of a codec: how it begins, and where its rate in Hz is.
_RATES = ((b"\x01vorbis", 12), (b"Speex   ", 36))
_OPUS_RATE = 48_000
_GAP = 0.2  # seconds between pages; less may be the packet that is on both
_SEGMENT = 255  # bytes, of all segments of a packet but its last one


class _Link(Struct):
    """The pages of one link."""

    start: int
    end: int
    rate: int = 0
    serial: bytes = b""
    begin: int | None = None  # granule positions: of the first page of audio, and the last one
    granule: int = 0
    longest: int = 0  # samples of a packet; 0 for Opus, whose packets have their own
    pending: int = 0  # samples of packets since that granule position
    has_gaps: bool = False

    def add(self, position: int, page: bytes) -> None:
        self.end = position + len(page)
        granule = int.from_bytes(page[6:14], "little", signed=True)
        if not self.rate:
            head = page[PAGE.size + page[26] :]
            self.rate, self.serial, self.longest = _rate(head), page[14:18], _longest(head)
        elif page[14:18] == self.serial:
            self.pending += self._samples(page)
            if granule > 0:
                self._advance(granule)

    def _advance(self, granule: int) -> None:
        if self.begin is None:
            self.begin = granule if granule > _LATE * self.rate else 0
        elif granule - self.granule - self.pending > _GAP * self.rate:
            self.has_gaps = True
        self.granule, self.pending = granule, 0

    def _samples(self, page: bytes) -> int:
        """Return the samples of the packets that begin on a page, or the most that they may be."""
        table = page[PAGE.size : PAGE.size + page[26]]
        if self.longest:
            return self.longest * sum(size < _SEGMENT for size in table)
        position = PAGE.size + len(table)
        samples, is_begin = 0, not page[5] & CONTINUED
        for size in table:
            if is_begin and size:
                samples += opus_samples(page[position : position + 2])
            position += size
            is_begin = size < _SEGMENT
        return samples

    @property
    def seconds(self) -> float:
        return (self.granule - (self.begin or 0)) / self.rate if self.rate else 0.0


def scan_ogg(file: IO[bytes], size: int) -> Scan:
    """Return the streams of a chained Ogg file (RFC 3533, section 4)."""
    links: list[_Link] = []
    remark = ""
    end = 0
    was_first = False
    for position, page in _pages(file):
        is_first = bool(page[5] & FIRST)
        if is_first and not was_first:  # a multiplexed stream begins with several
            links.append(_Link(position, position))
        was_first = is_first
        if not links:
            continue
        if position > end and is_damage(read_at(file, end, min(position - end, _LARGEST))):
            seconds = sum(link.seconds for link in links)
            remark = remark or f"is damaged after {seconds:.2f} s"
        links[-1].add(position, page)
        end = links[-1].end
    if not links:
        return scan_whole(file, size)
    if end < size and is_damage(read_at(file, end, _LARGEST)):
        remark = remark or "was cut off in its last page"
    sections = tuple(Section(link.start, link.end) for link in links)
    has_gaps = not remark and any(link.has_gaps for link in links)
    return Scan(sections, remark=remark, has_gaps=has_gaps)


def _pages(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the pages of a file that are not damaged, and their positions."""
    paging = Paging()
    position = 0  # of what was read last
    is_last = False
    while not is_last or len(paging.rest) >= PAGE.size:
        if is_last:
            paging.skip()
        else:
            file.seek(position)
            block = file.read(_BLOCK)
            is_last = not block
            paging.rest += block
            position += len(block)
        while page := paging.next_page():
            yield position - len(paging.rest) - len(page), page


def _rate(head: bytes) -> int:
    """Return the rate of granule positions in Hz, by the first packet; 0 if it is not known."""
    if head.startswith(b"OpusHead"):
        return _OPUS_RATE
    if head.startswith(b"\x7fFLAC"):
        return int.from_bytes(head[27:30], "big") >> 4
    for name, place in _RATES:
        if head.startswith(name):
            return int.from_bytes(head[place : place + 4], "little")
    return 0


def _longest(head: bytes) -> int:
    """Return the most samples that a packet may have, by the first one; 0 for those of Opus."""
    if head.startswith(b"OpusHead"):
        return 0
    if head.startswith(b"\x01vorbis") and len(head) > _BLOCK_SIZES:
        return 1 << (head[_BLOCK_SIZES] >> 4)
    return _UNKNOWN
