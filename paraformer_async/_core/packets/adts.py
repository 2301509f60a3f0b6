"""AAC by its ADTS frames (ISO/IEC 13818-7, 6.2): each has a header with its length."""

from typing import TYPE_CHECKING, Final

from paraformer_async._core.packets.packet import Packet
from paraformer_async._core.packets.syncing import FrameHeader, Syncing

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AdtsCutter"]

_RATES: Final = (
    *(96000, 88200, 64000, 48000, 44100, 32000),
    *(24000, 22050, 16000, 12000, 11025, 8000, 7350),
)
_HEADER: Final = 7  # bytes
_SAMPLES: Final = 1024  # of a block


class AdtsCutter(Syncing):
    """Cuts a stream of AAC in ADTS; see `Cutter`."""

    name = "aac"
    wanted = "frames of AAC (ADTS)"
    header_size = _HEADER
    header = rb"\xff(?:[\xf0\xf1\xf8\xf9]|\Z)"

    def __init__(self) -> None:
        super().__init__()
        self.head: Sequence[bytes] = ()

    def parse(self, header: bytes | bytearray) -> FrameHeader | None:
        """Return what a header declares; `None` if it is none."""
        if header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
            return None
        index = header[2] >> 2 & 15
        size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        if index >= len(_RATES) or size < _HEADER:
            return None
        return FrameHeader(size, _SAMPLES * ((header[6] & 3) + 1), _RATES[index])

    def packet(self, data: bytes, frame: FrameHeader) -> Packet:
        """Return a frame as a packet."""
        return Packet(data, frame.samples)
