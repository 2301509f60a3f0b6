"""The pages of Ogg: RFC 3533, section 6."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

__all__ = ["CONTINUED", "FIRST", "PAGE", "SEGMENTS", "Paging", "make_page"]

PAGE: Final = struct.Struct("<4sBBqIIIB")  # … flags, granule, serial, number, checksum, segments
CONTINUED, FIRST = 1, 2
SEGMENTS: Final = 255
_MAGIC: Final = b"OggS"
_BEGIN: Final = _MAGIC + b"\0"  # with the version
_SERIAL: Final = 0x70617261
_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _checksum(page: bytes) -> int:
    """Return the checksum of a page whose own field is 0: CRC-32 of the bits in reverse order."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_MIRRORED), "big")


def make_page(packets: Sequence[bytes], number: int, granule: int) -> bytes:
    """Return a page with whole packets, of at most 255 segments together."""
    lacing = b"".join(b"\xff" * (len(one) // 255) + bytes((len(one) % 255,)) for one in packets)
    flags = 0 if number else FIRST
    head = [_MAGIC, 0, flags, granule, _SERIAL, number, 0, len(lacing)]
    body = lacing + b"".join(packets)
    head[6] = _checksum(PAGE.pack(*head) + body)
    return PAGE.pack(*head) + body


class Paging:
    """
    Finds pages, and the next one after damage, in linear time.

    Attributes:
        skipped: Bytes that were no page.
        rest: Bytes of a page whose end has not been received.
    """

    def __init__(self) -> None:
        self.skipped: int = 0
        self.rest: bytearray = bytearray()

    def next_page(self) -> bytes:
        """Return the next page that is whole; empty if there is none yet."""
        rest = self.rest
        while len(rest) >= PAGE.size:
            if not rest.startswith(_BEGIN):
                self.skip()
                continue
            size = PAGE.size + rest[26]
            size += sum(rest[PAGE.size : size])
            if len(rest) < size or len(rest) < PAGE.size + rest[26]:
                return b""
            page = bytes(rest[:size])
            if _checksum(page[:22] + bytes(4) + page[26:]) != int.from_bytes(page[22:26], "little"):
                self.skip()
                continue
            del rest[:size]
            return page
        return b""

    def skip(self) -> None:
        """Pass over damage, up to where a page may begin."""
        place = self.rest.find(_BEGIN, 1)
        step = place if place > 0 else len(self.rest) - len(_BEGIN) + 1
        del self.rest[:step]
        self.skipped += step
