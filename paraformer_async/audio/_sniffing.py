"""Guess the format of audio from its first bytes: needs no decoder."""

from msgspec import Struct

__all__ = ["Guess", "guess_container", "guess_format"]


class Guess(Struct, frozen=True):
    """
    What a file looks like.

    Attributes:
        name: A readable name.
        is_audio: Whether a converter may find audio in it.
        is_unknown: Whether nothing was recognized, so that it may be raw samples.
    """

    name: str
    is_audio: bool = True
    is_unknown: bool = False


# (offset, magic bytes, name); the first matching row wins.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "MP4/M4A (AAC)"),
    (0, b"#!AMR-WB", "AMR-WB"),
    (0, b"#!AMR", "AMR-NB"),
    (28, b"Speex   ", "Speex in Ogg"),
    (0, b"\x1a\x45\xdf\xa3", "WebM/Matroska"),
    (0, b"\x30\x26\xb2\x75", "WMA/ASF"),
    (0, b"FLV", "Flash video"),
    (0, b"#!SILK", "SILK"),
    (0, b"\x02#!SILK", "SILK"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"caff", "CAF with a codec that is not supported, or damaged"),
    (0, b"ID3", "MP3 or AAC behind an ID3 tag"),
    (0, b"OggS", "Ogg with a codec that is not Vorbis, Opus or FLAC, or damaged"),
    (0, b"RIFF", "RIFF/WAV with a codec that is not supported, or damaged"),
    (0, b"fLaC", "damaged FLAC"),
)
_NO_AUDIO: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs.github.com/spec", "a Git LFS pointer, not the audio itself"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"#EXTM3U", "a playlist"),
)
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
    for magic, name in _NO_AUDIO:
        if head.startswith(magic):
            return Guess(name, is_audio=False)
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return Guess(name)
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return Guess("AAC (ADTS)" if head[1] & 0xF6 == 0xF0 else "damaged MP3")
    if head and _is_text(head):
        is_markup = head.lstrip().lower().startswith(_HTML)
        return Guess("HTML or XML text" if is_markup else "text", is_audio=False)
    return Guess("an unknown format", is_audio=False, is_unknown=True)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not just a character cut at the end
            return False
        text = head[: error.start].decode()
    return all(char.isprintable() or char.isspace() for char in text)
