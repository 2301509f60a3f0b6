"""Where a file of video (or of audio in such a container) ends, by its own structure."""

import struct
from typing import IO, Final

from paraformer_async.audio.containers.parts import (
    MAX_PARTS,
    Extent,
    Layout,
    extent_of,
    kind_at,
    parts,
)
from paraformer_async.audio.containers.sections import read_at
from paraformer_async.audio.containers.signatures import PART_OF_MP4

__all__ = ["asf", "avi", "flash", "matroska", "mp4"]

_UNKNOWN: Final = (0, 0xFFFF_FFFF)
_RIFF: Final = Layout("<4sI", alignment=2)
_OBJECTS: Final = Layout("<16sQ", is_inclusive=True)
_WITHIN_MP4: Final = ("", "QuickTime", PART_OF_MP4)  # a box with or without a name of its own
_FLV_TAGS: Final = (8, 9, 18)  # audio, video, data
_ASF_HEADER: Final = 1 << 16  # bytes
_ASF_PROPERTIES: Final = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_DATA: Final = b"\x36\x26\xb2\x75"


def matroska(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure a segment of Matroska (RFC 9559); FFmpeg reads on behind one of unknown size."""
    position = start
    for name in (b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"):  # EBML header, segment
        head = read_at(file, position, 12) if position < size else b""
        head = head.ljust(12, b"\0")
        width = 9 - head[4].bit_length()
        length = int.from_bytes(head[4 : 4 + width], "big") & (1 << 7 * width) - 1
        is_unknown = length == (1 << 7 * width) - 1
        if not head.startswith(name) or width > 8 or is_unknown:
            return Extent(size)
        begin = position + 4 + width
        position = begin + length
    return extent_of(begin, position, position, size)


def avi(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure AVI, which goes on in parts of the kind AVIX."""
    head = read_at(file, start, 52).ljust(52, b"\0")
    frame, count = struct.unpack("<32xI12xI", head)  # a frame is of microseconds
    found = Extent(size)
    for part in parts(file, start, size, _RIFF):
        if part.end - part.begin in _UNKNOWN:
            return Extent(size)
        if part.start > start and read_at(file, part.begin, 4) != b"AVIX":
            break
        found = extent_of(start, part.end, part.end, size)
    seconds = frame * count / 1_000_000 if head[24:28] == b"avih" else 0.0
    return found._replace(seconds=seconds)


def asf(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure ASF, a file of objects."""
    found = Extent(size)
    seconds = 0.0
    for part in parts(file, start, size, _OBJECTS):
        if part.start > start and kind_at(file, part.start):
            break
        if part.start == start:
            seconds = _asf_seconds(read_at(file, start, min(part.end - start, _ASF_HEADER)))
        if part.name.startswith(_ASF_DATA):
            found = extent_of(part.begin, part.end, part.end, size)
        found = found._replace(end=part.end, seconds=seconds)
    return found


def _asf_seconds(header: bytes) -> float:
    """Return the duration by the object of file properties, less what is to be buffered first."""
    place = header.find(_ASF_PROPERTIES)
    if not 0 <= place <= len(header) - 88:
        return 0.0
    duration, preroll = struct.unpack_from("<Q8xQ", header, place + 64)
    return max(0.0, float(duration / 10_000_000 - preroll / 1000))


def mp4(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure MP4 (ISO/IEC 14496-12), whose boxes are of 32 or 64 bits."""
    position, before = start, b"ftyp"
    for _ in range(MAX_PARTS):
        head = read_at(file, position, 16) if position < size else b""
        if len(head) < 8:
            break
        if before != b"ftyp" and kind_at(file, position) not in _WITHIN_MP4:
            break
        before = head[4:8]
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:], "big")
        if length < 8:
            return Extent(size)
        position += length
    return Extent(position)


def flash(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure FLV: tags, each followed by its size."""
    position = start + 9 + 4
    for _ in range(MAX_PARTS):
        head = read_at(file, position, 11) if position < size else b""
        if len(head) < 11 or head[0] not in _FLV_TAGS:
            break
        position += 11 + int.from_bytes(head[1:4], "big") + 4
    return Extent(position, absent=max(0, position - size))
