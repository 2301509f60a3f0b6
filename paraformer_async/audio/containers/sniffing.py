"""What a file or a stream is, from its first bytes: needs no decoder."""

import re
from collections.abc import Callable

from msgspec import Struct

from paraformer_async._core.packets.adts import AdtsCutter
from paraformer_async._core.wav import MAGICS
from paraformer_async.audio.containers import signatures
from paraformer_async.audio.containers.mpeg import frame_size

__all__ = ["Guess", "begins_as", "guess_format"]


class Guess(Struct, frozen=True):
    """
    What a file looks like.

    Attributes:
        name: A readable name.
        demuxer: FFmpeg's name for the container; empty if it has none that is used here.
        is_audio: Whether a converter may find audio in it.
        is_unknown: Whether nothing was recognized, so that it may be raw samples.
        advice: What to do about it, if that depends on nothing else.
        cut: Bytes before the first whole frame, if it begins within one.
    """

    name: str
    demuxer: str = ""
    is_audio: bool = True
    is_unknown: bool = False
    advice: str = ""
    cut: int = 0


_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_TS_PACKETS = ((0, 188), (4, 192))  # the first sync byte, and the length of a packet
_TS_RUN = 8  # packets
_CERTAIN = 4  # bytes of magic, or of text: samples do not begin with as many by chance
_LONGEST_TEXT = max(len(row[0]) for row in signatures.TEXT)
_HEADER = 7  # bytes: the longest of a frame
_RUN = 3  # frames: samples do not look like as many by chance
# All that `_by_magic` looks for, by its offset: nearly all samples have none of it.
_MAGIC: dict[int, tuple[bytes, ...]] = {0: (*MAGICS, b"OggS")}
for _row in (*signatures.NO_AUDIO, *signatures.AUDIO):
    _MAGIC[_row[0]] = (*_MAGIC.get(_row[0], ()), _row[1])
_TEXT = tuple(row[0] for row in signatures.TEXT if len(row[0]) >= _CERTAIN)


def guess_format(head: bytes) -> Guess:
    """Return what a file looks like, from its first 64 bytes or more; 8192 are better."""
    unknown = Guess("an unknown format", is_audio=False, is_unknown=True)
    return _by_magic(head) or _by_structure(head) or _within_frame(head) or unknown


def begins_as(head: bytes) -> str:
    """Return what *head* (36 bytes or more) begins as, if that cannot be chance; else nothing."""
    if head.startswith(b"ID3"):
        is_tag = head[3] in (2, 3, 4) and max(head[6:10]) < 0x80
        return guess_format(head).name if is_tag else ""
    guess = _by_magic(head, at_least=_CERTAIN) or _by_frames(head, run=_RUN)
    if guess is not None:
        return guess.name
    text = head[:_LONGEST_TEXT].decode("latin-1").lower()
    if not text.startswith(_TEXT):
        return ""
    return next(name for beginning, name, _ in signatures.TEXT if text.startswith(beginning))


def _no_audio(name: str, advice: str) -> Guess:
    return Guess(name, is_audio=False, advice=advice)


def _by_magic(head: bytes, at_least: int = 1) -> Guess | None:
    is_magic = any(head.startswith(magics, offset) for offset, magics in _MAGIC.items())
    return _by_row(head, at_least) if is_magic else None


def _by_row(head: bytes, at_least: int) -> Guess | None:
    for offset, magic, name, advice in signatures.NO_AUDIO:
        if len(magic) >= at_least and head.startswith(magic, offset):
            return _no_audio(name, advice)
    if head.startswith(MAGICS):
        return _riff(head)
    if head.startswith(b"OggS"):
        found = (name for magic, name in signatures.OGG.items() if head.startswith(magic, 28))
        return Guess(next(found, "Ogg"), "ogg")
    if head.startswith(b"ftyp", 4) and head[8:12] in signatures.BRANDS:
        return _no_audio(*signatures.BRANDS[head[8:12]])
    for offset, magic, name, demuxer in signatures.AUDIO:
        if len(magic) >= at_least and head.startswith(magic, offset):
            return Guess(name, demuxer)
    return None


