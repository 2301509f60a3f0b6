"""Streams of frames with headers that can be found again after damage: MP3 and ADTS."""

import re
from abc import ABC, abstractmethod
from typing import ClassVar, Final

from msgspec import Struct

from paraformer_async._core.packets.packet import Packet
from paraformer_async.errors import AudioError

__all__ = ["FrameHeader", "Syncing", "id3_size"]

_ID3: Final = b"ID3"
_ID3_HEADER: Final = 10
_ID3V1: Final = (b"TAG", 128)  # how it begins, and its size


class FrameHeader(Struct, frozen=True):
    """What the header of a frame declares: its bytes, its samples, and their rate in Hz."""

    size: int
    samples: int
    rate: int


def id3_size(head: bytes | bytearray) -> int:
    """Return the size of the ID3v2 tag with which *head* begins; 0 if there is none."""
    if not head.startswith(_ID3) or len(head) < _ID3_HEADER:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)


class Syncing(ABC):
    """
    Finds frames, passes over tags, and finds the next frame after damage.

    A frame that follows another one, or begins the stream, is taken as soon as it is complete;
    after damage, and at another rate, the header of the next one must follow it. Damage of any kind
    takes linear time.

    Attributes:
        name: The format, in errors.
        wanted: What the stream should contain, in errors.
        header_size: Bytes of a header.
        header: How one begins: few bytes of damage should look like it. At the end, what may become
            one does, too.
        may_change: Whether the rate of the frames may change.
        longest_junk: Bytes without any frame after which a stream is not of the format.
    """

    name: ClassVar[str]
    wanted: ClassVar[str]
    header_size: ClassVar[int]
    header: ClassVar[bytes]
    may_change: ClassVar[bool] = False
    longest_junk: ClassVar[int] = 1 << 16
    _places: ClassVar[re.Pattern[bytes]]

    def __init_subclass__(cls) -> None:
        tags = (_ID3, _ID3V1[0])
        cls._places = re.compile(b"|".join((cls.header, *tags)))

    def __init__(self) -> None:
        self.rate: int = 0
        self.skipped: int = 0
        self.rest: bytearray = bytearray()
        self._tag = 0  # bytes of a tag that are still to come
        self._is_synced = True

    @abstractmethod
    def parse(self, header: bytes | bytearray) -> FrameHeader | None:
        """Return what a header declares; `None` if it is none."""
        ...

    @abstractmethod
    def packet(self, data: bytes, frame: FrameHeader) -> Packet | None:
        """Return a frame as a packet; `None` if it contains no audio."""
        ...

    def feed(self, chunk: bytes | memoryview) -> list[Packet]:
        """Return the frames that *chunk* completes."""
        self.rest += chunk
        packets: list[Packet] = []
        at = 0
        while (step := self._step(at, packets)) > 0:
            at += step
        del self.rest[:at]
        return packets

    def _step(self, at: int, packets: list[Packet]) -> int:
        """Pass over what begins at *at*, and return its size; 0 if more bytes are needed."""
        rest = self.rest
        if self._tag:
            passed = min(self._tag, len(rest) - at)
            self._tag -= passed
            return passed
        header = rest[at : at + max(self.header_size, _ID3_HEADER)]
        if any(tag.startswith(header[:3]) for tag in (_ID3, _ID3V1[0])) and len(header) < 10:
            return 0
        self._tag = _ID3V1[1] if header.startswith(_ID3V1[0]) else id3_size(header)
        if self._tag:
            return self._step(at, packets)
        if len(header) < self.header_size:
            return 0
        frame = self.parse(header)
        is_other = frame is not None and self.rate not in (0, frame.rate)
        if frame is None or (is_other and not self.may_change):
            return self._junk(at)
        self._is_synced &= not is_other
        return self._frame(at, frame, packets)

    def _frame(self, at: int, frame: FrameHeader, packets: list[Packet]) -> int:
        end = at + frame.size
        if not self._is_synced:
            following = self.rest[end : end + self.header_size]
            if len(following) < self.header_size:
                return 0
            after = self.parse(following)
            if after is None or after.rate != frame.rate:
                return self._junk(at)
        if end > len(self.rest):
            return 0
        self._is_synced = True
        self.rate = frame.rate
        packet = self.packet(bytes(self.rest[at:end]), frame)
        if packet is not None:
            packets.append(packet)
        return frame.size

    def _junk(self, at: int) -> int:
        """Pass over bytes that are no frame, up to where one may begin."""
        self._is_synced = False
        place = self._places.search(self.rest, at + 1)
        step = (place.start() if place else len(self.rest)) - at
        self.skipped += step
        if not self.rate and self.skipped > self.longest_junk:
            raise AudioError(
                f"the stream was declared as {self.name} and has no {self.wanted}: none in its "
                f"first {self.skipped} bytes"
            )
        return step
