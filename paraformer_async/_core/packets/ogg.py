"""
Opus and Speex in Ogg.

RFC 7845 describes Opus in Ogg, and RFC 6716, section 3.1, the length of a packet.
The pages of the stream are taken apart, and each task receives pages of its own: numbered from 0,
with the two headers first, and times from 0.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from paraformer_async._core.packets.packet import Packet, Packets
from paraformer_async._core.packets.paging import (
    CONTINUED,
    FIRST,
    PAGE,
    SEGMENTS,
    Paging,
    make_page,
)
from paraformer_async.errors import AudioError

__all__ = ["OggCutter", "OggPages", "opus_samples"]

_LONGEST_JUNK: Final = 1 << 16
_LARGEST_PACKET: Final = 1 << 16  # bytes; one of Opus has 61,200 at most (RFC 6716, 3.2.5)
_HEADERS: Final = 2  # packets: the head and the comment
_OPUS_RATE: Final = 48_000
# Samples of a frame of Opus by the configuration in the first byte.
_OPUS_FRAMES: Final = (
    *((480, 960, 1920, 2880) * 3),
    *((480, 960) * 2),
    *((120, 240, 480, 960) * 4),
)
_SPEEX: Final = struct.Struct("<36xi16xi4xi")  # rate, samples of a frame, frames of a packet
_HEADS: Final = {"opus": b"OpusHead", "speex": b"Speex   "}
_VENDOR: Final = b"\x10\0\0\0paraformer-async" + bytes(4)  # and no comments: they may be pictures
_COMMENTS: Final = {"opus": b"OpusTags" + _VENDOR, "speex": _VENDOR}


class OggCutter(Paging):
    """Cuts a stream of Opus or Speex in Ogg, or several one after the other; see `Cutter`."""

    def __init__(self, format: str) -> None:
        super().__init__()
        self.rate: int = 0
        self.head: Sequence[bytes] = ()
        self._format = format
        self._serial: int | None = None
        self._headers: list[bytes] = []
        self._begun: bytearray | None = bytearray()  # of a packet; None: its begin was lost
        self._speex_samples = 0

    def feed(self, chunk: bytes | memoryview) -> list[Packet]:
        """Return the packets that *chunk* completes."""
        self.rest += chunk
        packets: list[Packet] = []
        while page := self.next_page():
            for data in self._packets_of(page):
                if len(self._headers) < _HEADERS:
                    self._take_header(data)
                elif samples := self._samples(data):
                    packets.append(Packet(data, samples))
        return packets

    def skip(self) -> None:
        """Pass over damage, up to where a page may begin; raise if there is no page at all."""
        super().skip()
        self._begun = None
        if not self.rate and self.skipped > _LONGEST_JUNK:
            raise self._mistaken()

    def _packets_of(self, page: bytes) -> Iterator[bytes]:
        """Yield the packets that end on a page."""
        flags, serial = page[5], int.from_bytes(page[14:18], "little")
        if flags & FIRST:
            if self._serial is not None and len(self._headers) < _HEADERS:
                return  # another stream beside this one
            self._serial, self._headers, self._begun = serial, [], bytearray()
        if serial != self._serial:
            return
        if not flags & CONTINUED:
            self._begun = bytearray()
        table = page[PAGE.size : PAGE.size + page[26]]
        begin = end = PAGE.size + len(table)
        for size in table:
            end += size
            if size < SEGMENTS:
                if packet := self._ended(page[begin:end]):
                    yield packet
                begin = end
        self._continue(page[begin:end])

    def _ended(self, piece: bytes) -> bytes:
        """Return the packet that ends with *piece*; empty if it is none, or was lost."""
        self._continue(piece)
        packet, self._begun = self._begun, bytearray()
        return bytes(packet or b"")

    def _continue(self, piece: bytes) -> None:
        """Add to the packet that has begun. One that is too large is a header, or damage."""
        if self._begun is None:
            return
        self._begun += piece
        if len(self._begun) > _LARGEST_PACKET and len(self._headers) == 1:
            del self._begun[_LARGEST_PACKET:]  # comments, which are replaced
        elif len(self._begun) > _LARGEST_PACKET:
            self._begun = None

    def _take_header(self, data: bytes) -> None:
        if not self._headers and not data.startswith(_HEADS[self._format]):
            raise self._mistaken()
        self._headers.append(data)
        if len(self._headers) == 1:
            rate, samples = _OPUS_RATE, 0
            if self._format == "speex":
                rate, size, count = _SPEEX.unpack_from(data.ljust(_SPEEX.size, b"\0"))
                samples = size * count
            if self.rate and (rate, samples) != (self.rate, self._speex_samples):
                raise AudioError(f"the {self._format} stream changes its format in the middle")
            self.rate, self._speex_samples = rate, samples
        elif not self.head:
            self.head = self._headers[0], _COMMENTS[self._format]

    def _samples(self, packet: bytes) -> int:
        if self._format == "speex":
            return self._speex_samples
        return opus_samples(packet)

    def _mistaken(self) -> AudioError:
        name = self._format.capitalize()
        return AudioError(f"the stream was declared as {self._format} and is not {name} in Ogg")


def opus_samples(packet: bytes) -> int:
    """Return the samples at 48 kHz of a packet of Opus, of which two bytes are enough."""
    frame, code = _OPUS_FRAMES[packet[0] >> 3], packet[0] & 3
    if code == 3:
        return frame * (packet[1] & 63) if len(packet) > 1 else 0
    return frame * (1, 2, 2)[code]


class OggPages:
    """Pages of one stream after the other; see `Joiner`."""

    def __init__(self, cutter: OggCutter) -> None:
        self._cutter = cutter
        self._number = self._granule = 0

    def begin(self) -> None:
        """Begin another stream."""
        self._number = self._granule = 0

    def join(self, packets: Packets) -> bytes:
        """Return the next pages of the stream."""
        pages: list[bytes] = []
        if not self._number:
            pages += [self._page([header], 0) for header in self._cutter.head]
        together: list[bytes] = []
        segments = 0
        for packet in packets.packets:
            needed = len(packet.data) // SEGMENTS + 1
            if segments + needed > SEGMENTS:
                pages.append(self._page(together, self._granule))
                together, segments = [], 0
            together.append(packet.data)
            segments += needed
            self._granule += packet.samples
        pages.append(self._page(together, self._granule))
        return b"".join(pages)

    def _page(self, packets: Sequence[bytes], granule: int) -> bytes:
        page = make_page(packets, self._number, granule)
        self._number += 1
        return page
