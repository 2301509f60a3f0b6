"""Where a file of audio ends, and how much of its audio is there, by its own structure."""

import struct
from functools import partial
from typing import IO, Final

from paraformer_async._core.packets.amr import AMR_MAGIC, amr_frame_size
from paraformer_async.audio.containers.parts import (
    MAX_PARTS,
    Extent,
    Layout,
    extent_of,
    kind_at,
    parts,
)
from paraformer_async.audio.containers.sections import read_at

__all__ = ["aiff", "amr", "au", "caf", "true_audio", "voc", "w64", "wavpack"]

_AMR_WB: Final = b"#!AMR-WB\n"
# Bytes of a frame of AMR-WB by its mode: 6.6 to 23.85 kbit/s, comfort noise, lost, and nothing.
_AMR_WB_SIZES: Final = dict(enumerate((18, 24, 33, 37, 41, 47, 51, 59, 61, 6))) | {14: 1, 15: 1}
_BLOCK: Final = 1 << 18  # bytes
_UNKNOWN: Final = (0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)
_VOC_BLOCKS: Final = range(1, 10)  # 0 ends the file
_IFF: Final = Layout(">4sI", alignment=2)
_CAF: Final = Layout(">4sQ")
_EXTENSIBLE: Final = b"\xfe\xff"  # the codec in the chunk `fmt`, and where it is then
_SUBFORMAT: Final = 24
_W64: Final = Layout("<16sQ", is_inclusive=True, alignment=8)


def amr(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure AMR by its frames (RFC 4867, section 5), up to the magic of another file."""
    is_wide = read_at(file, start, len(_AMR_WB)) == _AMR_WB
    frame_size = partial(amr_frame_size, sizes=_AMR_WB_SIZES) if is_wide else amr_frame_size
    position = start + len(_AMR_WB if is_wide else AMR_MAGIC)
    data, at = b"", 0
    while position + at < size:
        if at >= len(data):
            position, at = position + at, 0
            data = read_at(file, position, _BLOCK)
        length = frame_size(data[at]) if data else 0
        if not length:
            return Extent(position + at)
        at += length
    return Extent(size, absent=position + at - size)


def au(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure AU: https://pubs.opengroup.org/external/auformat.html."""
    offset, length = struct.unpack(">4xII", read_at(file, start, 12).ljust(12, b"\0"))
    if length in _UNKNOWN:
        return Extent(size)
    begin = start + offset
    return extent_of(begin, begin + length, begin + length, size)


def aiff(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure AIFF: chunks in one of them."""
    whole = next(parts(file, start, size, _IFF), None)
    for part in parts(file, start + 12, size, _IFF):
        if whole and part.name == b"SSND" and part.end - part.begin not in _UNKNOWN:
            return extent_of(part.begin, part.end, whole.end + whole.end % 2, size)
    return Extent(size)


def caf(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure CAF, whose last chunk ends it."""
    found = Extent(size)
    for part in parts(file, start + 8, size, _CAF):
        is_unknown = part.name == b"data" and part.end - part.begin in _UNKNOWN
        if is_unknown or kind_at(file, part.start):
            break
        if part.name == b"data":
            found = extent_of(part.begin, part.end, part.end, size)
        found = found._replace(end=part.end)
    return found


def w64(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure Wave64, whose names are GUIDs: https://en.wikipedia.org/wiki/Sony_Wave64."""
    whole = next(parts(file, start, size, _W64), None)
    found = Extent(size)
    for part in parts(file, start + 40, size, _W64):
        if part.name.startswith(b"fmt "):
            # Of the extensible format, libsndfile reads codes of G.711 and floats as integers.
            head = read_at(file, part.begin, _SUBFORMAT + 2)
            if head.startswith(_EXTENSIBLE) and head[_SUBFORMAT:]:
                found = Extent(size, patches=((part.begin - start, head[_SUBFORMAT:]),))
        if whole and part.name.startswith(b"data") and part.end > part.begin:
            extent = extent_of(part.begin, part.end, whole.end + -whole.end % 8, size)
            return extent._replace(patches=found.patches)
    return found


def voc(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure VOC, a file of blocks: https://wiki.multimedia.cx/index.php/Creative_Voice."""
    position = start + int.from_bytes(read_at(file, start + 20, 2), "little")
    length = count = 0
    while len(head := read_at(file, position, 4)) == 4 and head[0] in _VOC_BLOCKS:
        length = int.from_bytes(head[1:], "little")
        position += 4 + length
        count += 1
    end = position + (head[:1] == b"\0")
    return Extent(end, length if count == 1 else 0, max(0, position - size))


def true_audio(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure True Audio, whose header has the size of each frame."""
    rate, samples = struct.unpack("<10xII4x", read_at(file, start, 22).ljust(22, b"\0"))
    frames = -(-samples // max(1, rate * 256 // 245))
    table = read_at(file, start + 22, min(4 * frames, 4 * MAX_PARTS))
    begin = start + 22 + 4 * frames + 4
    length = sum(struct.unpack(f"<{len(table) // 4}I", table[: len(table) & ~3]))
    return extent_of(begin, begin + length, begin + length, size)


def wavpack(file: IO[bytes], start: int, size: int) -> Extent:
    """Measure WavPack: blocks, of which the first one has the first samples."""
    position, is_behind = start, False
    for _ in range(MAX_PARTS):
        head = read_at(file, position, 28) if position < size else b""
        if len(head) < 28 or not head.startswith(b"wvpk"):
            break
        length, index, count = struct.unpack("<4xI8xII4x", head)
        if is_behind and index == 0 and count:
            break
        is_behind = is_behind or index > 0
        position += 8 + length
    return Extent(position, absent=max(0, position - size))
