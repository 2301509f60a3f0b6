"""
Where the files in a file end: not with its bytes if some were joined, behind them if it was cut.

libsndfile and FFmpeg stop at the end of the first of several joined files, and take what is there
for all there is.
"""

from typing import IO, Final

from paraformer_async.audio.containers import extents_of_audio as audio
from paraformer_async.audio.containers import extents_of_video as video
from paraformer_async.audio.containers.parts import kind_at
from paraformer_async.audio.containers.sections import Scan, Section, read_at, scan_whole

__all__ = ["scan_extents"]

_MAGIC: Final = 64  # bytes
_ID3V1: Final = 128  # bytes
# By their first bytes, which begin at an offset.
_MEASURES: Final = (
    (0, b"#!AMR\n", audio.amr),
    (0, b"#!AMR-WB\n", audio.amr),
    (0, b".snd", audio.au),
    (8, b"AIFF", audio.aiff),
    (8, b"AIFC", audio.aiff),
    (0, b"caff", audio.caf),
    (0, b"riff\x2e\x91\xcf\x11", audio.w64),
    (0, b"Creative Voice File", audio.voc),
    (0, b"\x1a\x45\xdf\xa3", video.matroska),
    (8, b"AVI ", video.avi),
    (0, b"\x30\x26\xb2\x75", video.asf),
    (4, b"ftyp", video.mp4),
    (0, b"FLV\x01", video.flash),
    (0, b"TTA1", audio.true_audio),
    (0, b"wvpk", audio.wavpack),
)


def scan_extents(file: IO[bytes], size: int, start: int = 0) -> Scan:
    """
    Return the files of a kind in *file*, several if they were joined, and how much is there.

    Args:
        file: The file.
        size: Position after the last byte of audio: tags may follow.
        start: Position of the first byte behind tags.
    """
    head = read_at(file, start, _MAGIC)
    measures = (one for offset, magic, one in _MEASURES if head.startswith(magic, offset))
    measure = next(measures, None)
    if measure is None:
        return scan_whole(file, size, start)
    sections: list[Section] = []
    length = absent = 0
    seconds = 0.0
    follower = kind = kind_at(file, start)
    while start < size and follower == kind:
        extent = measure(file, start, size)
        length += extent.length
        absent += extent.absent
        seconds += extent.seconds
        after = _after_tags(file, extent.end, size)
        is_last = not start < after < size
        follower = "" if is_last else kind_at(file, after)
        end = after if follower else size
        sections.append(Section(start, end, extent.patches))
        start = end
    kept = 1 - absent / length if length else 1.0
    remark = ""
    if follower:
        remark = f"is followed by another file, {follower}, which was not read"
    elif absent and not length:
        remark = "was cut off in its last block"
    return Scan(tuple(sections), seconds or None, remark, kept)


def _after_tags(file: IO[bytes], position: int, size: int) -> int:
    """Return where what is behind tags of the kinds ID3v1 and APE begins."""
    while position < size:
        head = read_at(file, position, 32)
        if head.startswith(b"APETAGEX"):
            position += 32 + int.from_bytes(head[12:16], "little")
        elif head.startswith(b"TAG"):
            position += _ID3V1
        else:
            break
    return position
