"""
The header of a WAV stream, read as its bytes arrive.

Shared by the client, which must send the header again when it resumes a stream, and by the decoder
of the local service. Sizes that were unknown when the header was written (a pipe, a recorder that
was killed) leave `data_size` unknown. Sources: "Multimedia Programming Interface and Data
Specifications 1.0", IBM and Microsoft, 1991; "Multiple Channel Audio Data and WAVE Files",
Microsoft, 2001 (WAVE_FORMAT_EXTENSIBLE); EBU Tech 3306 (RF64);
ITU-R BS.2088 (BW64).
"""

from collections.abc import Callable
from struct import Struct, unpack_from

__all__ = ["EXTENSIBLE", "IEEE_FLOAT", "LARGEST_HEADER", "MAGICS", "PCM", "WavHeader"]

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
# Chunks of text and pictures can precede the samples; a longer header is not accepted.
LARGEST_HEADER = 65_536
# The byte of silence where it is not zero: unsigned samples, A-law, µ-law.
_SILENCES = {(PCM, 8): b"\x80", (6, 8): b"\xd5", (7, 8): b"\xff"}
MAGICS = (b"RIFF", b"RF64", b"BW64")
_RIFF = Struct("<4sI4s")
_CHUNK = Struct("<4sI")
_FORMAT = Struct("<HHIIHH")
# With the tag of WAVE_FORMAT_EXTENSIBLE, a GUID that begins with the real one follows.
_LONG_FORMAT = 40
_SUB_FORMAT = 24
_SIZES_64 = 16  # RF64 and BW64: of the file and of the samples, 64 bits each
# Written while the size was unknown: -1, or some very large number. Zero is common, too.
_UNKNOWN_SIZES = range(0x7FFF_0000, 0x1_0000_0000)


class WavHeader:
    """
    Reads the header of a WAV stream that arrives in pieces of any size.

    Args:
        limit: Longest header in bytes; a longer one is invalid. `None`: unlimited, and `data` is
            not kept.

    Attributes:
        is_complete: Whether the samples begin after the header.
        problem: Why this is not a WAV stream; empty while it can still be one.
        codec: Format tag: 1 for PCM, 3 for float samples; the real one of WAVE_FORMAT_EXTENSIBLE.
        channels: Interleaved channels.
        sample_rate: In Hz.
        bits: Bits of a sample.
        block_align: Bytes of one sample of all channels; the samples can be cut at multiples of it.
        bytes_per_second: Of the samples.
        data_size: Bytes of samples; `None` if the writer did not know the size.

    All numbers are 0 until they have been read.
    """

    def __init__(self, *, limit: int | None = LARGEST_HEADER) -> None:
        self.is_complete = False
        self.problem = ""
        self.codec = self.channels = self.sample_rate = self.bits = 0
        self.block_align = self.bytes_per_second = 0
        self.data_size: int | None = None
        self._limit = limit
        self._kept = bytearray()
        self._part = bytearray()  # the received bytes of the part that is being read
        self._wanted = _RIFF.size
        self._parse: Callable[[bytes], None] = self._parse_riff
        self._skip = 0  # bytes until the next chunk
        self._body_rest = 0  # bytes of the chunk after the part that is of interest
        self._size_64: int | None = None

    @property
    def data(self) -> bytes:
        """The received bytes of the header."""
        return bytes(self._kept)

    def silence(self, ms: int) -> bytes:
        """Return *ms* of silence in the format of the samples; the header must be complete."""
        size = self.sample_rate * ms // 1000 * self.block_align
        return _SILENCES.get((self.codec, self.bits), b"\0") * size

    def feed(self, piece: bytes | memoryview) -> bytes | memoryview:
        """
        Read the next piece.

        Returns:
            The samples in it. After a complete or an invalid header, the piece is returned
            unchanged.
        """
        if self._is_over():
            return piece
        view = memoryview(piece)
        at = 0
        while at < len(view) and not self._is_over():
            at += self._advance(view[at:])
        if self._limit is not None:
            self._kept += view[: at if self.is_complete else None]
            if len(self._kept) > self._limit and not self.problem:
                self._refuse(f"the WAV header is longer than {self._limit} bytes")
        return piece[at:] if self.is_complete else b""

    def _is_over(self) -> bool:
        return self.is_complete or bool(self.problem)

    def _advance(self, view: memoryview) -> int:
        """Read part of *view*; return the number of bytes."""
        if self._skip:
            passed = min(self._skip, len(view))
            self._skip -= passed
            return passed
        taken = min(self._wanted - len(self._part), len(view))
        self._part += view[:taken]
        is_riff = self._parse == self._parse_riff
        if is_riff and not any(self._part[:4] == magic[: len(self._part)] for magic in MAGICS):
            self._refuse("the stream was declared as WAV and does not begin as one")
        elif len(self._part) == self._wanted:
            part, self._part = bytes(self._part), bytearray()
            self._parse(part)
        return taken

    def _parse_riff(self, part: bytes) -> None:
        if _RIFF.unpack(part)[2] != b"WAVE":
            self._refuse("the stream is RIFF, but not WAVE")
        self._expect_chunk()

    def _expect_chunk(self) -> None:
        self._wanted, self._parse = _CHUNK.size, self._parse_chunk

    def _parse_chunk(self, part: bytes) -> None:
        name, size = _CHUNK.unpack(part)
        if name == b"data":
            self._begin_samples(size)
        elif name == b"fmt " and size < _FORMAT.size:
            self._refuse(f"the WAV header has a fmt chunk of {size} bytes")
        elif name == b"fmt ":
            self._read_body(size, min(size, _LONG_FORMAT), self._parse_format)
        elif name == b"ds64" and size >= _SIZES_64:
            self._read_body(size, _SIZES_64, self._parse_sizes)
        else:
            self._skip = size + size % 2

    def _read_body(self, size: int, wanted: int, parse: Callable[[bytes], None]) -> None:
        """Read the first *wanted* bytes of a chunk of *size* bytes."""
        self._wanted = wanted
        self._body_rest = size + size % 2 - wanted
        self._parse = parse

    def _parse_format(self, part: bytes) -> None:
        self.codec, self.channels, self.sample_rate, per_second, block, self.bits = (
            _FORMAT.unpack_from(part)
        )
        if self.codec == EXTENSIBLE and len(part) == _LONG_FORMAT:
            (self.codec,) = unpack_from("<H", part, _SUB_FORMAT)
        if self.codec in (PCM, IEEE_FLOAT) and self.channels and self.bits:
            # Some writers leave the two fields wrong, so every decoder computes them.
            block = self.channels * -(-self.bits // 8)
            per_second = self.sample_rate * block
        self.block_align, self.bytes_per_second = block, per_second
        self._end_body()

    def _parse_sizes(self, part: bytes) -> None:
        self._size_64 = unpack_from("<Q", part, 8)[0] or None
        self._end_body()

    def _end_body(self) -> None:
        self._skip = self._body_rest
        self._expect_chunk()

    def _begin_samples(self, size: int) -> None:
        if not self.bytes_per_second:
            self._refuse("the WAV stream has its samples before their format")
            return
        is_unknown = size == 0 or size in _UNKNOWN_SIZES
        self.data_size = self._size_64 if is_unknown else size
        self.is_complete = True

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        self.is_complete = False
