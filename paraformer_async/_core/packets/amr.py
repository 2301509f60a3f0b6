"""
AMR-NB by its frames of 20 ms (RFC 4867, section 5): a byte with the mode, and what the mode needs.

Frames have no mark of their own: after damage nothing shows where the next one begins.
"""

from typing import TYPE_CHECKING, Final

from paraformer_async._core.packets.packet import Packet
from paraformer_async.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AmrCutter"]

_MAGIC: Final = b"#!AMR\n"
# Bytes of a frame by its mode: 4.75 to 12.2 kbit/s, comfort noise, and nothing.
_SIZES: Final = {0: 13, 1: 14, 2: 16, 3: 18, 4: 20, 5: 21, 6: 27, 7: 32, 8: 6, 15: 1}
_PADDING: Final = 0x83  # bits of the first byte that are 0
_SAMPLES: Final = 160


class AmrCutter:
    """Cuts a stream of AMR-NB, with or without its magic; see `Cutter`."""

    def __init__(self) -> None:
        self.rate: int = 8000
        self.head: Sequence[bytes] = (_MAGIC,)
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
            size = 0 if rest[at] & _PADDING else _SIZES.get(rest[at] >> 3, 0)
            if not size and _MAGIC.startswith(magic := rest[at : at + len(_MAGIC)]):
                if len(magic) < len(_MAGIC):
                    break
                at += len(_MAGIC)  # another file
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
        if len(self.rest) < len(_MAGIC) and _MAGIC.startswith(self.rest):
            return False
        self._is_begun = True
        if self.rest.startswith(_MAGIC):
            del self.rest[: len(_MAGIC)]
        return True

    def _broken(self) -> AudioError:
        if not self._count:
            return AudioError(
                "the stream was declared as amr and does not begin as AMR-NB of one channel"
            )
        seconds = self._count * _SAMPLES / self.rate
        return AudioError(f"the amr stream is damaged after {seconds:.2f} s of audio")
