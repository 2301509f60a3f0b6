"""
Files that declare in their header how many bytes of samples they have: AIFF, AU and CAF.

libsndfile takes what is there for all there is, so it does not notice that a file was cut off.
"""

import struct
from typing import IO

from paraformer_async.audio.sections import Scan, Section, read_at

__all__ = ["scan_sized"]

_MAX_CHUNKS = 10_000
_MAX_SIZE = 1 << 42  # bytes: no file is longer
_UNKNOWN = (0, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFF)


def scan_sized(file: IO[bytes], size: int) -> Scan:
    """Return all of a file as one section, and how much of its samples is there."""
    start, length = _samples(file)
    is_cut = length not in _UNKNOWN and start + length > size
    return Scan((Section(0, size),), kept=max(0, size - start) / length if is_cut else 1.0)


def _samples(file: IO[bytes]) -> tuple[int, int]:
    """Return where the samples begin, and how many bytes they are declared to have."""
    head = read_at(file, 0, 12)
    if head.startswith(b".snd"):  # https://pubs.opengroup.org/external/auformat.html
        start, length = struct.unpack(">II", head[4:].ljust(8, b"\0"))
        return start, length
    if head.startswith(b"caff"):
        return _chunk(file, 8, b"data", ">4sQ")
    return _chunk(file, 12, b"SSND", ">4sI")


def _chunk(file: IO[bytes], position: int, wanted: bytes, layout: str) -> tuple[int, int]:
    """Return where the content of the chunk *wanted* begins, and its length; 0 if there is none."""
    header = struct.calcsize(layout)
    for _ in range(_MAX_CHUNKS):
        head = read_at(file, position, header) if position < _MAX_SIZE else b""
        if len(head) < header:
            break
        name, length = struct.unpack(layout, head)
        position += header
        if name == wanted:
            return position, length
        position += length + (length % 2 if layout == ">4sI" else 0)
    return 0, 0
