"""Files that no decoder can play: protected against copying, or never completed."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from paraformer_async.audio.containers.sections import read_at
from paraformer_async.audio.containers.tags import begin_of_audio
from paraformer_async.audio.hints import shown
from paraformer_async.errors import AudioError

__all__ = ["has_whole_index", "require_playable", "without_index"]

_MAX_INDEX = 1 << 26  # bytes of an index that are searched
_MAX_BOXES = 1 << 16
_PROTECTED = (b"enca", b"drms", b"aavd", b"aavx")
# The object of a protected file: https://learn.microsoft.com/windows/win32/wmformat/drm
_ASF_PROTECTION = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e")


def require_playable(file: IO[bytes], path: Path, demuxer: str) -> None:
    """
    Raise `AudioError` if a file of the container *demuxer* is protected, or lacks its index.

    An MP4 file has the codecs in its index: ISO/IEC 14496-12, sections 8.2 (moov), 8.5.2 (stsd).
    """
    if demuxer == "mov":
        index = _mp4_index(file)
        if index is None:
            raise without_index(path)
        is_protected = any(entry in _PROTECTED for entry in _sample_entries(index))
    else:
        is_protected = demuxer == "asf" and _ASF_PROTECTION in read_at(file, 0, 1 << 16)
    if is_protected:
        raise AudioError(
            f"{shown(path)} is protected against copying (DRM), and cannot be decoded",
            hint="pass a version without protection",
        )


def without_index(path: Path) -> AudioError:
    """Return the error for an MP4 file whose index is not there, or not whole."""
    return AudioError(
        f"{shown(path)} has no index (the box moov): it was cut off, or its recorder was killed"
        " before it could complete the file",
        hint="copy it again from where it was recorded",
    )


def has_whole_index(file: IO[bytes]) -> bool:
    """Return whether an MP4 file does not end within its index."""
    index = _mp4_index(file)
    return index is not None and len(index) >= min(int.from_bytes(index[:4], "big"), _MAX_INDEX)


def _mp4_index(file: IO[bytes]) -> bytes | None:
    """Return the index, or as much of it as can be searched; `None` if there is none."""
    position = begin_of_audio(file)
    for _ in range(_MAX_BOXES):
        head = read_at(file, position, 16)
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if name == b"moov":
            return read_at(file, position, min(size or _MAX_INDEX, _MAX_INDEX))
        if size < 8:  # the last box, the end, or nothing that makes sense
            break
        position += size
    return None


def _sample_entries(index: bytes) -> Iterator[bytes]:
    """Yield the names of the codecs in *index*: the first entry of each box stsd."""
    place = -1
    while (place := index.find(b"stsd", place + 1)) >= 0:
        yield index[place + 16 : place + 20]
