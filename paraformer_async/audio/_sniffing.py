"""Guess the format of a file from its first bytes. For error messages only: needs no decoder."""

__all__ = ["guess_format"]

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
    (0, b"ID3", "MP3 or AAC behind an ID3 tag"),
    (0, b"OggS", "Ogg with a codec that is not Vorbis, Opus or FLAC, or damaged"),
    (0, b"RIFF", "RIFF/WAV with a codec that is not supported, or damaged"),
    (0, b"fLaC", "damaged FLAC"),
    (0, b"PK\x03\x04", "a ZIP archive"),
)
_HTML = (b"<!doctype", b"<html", b"<head", b"<?xml")


def guess_format(head: bytes) -> str:
    """Return a readable name for the format of a file, from its first 64 bytes or more."""
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "AAC (ADTS)"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "damaged MP3"
    if head.lstrip().lower().startswith(_HTML):
        return "HTML or XML text"
    if _is_text(head):
        return "text"
    return "an unknown format"


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not just a character cut at the end
            return False
        text = head[: error.start].decode()
    return all(char.isprintable() or char.isspace() for char in text)
