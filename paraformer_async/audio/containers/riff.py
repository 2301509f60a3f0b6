"""
WAV files whose sizes are wrong: recorders that were killed, streams, copies that were cut off.

The header follows https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
"""

import struct
from typing import IO

from paraformer_async._core.wav import MAGICS
from paraformer_async.audio.containers.sections import Pcm, Scan, Section, ends_early, read_at

__all__ = ["scan_wav"]

_MAX_SIZE = 0xFFFF_FFFF
# What a writer that cannot know the size puts in its place: 0, -1, or the largest that it may.
_UNKNOWN = range(0x7FFF_0000, _MAX_SIZE + 1)
# Codecs whose rate of bytes can be relied on: PCM, float, A-law, µ-law, and the extensible one.
_EXACT = (1, 3, 6, 7, 0xFFFE)
_HEADER = 16  # bytes of the chunk `fmt`
_MAX_CHANNELS, _MAX_RATE = 64, 1 << 20  # of samples that are read without libsndfile
_TOLERANCE = 0.01  # seconds
# Bytes after the samples that are no chunk: fewer are junk, more are samples.
_MAX_JUNK = 512


def scan_wav(file: IO[bytes], size: int, start: int = 0) -> Scan:
    """
    Return the WAV files in *file* (several if they were joined), with sizes that are true.

    Samples reach to the end of the file unless a chunk, or another WAV file, follows them.

    Args:
        file: The file.
        size: Position after its last byte, or before tags that follow.
        start: Position of the first header.
    """
    sections: list[Section] = []
    declared = 0.0
    kept = 1.0
    remark = ""
    begin = start
    while start < size:
        found = _scan_one(file, start, size)
        if found is None:
            break
        section, seconds, note, share = found
        kept = min(kept, share)
        sections.append(section)
        declared += seconds
        remark = remark or note
        start = section.end
    if not sections:
        return Scan((Section(begin, size),))
    samples = _samples(file, begin + 12, size) if len(sections) == 1 and not declared else 0
    return Scan(tuple(sections), declared or None, remark, kept, samples)


def _scan_one(file: IO[bytes], start: int, size: int) -> tuple[Section, float, str, float] | None:
    """
    Return the section from *start* on, and what it declares; see `_section`.

    Of codecs whose rate of bytes is not reliable, the seconds are not known.
    """
    if not _is_riff(read_at(file, start, 12)):
        return None
    header, large = bytes(_HEADER), 0
    position = start + 12
    while len(head := read_at(file, position, 8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name == b"fmt ":
            header = read_at(file, position + 8, min(length, _HEADER)).ljust(_HEADER, b"\0")
        elif name == b"ds64":  # https://tech.ebu.ch/docs/tech/tech3306v1_1.pdf
            (large,) = struct.unpack("<8xQ", read_at(file, position + 8, 16).ljust(16, b"\0"))
        elif name == b"data":
            length = large if large and length == _MAX_SIZE else length
            return _section(file, start, position + 8, size, length, header)
        position += 8 + length + length % 2
    return None


def _samples(file: IO[bytes], position: int, size: int) -> int:
    """Return the number of samples in the chunk `fact`, which precedes those of compressed WAV."""
    while position < size and len(head := read_at(file, position, 12)) == 12:
        name, length, samples = struct.unpack("<4sII", head)
        if name in (b"fact", b"data"):
            return int(samples) if name == b"fact" else 0
        position += 8 + length + length % 2
    return 0


def _section(
    file: IO[bytes], start: int, data: int, size: int, length: int, header: bytes
) -> tuple[Section, float, str, float]:
    """Return the section, the seconds that it declares, what is wrong, and what is left of it."""
    is_unknown = length == 0 or length in _UNKNOWN
    after = None if is_unknown else _end_of_samples(file, data + length, size)
    if length == 0 and _has_only_chunks(file, data, size, junk=0):
        after = data  # a header without samples, and nothing else wrong
    end = size if after is None else min(_end_of_file(file, after, size), size)
    samples = min(size if after is None else after, size) - data
    byte_rate = _byte_rate(header)
    declared, remark, kept = 0.0, "", 1.0
    if after is not None and byte_rate:
        declared = length / byte_rate
        contained = samples / byte_rate
        remark = ends_early(declared, contained) if declared - contained > _TOLERANCE else ""
    elif after is not None and length:
        kept = min(1.0, samples / length)
    elif after is None and samples and length not in _UNKNOWN:
        remark = f"was not completed by its recorder: its header declares {length} bytes of samples"
    if end - start - 8 > _MAX_SIZE:
        is_bw64 = read_at(file, start, 4) == b"BW64"  # which decoders know by its older name
        return Section(start, end, ((0, b"RF64"),) if is_bw64 else ()), 0.0, "", 1.0
    patches = (
        (0, b"RIFF" + struct.pack("<I", end - start - 8)),
        (data - start - 4, struct.pack("<I", samples)),
    )
    pcm = _pcm(header, data - start, samples)
    return Section(start, end, patches, pcm=pcm), declared, remark, kept


def _byte_rate(header: bytes) -> int:
    """
    Return the bytes of a second, by the chunk `fmt`; 0 if they cannot be relied on.

    Its own rate of bytes is one that recorders miscalculate, and decoders ignore.
    """
    tag, channels, rate, bits = struct.unpack("<HHI6xH", header)
    return int(rate * channels * (bits + 7 >> 3)) if tag in _EXACT else 0


def _pcm(header: bytes, start: int, size: int) -> Pcm | None:
    """Return where the samples are, by the chunk `fmt`; `None` if they are not s16le."""
    tag, channels, rate, byte_rate, width, bits = struct.unpack("<HHIIHH", header)
    is_s16le = (tag, bits, width, byte_rate) == (1, 16, 2 * channels, rate * width)
    if not (is_s16le and 1 <= channels <= _MAX_CHANNELS and 1 <= rate <= _MAX_RATE):
        return None  # libsndfile says what is wrong with it
    return Pcm(rate, channels, start, size // width)


def _end_of_samples(file: IO[bytes], end: int, size: int) -> int | None:
    """Return *end* if the declared samples end there; `None` if more follow."""
    is_end = any(
        _is_riff(read_at(file, place, 12)) or _has_only_chunks(file, place, size)
        for place in (end, end + 1)  # with or without the byte that pads an odd size
    )
    return end if is_end else None


def _end_of_file(file: IO[bytes], after: int, size: int) -> int:
    """Return where the next WAV file begins, or the end."""
    for place in (after, after + 1):
        if _is_riff(read_at(file, place, 12)):
            return place
    return size


def _has_only_chunks(file: IO[bytes], position: int, size: int, junk: int = _MAX_JUNK) -> bool:
    """Return whether chunks follow until the end, but for some *junk*, or until another file."""
    while position < size - 1:
        head = read_at(file, position, 8)
        if _is_riff(read_at(file, position, 12)):
            return True
        length = int.from_bytes(head[4:], "little")
        after = position + 8 + length + length % 2
        is_chunk = head[:4].isascii() and head[:4].decode().isprintable() and after <= size + 1
        if len(head) < 8 or not is_chunk:
            return size - position < junk
        position = after
    return True


def _is_riff(head: bytes) -> bool:
    return head[:4] in MAGICS and head[8:12] == b"WAVE"
