"""
Tags around a file, of kinds that programs put before or behind any format: ID3v2, ID3v1, APE.

Decoders know them where they are usual. Elsewhere, they are taken for damage, or even for audio.
"""

from typing import IO, Final

from paraformer_async._core.packets.syncing import id3_size
from paraformer_async.audio.containers.sections import read_at

__all__ = ["begin_of_audio", "end_of_audio"]

_HEADER: Final = 10  # bytes of ID3v2
_ID3V1: Final = 128
_APE: Final = 32  # bytes of a header or footer: https://wiki.hydrogenaud.io/index.php?title=APEv2
_HAS_HEADER: Final = 1 << 31


def begin_of_audio(file: IO[bytes]) -> int:
    """Return where what is behind tags of the kind ID3v2 begins."""
    position = 0
    while size := id3_size(read_at(file, position, _HEADER)):
        position += size
    return position


def end_of_audio(file: IO[bytes], begin: int, size: int) -> int:
    """Return where what is before tags of the kinds ID3v1 and APE ends."""
    end = size
    if end - _ID3V1 > begin and read_at(file, end - _ID3V1, 3) == b"TAG":
        end -= _ID3V1
    foot = read_at(file, max(begin, end - _APE), _APE)
    if foot.startswith(b"APETAGEX") and len(foot) == _APE:
        length = int.from_bytes(foot[12:16], "little")  # without the header
        flags = int.from_bytes(foot[20:24], "little")
        length += _APE if flags & _HAS_HEADER else 0
        if _APE <= length < end - begin:
            end -= length
    return end
