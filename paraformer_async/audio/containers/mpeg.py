"""
MPEG audio (MP3) by its frames: how long it is, and where joined files meet.

The header of a frame: http://www.mp3-tech.org/programmer/frame_header.html; the tag of an encoder
in the first frame: http://gabriel.mp3-tech.org/mp3infotag.html
"""

from collections.abc import Iterator
from typing import IO

from msgspec import Struct

from paraformer_async._core.packets.mpeg import MpegFrame, parse_header
from paraformer_async._core.packets.syncing import id3_size
from paraformer_async.audio.containers.sections import (
    Scan,
    Section,
    begins_within_frame,
    ends_early,
    read_at,
)

__all__ = ["frame_size", "is_damage", "scan_mpeg"]

# Beyond all bytes, so that no estimate of the length ends the audio before they do.
_CLAIM = 1 << 40
_BLOCK = 1 << 18
_ENOUGH = 1 << 12  # bytes: the largest frame has 2881, and the next header follows
_TOLERANCE = 0.1  # seconds
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")


class _Part(Struct):
    """Frames that are decoded together."""

    start: int
    end: int
    rate: int
    is_mono: bool
    frames: int = 0  # of audio, without that of the tag
    samples: int = 0
    audio: int = 0  # position of the first frame of audio
    counted: int | None = None  # frames of audio according to the tag


def scan_mpeg(file: IO[bytes], size: int) -> Scan:
    """
    Return the MP3 files in *file* (several if they were joined), and their length.

    Tags and damage between frames are hidden from the decoder, which would end there. So is the tag
    of an encoder, which makes it remove the padding of the first and the last frame, unless it
    declares exactly what there is.
    """
    parts: list[_Part] = []
    remark = ""
    for position, frame, tag in _frames(file):
        if position + frame.size > size:  # the decoder fails on a frame that was cut off
            break
        last = parts[-1] if parts else None
        if last is None:
            remark = _begin(file, position)
        is_gap = last is not None and position != last.end
        if is_gap and last is not None and is_damage(read_at(file, last.end, position - last.end)):
            remark = remark or f"is damaged after {_contained(parts):.2f} s"
        is_other = last is not None and (frame.rate, frame.is_mono) != (last.rate, last.is_mono)
        if last is None or is_gap or is_other or tag is not None:
            last = _Part(position, 0, frame.rate, frame.is_mono, audio=position, counted=tag)
            parts.append(last)
        if tag is not None:
            last.audio = position + frame.size
        else:
            last.frames += 1
            last.samples += frame.samples
        last.end = position + frame.size
    contained = _contained(parts)
    missing = _missing(parts)
    parts = [part for part in parts if part.frames]
    if not parts:
        return Scan((Section(0, size, claim=_CLAIM),))
    if missing > _TOLERANCE:
        remark = ends_early(contained + missing, contained)
    return Scan(tuple(map(_section, parts)), contained, remark)


def _begin(file: IO[bytes], position: int) -> str:
    """Return the remark on what precedes the first frame; empty if that is nothing, or a tag."""
    tag = id3_size(read_at(file, 0, _ENOUGH))
    gap = read_at(file, tag, max(0, position - tag))
    return begins_within_frame(len(gap)) if is_damage(gap) else ""


def _section(part: _Part) -> Section:
    if part.counted is not None and part.counted - part.frames in (0, 1):  # some count the tag
        return Section(part.start, part.end)
    return Section(part.audio, part.end, claim=_CLAIM)


def _contained(parts: list[_Part]) -> float:
    """Return the seconds of all frames."""
    return sum(part.samples / part.rate for part in parts)


def _missing(parts: list[_Part]) -> float:
    """Return the seconds that tags declare, but that are not there."""
    missing = 0.0
    left = 0  # frames that the last tag declares beyond those found since
    for number, part in enumerate(parts):
        left = (part.counted if part.counted is not None else left) - part.frames
        is_last = number + 1 == len(parts) or parts[number + 1].counted is not None
        if is_last and left > 1 and part.frames:
            missing += left * part.samples / part.frames / part.rate
    return missing


def is_damage(gap: bytes) -> bool:
    """Return whether bytes between frames are neither a tag nor padding."""
    return bool(gap.strip(b"\0")) and not gap.startswith(_TAGS)


def frame_size(head: bytes) -> int:
    """Return the bytes of the frame with which *head* begins; 0 if there is none."""
    frame = parse_header(head[:4])
    return frame.size if frame else 0


def _frames(file: IO[bytes]) -> Iterator[tuple[int, MpegFrame, int | None]]:
    """Yield the position of each frame, its header, and the count of its tag, if it is one."""
    known: dict[bytes, MpegFrame | None] = {}
    data, base, place = b"", 0, 0
    previous: MpegFrame | None = None
    is_last = False
    while True:
        if place + _ENOUGH > len(data) and not is_last:
            base += place
            file.seek(base)
            data, place = file.read(_BLOCK + _ENOUGH), 0
            is_last = len(data) < _BLOCK + _ENOUGH
        header = data[place : place + 4]
        if len(header) < 4:
            return
        if header not in known:
            known[header] = parse_header(header)
        frame = known[header]
        if frame is None or not (_follows(frame, previous) or _is_run(data, place, frame)):
            step = _junk(data, place)
            if place + step > len(data):
                is_last = False
            place += step
            continue
        previous = frame
        yield base + place, frame, _tag(data[place : place + frame.size], frame)
        place += frame.size


def _follows(frame: MpegFrame, previous: MpegFrame | None) -> bool:
    return previous is not None and (frame.rate, frame.samples, frame.is_mono) == (
        previous.rate,
        previous.samples,
        previous.is_mono,
    )


def _is_run(data: bytes, place: int, frame: MpegFrame) -> bool:
    """Return whether another frame of the same kind follows, or the end."""
    after = data[place + frame.size : place + frame.size + 4]
    if len(after) < 4:
        return place + frame.size <= len(data)
    following = parse_header(after)
    return following is not None and _follows(following, frame)


def _junk(data: bytes, place: int) -> int:
    """Return how many bytes from *place* on are no frame: a tag, or damage."""
    tag = id3_size(data[place : place + 10])
    if tag:
        return tag
    found = data.find(b"\xff", place + 1)
    tag_found = data.find(b"ID3", place + 1, found if found >= 0 else len(data))
    if tag_found >= 0:
        return tag_found - place
    return (found if found >= 0 else len(data)) - place


def _tag(data: bytes, frame: MpegFrame) -> int | None:
    """Return the number of frames that the tag of an encoder declares, 0 if it declares none."""
    is_v1 = frame.samples == 1152
    side = (17 if frame.is_mono else 32) if is_v1 else (9 if frame.is_mono else 17)
    name = data[4 + side : 8 + side]
    if name in (b"Xing", b"Info"):
        has_count = int.from_bytes(data[8 + side : 12 + side], "big") & 1
        return int.from_bytes(data[12 + side : 16 + side], "big") if has_count else 0
    if data[36:40] == b"VBRI":
        return int.from_bytes(data[50:54], "big")
    return None
