"""
AMR-NB by its frames of 20 ms (RFC 4867, section 5): a byte with the mode, and what the mode needs.

Frames have no mark of their own: after damage nothing shows where the next one begins.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from paraformer_async._core.packets.packet import Packet
from paraformer_async.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AMR_MAGIC", "AmrCutter", "amr_frame_size"]

AMR_MAGIC: Final = b"#!AMR\n"
# Bytes of a frame by its mode: 4.75 to 12.2 kbit/s, comfort noise, and nothing.
_SIZES: Final = {0: 13, 1: 14, 2: 16, 3: 18, 4: 20, 5: 21, 6: 27, 7: 32, 8: 6, 15: 1}
_PADDING: Final = 0x83  # bits of the first byte that are 0
_SAMPLES: Final = 160


def amr_frame_size(first: int, sizes: Mapping[int, int] = _SIZES) -> int:
    """Return the bytes of a frame by its first byte and the sizes of modes; 0 if it is none."""
    return 0 if first & _PADDING else sizes.get(first >> 3, 0)


class AmrCutter:
    """Cuts a stream of AMR-NB, with or without its magic; see `Cutter`."""

    def __init__(self) -> None:
        self.rate: int = 8000
        self.head: Sequence[bytes] = (AMR_MAGIC,)
        self.skipped: int = 0
        self.rest: bytearray = bytearray()
        self._is_begun = False
        self._count = 0

    def feed(self, chunk: bytes | memoryview) -> list[Packet]:
        """Return the frames that *chunk* completes."""
        rest = self.rest
        rest += chunk
        if not self._is_begun and not self._begin():
            return []
        packets: list[Packet] = []
        at = 0
        while at < len(rest):
            size = amr_frame_size(rest[at])
            if not size and AMR_MAGIC.startswith(magic := rest[at : at + len(AMR_MAGIC)]):
                if len(magic) < len(AMR_MAGIC):
                    break
                at += len(AMR_MAGIC)  # another file
                continue
            if not size:
                raise self._broken()
            if at + size > len(rest):
                break
            packets.append(Packet(bytes(rest[at : at + size]), _SAMPLES))
            self._count += 1
            at += size
        del rest[:at]
        return packets

    def _begin(self) -> bool:
        """Return whether the first bytes are known; remove the magic."""
        if len(self.rest) < len(AMR_MAGIC) and AMR_MAGIC.startswith(self.rest):
            return False
        self._is_begun = True
        if self.rest.startswith(AMR_MAGIC):
            del self.rest[: len(AMR_MAGIC)]
        return True

    def _broken(self) -> AudioError:
        if not self._count:
            return AudioError(
                "the stream was declared as amr and does not begin as AMR-NB of one channel"
            )
        seconds = self._count * _SAMPLES / self.rate
        return AudioError(f"the amr stream is damaged after {seconds:.2f} s of audio")
