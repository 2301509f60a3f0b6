"""
The links of a stream: each would be a file of its own, and they follow one after the other.

Radio chains streams of Ogg at each title (RFC 3533, section 4), and files that are sent one after
the other make one stream. A decoder ends with the first link, or where the link declares its end.
"""

import re
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from paraformer_async._core.packets.mpeg import (
    MpegCutter,
    MpegTag,
    is_layer_iii,
    is_tag,
    parse_tag,
    without_end,
)
from paraformer_async._core.packets.packet import Packet
from paraformer_async._core.packets.paging import FIRST, PAGE, Paging
from paraformer_async._core.packets.syncing import FrameHeader

__all__ = ["LinkPart", "Links", "links_of"]

_MARKER: Final = b"fLaC\0\0\0\x22"  # with the header of the first block of metadata
_MARKERS: Final = re.compile(re.escape(_MARKER))


class LinkPart(Struct):
    """
    Consecutive bytes of one link.

    Attributes:
        data: The bytes.
        begins: Whether a link begins with them.
        tag: What the link declares about its length, if it begins with the tag of an encoder.
    """

    data: bytearray
    begins: bool = False
    tag: MpegTag | None = None


class Links(Protocol):
    """
    Cuts a stream into its links, wherever its bytes were cut.

    Attributes:
        skipped: Bytes that belong to none.
    """

    skipped: int

    def take(self, chunk: bytes) -> Sequence[LinkPart]:
        """
        Return the parts that *chunk* completes.

        Raises:
            AudioError: The stream is not of the format.
        """
        ...

    def last(self) -> Sequence[LinkPart]:
        """Return what was kept for the case that more follows."""
        ...


def links_of(format: str) -> Links:
    """Return what cuts a stream of mp3, ogg or flac into its links."""
    if format == "mp3":
        return MpegLinks()
    return OggLinks() if format == "ogg" else FlacLinks()


class OggLinks(Paging):
    """Links of Ogg, by pages; see `Links`. Pages that are damaged are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._was_first = True

    def take(self, chunk: bytes) -> list[LinkPart]:
        """Return the pages that *chunk* completes."""
        self.rest += chunk
        parts: list[LinkPart] = []
        while page := self.next_page():
            is_first = bool(page[5] & FIRST)  # a multiplexed link begins with several
            _add(parts, page, begins=is_first and not self._was_first)
            self._was_first = is_first
        return parts

    def last(self) -> list[LinkPart]:
        """Return the pages within what seemed to be a longer one."""
        parts: list[LinkPart] = []
        while len(self.rest) >= PAGE.size:
            self.skip()
            parts += self.take(b"")
        return parts


class FlacLinks:
    """Links of FLAC, by their markers; see `Links`."""

    def __init__(self) -> None:
        self.skipped: int = 0
        self._rest = b""
        self._is_begun = False

    def take(self, chunk: bytes) -> list[LinkPart]:
        """Return the bytes before what may become a marker."""
        data = self._rest + chunk
        parts: list[LinkPart] = []
        at = 0
        for found in _MARKERS.finditer(data):
            if self._is_begun:
                _add(parts, data[at : found.start()])
                parts.append(LinkPart(bytearray(), begins=True))
                at = found.start()
            self._is_begun = True
        held = next(size for size in range(len(_MARKER) - 1, -1, -1) if _ends(data, size))
        _add(parts, data[at : len(data) - held])
        self._rest = data[len(data) - held :]
        return parts

    def last(self) -> list[LinkPart]:
        """Return what has not become a marker."""
        rest, self._rest = self._rest, b""
        return [LinkPart(bytearray(rest))] if rest else []


def _ends(data: bytes, size: int) -> bool:
    """Return whether *data* ends with so many bytes of the marker."""
    return data.endswith(_MARKER[:size])


class MpegLinks(MpegCutter):
    """
    Links of MP3, by frames; see `Links`.

    One begins with the tag of an encoder, and where rate or channels change. It has two frames at
    least: a decoder needs them. Tags of other kinds are left out, and the end that an encoder has
    declared is removed: more may follow.
    """

    may_change = True
    longest_junk = 1 << 12  # more than what is left of any frame

    def __init__(self) -> None:
        super().__init__()
        self._kind: tuple[int, ...] = ()
        self._first = b""  # frame of a link whose second one has not been received
        self._declared: MpegTag | None = None  # what that frame declares

    def parse(self, header: bytes | bytearray) -> FrameHeader | None:
        """Return what a header declares; `None` if it is none of MP3."""
        return super().parse(header) if is_layer_iii(header) else None

    def packet(self, data: bytes, frame: FrameHeader) -> Packet | None:
        """Return a frame as a packet, unless it is a tag that no decoder reads."""
        return None if is_tag(data) and not parse_tag(data) else Packet(data, frame.samples)

    def take(self, chunk: bytes) -> list[LinkPart]:
        """Return the frames that *chunk* completes."""
        parts: list[LinkPart] = []
        for packet in self.feed(chunk):
            frame = packet.data
            kind = frame[1] & 0x18, frame[2] & 0x0C, frame[3] >> 6 == 3  # version, rate, mono
            tag = parse_tag(frame)
            if tag or kind != self._kind:
                self.skipped += 0 if self._declared else len(self._first)
                self._first, self._kind, self._declared = frame, kind, tag
            elif self._first:
                first = without_end(self._first) if self._declared else self._first
                _add(parts, first + frame, begins=True, tag=self._declared)
                self._first, self._declared = b"", None
            else:
                _add(parts, frame)
        return parts

    def last(self) -> list[LinkPart]:
        """Return nothing: a part of a frame is of no use."""
        return []


def _add(
    parts: list[LinkPart], data: bytes, *, begins: bool = False, tag: MpegTag | None = None
) -> None:
    if begins or not parts:
        parts.append(LinkPart(bytearray(data), begins, tag))
    else:
        parts[-1].data += data
