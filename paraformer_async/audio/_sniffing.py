"""Guess the format of audio from its first bytes: needs no decoder."""

from msgspec import Struct

__all__ = ["Guess", "guess_container", "guess_format"]


class Guess(Struct, frozen=True):
    """
    What a file looks like.

    Attributes:
        name: A readable name.
        demuxer: FFmpeg's name for the container; empty if it has none that is used here.
        is_audio: Whether a converter may find audio in it.
        is_unknown: Whether nothing was recognized, so that it may be raw samples.
        advice: What to do about it, if that depends on nothing else.
    """

    name: str
    demuxer: str = ""
    is_audio: bool = True
    is_unknown: bool = False
    advice: str = ""


# (offset, magic bytes, name, FFmpeg's demuxer); the first matching row wins.
_MAGIC: tuple[tuple[int, bytes, str, str], ...] = (
    (4, b"ftyp", "MP4/M4A", "mov"),
    (4, b"moov", "QuickTime", "mov"),
    (4, b"mdat", "QuickTime", "mov"),
    (4, b"wide", "QuickTime", "mov"),
    (0, b"#!AMR-WB", "AMR-WB", "amr"),
    (0, b"#!AMR", "AMR-NB", "amr"),
    (28, b"Speex   ", "Speex in Ogg", "ogg"),
    (0, b"\x1a\x45\xdf\xa3", "WebM/Matroska", "matroska"),
    (0, b"\x30\x26\xb2\x75", "WMA/ASF", "asf"),
    (0, b"FLV", "Flash video", "flv"),
    (8, b"AVI ", "AVI", "avi"),
    (0, b"\x00\x00\x01\xba", "MPEG video", "mpeg"),
    (0, b"#!SILK", "SILK", ""),
    (0, b"\x02#!SILK", "SILK", ""),
    (0, b"MAC ", "Monkey's Audio", "ape"),
    (0, b"wvpk", "WavPack", "wv"),
    (0, b"caff", "CAF", "caf"),
    (8, b"AIFF", "AIFF", "aiff"),
    (8, b"AIFC", "AIFF", "aiff"),
    (0, b"ID3", "MP3 or AAC behind an ID3 tag", ""),
    (0, b"OggS", "Ogg", "ogg"),
    (8, b"WAVE", "WAV", "wav"),
    (0, b"RIFF", "WAV", ""),
    (0, b"fLaC", "FLAC", "flac"),
)
_UNPACK = "unpack it, and pass the audio in it"
_NO_AUDIO: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs.github.com/spec",
        "a Git LFS pointer, not the audio itself",
        "fetch the audio with: git lfs pull",
    ),
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"%PDF-", "a PDF document", ""),
    (b"\x89PNG", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"\x7fELF", "a program", ""),
    (b"MThd", "MIDI: notes, not sound", ""),
    (b"#EXTM3U", "a playlist", "pass the audio files that it lists; playlists are not followed"),
    (b"[playlist]", "a playlist", "pass the audio files that it lists; playlists are not followed"),
)
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_TS_PACKET = 188  # bytes of a packet of an MPEG transport stream
_HTML = (b"<!doctype", b"<html", b"<head", b"<?xml")
# Magic bytes long enough that samples do not begin with them by chance: (offset, bytes, name).
_CONTAINERS: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "wav"),
    (0, b"OggS", "opus"),
    (0, b"fLaC", "flac"),
    (0, b"#!AMR", "amr"),
    (4, b"ftyp", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "webm"),
    (8, b"AIFF", "aiff"),
)
_IFF = (b"RIFF", b"RF64", b"FORM")


def guess_container(head: bytes) -> str:
    """Return the format whose header *head* (12 bytes or more) begins with; empty for none."""
    for offset, magic, name in _CONTAINERS:
        if head.startswith(magic, offset) and (offset != 8 or head[:4] in _IFF):
            return name
    is_id3 = head.startswith(b"ID3") and head[3] in (2, 3, 4) and max(head[6:10]) < 0x80
    return "mp3" if is_id3 else ""


def guess_format(head: bytes) -> Guess:
    """Return what a file looks like, from its first 64 bytes or more."""
    unknown = Guess("an unknown format", is_audio=False, is_unknown=True)
    return _by_magic(head) or _by_structure(head) or unknown


def _by_magic(head: bytes) -> Guess | None:
    for magic, name, advice in _NO_AUDIO:
        if head.startswith(magic):
            return Guess(name, is_audio=False, advice=advice)
    for offset, magic, name, demuxer in _MAGIC:
        if head.startswith(magic, offset):
            return Guess(name, demuxer)
    return None


def _by_structure(head: bytes) -> Guess | None:
    if _is_utf16(head):
        return Guess("UTF-16 text", is_audio=False)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        is_adts = head[1] & 0xF6 == 0xF0
        return Guess("AAC (ADTS)", "aac") if is_adts else Guess("MP3", "mp3")
    if head[: 2 * _TS_PACKET + 1 : _TS_PACKET] == b"GGG":
        return Guess("MPEG transport stream", "mpegts")
    if head and _is_text(head):
        is_markup = head.lstrip().lower().startswith(_HTML)
        return Guess("HTML or XML text" if is_markup else "text", is_audio=False)
    return None


def _is_utf16(head: bytes) -> bool:
    encoding = _UTF16.get(head[:2])
    text = head[2 : len(head) & ~1].decode(encoding, "replace") if encoding else ""
    return bool(text) and _is_legible(text)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not just a character cut at the end
            return False
        text = head[: error.start].decode()
    return _is_legible(text)


def _is_legible(text: str) -> bool:
    return all(char.isprintable() or char.isspace() for char in text)