def _riff(head: bytes) -> Guess:
    name, demuxer, advice = signatures.RIFF.get(head[8:12], ("RIFF of an unknown kind", "", ""))
    return Guess(name, demuxer, is_audio=not advice, advice=advice)


def _by_structure(head: bytes) -> Guess | None:
    if encoding := _UTF16.get(head[:2]):
        text = head[2 : len(head) & ~1].decode(encoding, "replace").removeprefix("\ufeff")
        if text and _is_legible(text):
            return _no_audio("UTF-16 text", "pass a file with sound")
    for first, size in _TS_PACKETS:
        if head[first : first + 2 * size + 1 : size] == b"GGG":
            return Guess("MPEG transport stream", "mpegts")
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return _no_audio("an image (BMP)", "pass a file with sound")
    return _by_frames(head) or _by_text(head)


def _by_frames(head: bytes, run: int | None = None) -> Guess | None:
    """Return the format of which *run* frames, or all that are in *head*, follow each other."""
    if head.startswith(b"\x0b\x77") and run is None:
        return Guess("AC-3", "eac3" if len(head) > 5 and head[5] >> 3 > 10 else "ac3")
    for name, demuxer, size_of, *_ in _FRAMES:
        position = found = 0
        while size := size_of(head[position : position + _HEADER]):
            position += size
            found += 1
        is_cut = position + _HEADER > len(head)
        if found >= (run or _RUN) or (found and is_cut and run is None):
            return Guess(name, demuxer)
    return None


def _adts_size(header: bytes) -> int:
    frame = AdtsCutter().parse(header) if len(header) == _HEADER else None
    return frame.size if frame else 0


def _latm_size(header: bytes) -> int:
    """Return the bytes of a frame of AAC in LOAS: ISO/IEC 14496-3, section 1.7.2."""
    if len(header) < 3 or header[0] != 0x56 or header[1] & 0xE0 != 0xE0:
        return 0
    return 3 + ((header[1] & 31) << 8 | header[2])


# Name, FFmpeg's demuxer, the size by the header; how a header begins, and what is the same in all.
_FRAMES = (
    ("AAC (ADTS)", "aac", _adts_size, re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), b"\xff\xff\xfc"),
    ("AAC (LATM)", "loas", _latm_size, re.compile(rb"\x56[\xe0-\xff]"), b"\xff\xe0\0"),
    ("MP3", "mp3", frame_size, re.compile(rb"\xff[\xe2-\xff]"), b"\xff\xff\x0c"),
)


def _within_frame(head: bytes) -> Guess | None:
    """Return the format of frames of which the first one is not whole."""
    for _, size in _TS_PACKETS:
        for first in range(size):
            if len(head) >= _TS_RUN * size and not head[first::size].strip(b"G"):
                return Guess("MPEG transport stream", "mpegts", cut=first)
    for name, demuxer, size_of, sync, mask in _FRAMES:
        for found in sync.finditer(head):
            if _is_run(head, found.start(), size_of, mask):
                return Guess(name, demuxer, cut=found.start())
    return None


def _is_run(head: bytes, position: int, size_of: Callable[[bytes], int], mask: bytes) -> bool:
    """Return whether frames of one kind follow each other from *position* to the end of *head*."""
    kinds = set[bytes]()
    count = 0
    while size := size_of(header := head[position : position + _HEADER]):
        kinds.add(bytes(byte & bits for byte, bits in zip(header, mask, strict=False)))
        count += 1
        position += size
    return count >= _RUN and len(kinds) == 1 and position + _HEADER > len(head)


def _by_text(head: bytes) -> Guess | None:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not just a character cut at the end
            return None
        text = head[: error.start].decode("utf-8-sig")
    if not text or not _is_legible(text):
        return None
    text = text.strip().lower()
    for beginning, name, advice in signatures.TEXT:
        if text.startswith(beginning):
            kinds = (row[1:] for row in signatures.XML if beginning == "<?xml" and row[0] in text)
            return _no_audio(*next(kinds, (name, advice)))
    return None


def _is_legible(text: str) -> bool:
    return all(char.isprintable() or char.isspace() for char in text)
