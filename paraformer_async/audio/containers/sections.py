"""
Where the audio of a file begins and ends: determined from its bytes.

libsndfile trusts sizes in headers and estimates of its own: it stops at the first stream of a
chained Ogg file, at the first of several joined files, at its estimate of the length of an MP3,
and finds nothing in a WAV file whose recorder was killed before it could complete the header.
"""

import re
from typing import IO, NamedTuple

from msgspec import Struct

__all__ = [
    "Pcm",
    "Scan",
    "Section",
    "begins_within_frame",
    "ends_early",
    "read_at",
    "scan_flac",
    "scan_whole",
]

_BLOCK = 1 << 18
# The marker, and the header of the first metadata block. A pattern, since `bytes.find` is slower.
_FLAC = re.compile(rb"fLaC\x00\x00\x00\x22")
_FLAC_SIZE = 8  # bytes


class Pcm(NamedTuple):
    """
    Where the samples of a section are, if they are s16le.

    Attributes:
        rate: Sample rate in Hz.
        channels: Number of interleaved channels.
        start: Position of the first sample, relative to that of the section.
        frames: Number of samples of each channel.
    """

    rate: int
    channels: int
    start: int
    frames: int


class Section(Struct, frozen=True):
    """
    A part of a file that is decoded by itself.

    Attributes:
        start: Position of its first byte in the file.
        end: Position after its last byte.
        patches: Bytes to replace, by position relative to `start`.
        claim: Length to report to the decoder; 0 for the true length.
        pcm: Its samples, if they need no decoder.
    """

    start: int
    end: int
    patches: tuple[tuple[int, bytes], ...] = ()
    claim: int = 0
    pcm: Pcm | None = None


class Scan(Struct, frozen=True):
    """
    What was found in a file.

    Attributes:
        sections: In order; at least one.
        declared: Seconds of audio that the file declares; `None` if only libsndfile can tell.
        remark: What is odd about the file, as in `Transcript.remarks`; empty if nothing is.
        kept: The share of the declared bytes of samples that is there; less if it was cut off.
        samples: Samples of each channel, of a codec whose blocks may be padded; 0 if unknown.
        has_gaps: Whether its times leave out what its samples do not contain.
    """

    sections: tuple[Section, ...]
    declared: float | None = None
    remark: str = ""
    kept: float = 1.0
    samples: int = 0
    has_gaps: bool = False


def ends_early(declared: float, contained: float) -> str:
    """Return the remark on a file that has been cut off, both in seconds."""
    return f"ends early: it declares {declared:.2f} s of audio but contains {contained:.2f} s"


def begins_within_frame(cut: int) -> str:
    """Return the remark on a recording that begins with the last *cut* bytes of a frame."""
    return f"begins within a frame: its first {cut} bytes are left out"


def scan_whole(file: IO[bytes], size: int, start: int = 0) -> Scan:
    """Return all of a file, from *start* on, as one section."""
    del file
    return Scan((Section(start, size),))


def scan_flac(file: IO[bytes], size: int) -> Scan:
    """Return the streams of joined FLAC files."""
    starts: list[int] = []
    tail = b""
    file.seek(0)
    position = 0
    while block := file.read(_BLOCK):
        seam = tail + block[: _FLAC_SIZE - 1]
        for begin, data in ((position - len(tail), seam), (position, block)):
            starts += [begin + found.start() for found in _FLAC.finditer(data)]
        position += len(block)
        tail = (tail + block[1 - _FLAC_SIZE :])[1 - _FLAC_SIZE :]
    if len(starts) < 2:
        return scan_whole(file, size)
    return Scan(_between([0, *starts[1:]], size))


def _between(starts: list[int], size: int) -> tuple[Section, ...]:
    ends = [*starts[1:], size]
    return tuple(Section(start, end) for start, end in zip(starts, ends, strict=True))


def read_at(file: IO[bytes], position: int, count: int) -> bytes:
    """Return up to *count* bytes from *position* on."""
    file.seek(position)
    return file.read(count)
