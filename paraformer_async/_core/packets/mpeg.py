"""
MP3 by its frames.

The header of a frame: http://www.mp3-tech.org/programmer/frame_header.html; the bit reservoir:
ISO/IEC 11172-3, 2.4.2.7. A frame may use bytes of earlier ones, up to 511. Where these are missing,
a silent frame that contains them precedes it: no sample is lost.
"""

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from paraformer_async._core.packets.packet import Packet
from paraformer_async._core.packets.syncing import FrameHeader, Syncing

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MpegCutter",
    "MpegFrame",
    "MpegTag",
    "is_layer_iii",
    "is_tag",
    "parse_header",
    "parse_tag",
    "without_end",
]

_RATES: Final = (44100, 48000, 32000)
_V1: Final = (
    (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)
_V2: Final = (
    (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
_HEADER: Final = 4  # bytes
_CHECKSUM: Final = 2
_LAYER_III: Final = 1
_VERSION_1: Final = 3
# Flags of the tag of an encoder, and the bytes of what they announce: count of frames, length in
# bytes, table of contents, quality.
_FIELDS: Final = {1: 4, 2: 4, 4: 100, 8: 4}
_HAS_COUNT, _HAS_LENGTH = 1, 2
_DELAYS: Final = 21  # bytes from the name of the encoder to its delays
_ENDLESS: Final = (1 << 31) - 1  # frames
_RESERVOIR: Final = 511  # bytes at most


class MpegFrame(Struct, frozen=True):
    """What the header of a frame declares: bytes, samples, Hz, and whether it is mono."""

    size: int
    samples: int
    rate: int
    is_mono: bool


def parse_header(header: bytes | bytearray) -> MpegFrame | None:
    """Return what the header of a frame declares; `None` if it is none."""
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3  # 3: version 1; 3: layer I
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 0 or bitrate in (0, 15) or rate == 3:
        return None
    place = 3 - layer
    kilobits = (_V1 if version == _VERSION_1 else _V2)[place][bitrate]
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    is_mono = header[3] >> 6 == 3
    if place == 0:
        return MpegFrame((12000 * kilobits // hertz + padding) * 4, 384, hertz, is_mono)
    samples = 576 if place == 2 and version != _VERSION_1 else 1152
    return MpegFrame(samples * 125 * kilobits // hertz + padding, samples, hertz, is_mono)


class MpegTag(Struct, frozen=True):
    """
    What the tag of an encoder declares.

    Attributes:
        samples: Samples of each channel, without those that the encoder has added; 0 if unknown.
        padding: Samples that it has added at the end.
    """

    samples: int
    padding: int


def _side(frame: bytes | bytearray) -> tuple[int, int]:
    """Return where the side information of a frame of layer III begins and ends."""
    is_v1, is_mono = frame[1] >> 3 & 3 == _VERSION_1, frame[3] >> 6 == 3
    begin = _HEADER + (0 if frame[1] & 1 else _CHECKSUM)
    return begin, begin + ((17 if is_mono else 32) if is_v1 else (9 if is_mono else 17))


def is_layer_iii(frame: bytes | bytearray) -> bool:
    """Return whether a frame is of MP3, rather than of the layers before it."""
    return frame[1] >> 1 & 3 == _LAYER_III


def is_tag(frame: bytes) -> bool:
    """Return whether a frame is the tag of an encoder, which contains no audio."""
    return bool(_xing(frame)) or frame[36:40] == b"VBRI"


def _xing(frame: bytes) -> int:
    """Return where the tag of an encoder begins in its frame; 0 if there is none."""
    _, end = _side(frame)
    begin = end if frame[1] & 1 else end - _CHECKSUM
    return begin if frame[begin : begin + 4] in (b"Xing", b"Info") else 0


def parse_tag(frame: bytes) -> MpegTag | None:
    """Return what the tag of an encoder declares; `None` for a frame that is none of them."""
    begin, header = _xing(frame), parse_header(frame)
    if not begin or header is None:
        return None
    flags = int.from_bytes(frame[begin + 4 : begin + 8], "big")
    count = int.from_bytes(frame[begin + 8 : begin + 12], "big") if flags & _HAS_COUNT else 0
    encoder = begin + 8 + sum(size for flag, size in _FIELDS.items() if flags & flag)
    delays = int.from_bytes(frame[encoder + _DELAYS : encoder + _DELAYS + 3], "big")
    padding = delays & 0xFFF
    return MpegTag(max(0, count * header.samples - (delays >> 12) - padding), padding)


def without_end(frame: bytes) -> bytes:
    """Return the tag of an encoder so that it declares no end: of the frames, and of the file."""
    begin = _xing(frame)
    flags = int.from_bytes(frame[begin + 4 : begin + 8], "big")
    count = _ENDLESS.to_bytes(4, "big") if flags & _HAS_COUNT else b""
    place = begin + 8 + len(count)
    length = 4 if flags & _HAS_LENGTH else 0
    head = frame[: begin + 4] + (flags & ~_HAS_LENGTH).to_bytes(4, "big") + count
    return head + frame[place + length :] + bytes(length)


class MpegCutter(Syncing):
    """Cuts a stream of MP3, without the tags in it; see `Cutter`."""

    name = "mp3"
    wanted = "frames of MP3"
    header_size = _HEADER
    header = rb"\xff(?:\Z|[\xe0-\xff](?:\Z|[\x10-\xef]))"

    def __init__(self) -> None:
        super().__init__()
        self.head: Sequence[bytes] = ()
        self._reservoir = b""  # the latest bytes that a frame may use

    def parse(self, header: bytes | bytearray) -> FrameHeader | None:
        """Return what a header declares; `None` if it is none."""
        frame = parse_header(header)
        return None if frame is None else FrameHeader(frame.size, frame.samples, frame.rate)

    def packet(self, data: bytes, frame: FrameHeader) -> Packet | None:
        """Return a frame as a packet, unless it is the tag of an encoder."""
        if not is_layer_iii(data):
            return Packet(data, frame.samples)
        if is_tag(data):
            return None
        begin, end = _side(data)
        is_v1 = data[1] >> 3 & 3 == _VERSION_1
        used = data[begin] << 1 | data[begin + 1] >> 7 if is_v1 else data[begin]
        lead = _silent(data, self._reservoir[-used:]) if used and self._reservoir else b""
        self._reservoir = (self._reservoir + data[end:])[-_RESERVOIR:]
        return Packet(data, frame.samples, lead)


def _silent(like: bytes, reservoir: bytes) -> bytes:
    """Return a frame of silence of the kind of *like*, with *reservoir* for the one after it."""
    header = bytearray(like[:_HEADER])
    header[1] |= 1  # no checksum
    header[2] &= 0x0D  # no bit rate yet, and no padding
    room = 0
    while room < len(reservoir):  # the largest frame of any kind has enough
        header[2] += 1 << 4
        frame = parse_header(header)
        room = frame.size - _side(header)[1] if frame else 0
    size = _side(header)[1] - _HEADER + room
    return bytes(header) + bytes(size - len(reservoir)) + reservoir
