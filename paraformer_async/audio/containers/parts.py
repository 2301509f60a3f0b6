"""What containers are made of: parts with a name and a size, one behind the other."""

import struct
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

from paraformer_async.audio.containers.sections import read_at
from paraformer_async.audio.containers.sniffing import begins_as

__all__ = ["MAX_PARTS", "Extent", "Layout", "Part", "extent_of", "kind_at", "parts"]

MAX_PARTS: Final = 1_000_000
_MAX_SIZE: Final = 1 << 42  # bytes: no file is longer
_HEAD: Final = 64  # bytes that show what a file is


class Extent(NamedTuple):
    """
    What a file declares of itself.

    Attributes:
        end: Position after its last byte.
        length: Bytes that hold its audio; 0 if unknown.
        absent: How many of them are behind the end of what is there: not 0 if it was cut off.
        seconds: Its length in seconds; 0 if unknown, or if its decoder knows it.
        patches: What its decoder has to find in place of its bytes, as in `Section`.
    """

    end: int
    length: int = 0
    absent: int = 0
    seconds: float = 0.0
    patches: tuple[tuple[int, bytes], ...] = ()


class Layout(NamedTuple):
    """How the parts of a container begin: with a name and a size; and how they are aligned."""

    format: str
    is_inclusive: bool = False  # whether the size counts the header
    alignment: int = 1


class Part(NamedTuple):
    """Where a part begins, where its content does, and where that ends, before it is aligned."""

    name: bytes
    start: int
    begin: int
    end: int


def parts(file: IO[bytes], position: int, size: int, layout: Layout) -> Iterator[Part]:
    """Yield the parts from *position* on; the last one may reach beyond *size*."""
    header = struct.calcsize(layout.format)
    for _ in range(MAX_PARTS):
        head = read_at(file, position, header) if position < size else b""
        if len(head) < header:
            return
        name, length = struct.unpack(layout.format, head)
        begin = position + header
        end = (position if layout.is_inclusive else begin) + length
        yield Part(name, position, begin, end)
        if not position < end < _MAX_SIZE:
            return
        position = end + -end % layout.alignment


def kind_at(file: IO[bytes], position: int) -> str:
    """Return what a file that begins at *position* is; nothing if none does."""
    return begins_as(read_at(file, position, _HEAD))


def extent_of(begin: int, end: int, after: int, size: int) -> Extent:
    """Return the extent of a file whose samples are from *begin* to *end*, of known length."""
    return Extent(after, end - begin, max(0, end - max(begin, size)))
