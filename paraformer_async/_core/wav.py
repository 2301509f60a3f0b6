"""
Where the header of a streamed WAV file ends.

A WAV stream can be resumed only if its header is sent again, and its times begin after it. Source:
"Multimedia Programming Interface and Data Specifications 1.0", IBM and Microsoft, 1991.
"""

from struct import Struct

__all__ = ["LARGEST_HEADER", "WavHeader"]

# Chunks of text and pictures can stand before the samples; beyond this it is taken for no header.
LARGEST_HEADER = 65_536
_RIFF = Struct("<4sI4s")
_CHUNK = Struct("<4sI")
_FORMAT = Struct("<HHII")


class WavHeader:
    """
    Reads the header of a WAV file that comes in pieces.

    Attributes:
        data: The header's bytes, as far as they have come.
        is_complete: Whether the samples begin after `data`.
        is_valid: Whether this can still be a WAV file.
        bytes_per_second: Of the samples; 0 until it is known.
    """

    def __init__(self) -> None:
        self.data = b""
        self.is_complete = False
        self.is_valid = True
        self.bytes_per_second = 0

    def feed(self, piece: bytes | memoryview) -> bytes | memoryview:
        """Take the next piece, and give what of it are samples."""
        if self.is_complete or not self.is_valid:
            return piece
        before, seen = len(self.data), self.data + bytes(piece)
        end = self._end_of_header(seen)
        if end is None:
            self.data = seen
            self.is_valid &= len(seen) <= LARGEST_HEADER
            return b""
        self.data = seen[:end]
        self.is_complete = True
        return piece[end - before :]

    def _end_of_header(self, seen: bytes) -> int | None:
        if len(seen) < _RIFF.size:
            return None
        riff, _, wave = _RIFF.unpack_from(seen)
        self.is_valid = riff == b"RIFF" and wave == b"WAVE"
        at = _RIFF.size
        while self.is_valid and at + _CHUNK.size <= len(seen):
            name, size = _CHUNK.unpack_from(seen, at)
            at += _CHUNK.size
            if name == b"data":
                self.is_valid = self.bytes_per_second > 0
                return at
            if name == b"fmt " and at + _FORMAT.size <= len(seen):
                self.bytes_per_second = _FORMAT.unpack_from(seen, at)[3]
            at += size + size % 2
        return None
