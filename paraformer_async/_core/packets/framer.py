"""Compressed audio cut into frames for the wire, at its own packets."""

from collections.abc import Iterable

from paraformer_async._core.packets.packet import Cutter, Joiner, Packet, Packets
from paraformer_async.options.service import LARGEST_FRAME

__all__ = ["PacketFramer"]

_LARGEST = LARGEST_FRAME - 1024  # bytes of packets in a frame: a container adds its own


class PacketFramer:
    """
    Cuts chunks of any size at the packets in them; see `Framer`.

    All that a chunk completes is passed on at once: a live stream waits for nothing.

    Attributes:
        size: -1; a chunk of any length has to be fed.
        rest: Always empty: a part of a packet is of no use.
        cutter: Finds the packets.
        joiner: Makes a stream of them.
        is_begun: Whether a packet was found.
    """

    size = -1

    def __init__(self, cutter: Cutter, joiner: Joiner) -> None:
        self.rest = bytearray()
        self.cutter = cutter
        self.joiner = joiner
        self.is_begun = False

    def align(self, block: int) -> None:
        """Do nothing: packets are whole."""
        del block

    def feed(self, chunk: bytes | memoryview) -> Iterable[Packets]:
        """Return the packets that *chunk* completes; raise `AudioError` if there are none."""
        together: list[Packet] = []
        size = 0
        for packet in self.cutter.feed(chunk):
            self.is_begun = True
            if together and size + len(packet.data) > _LARGEST:
                yield Packets(together)
                together, size = [], 0
            together.append(packet)
            size += len(packet.data)
        if together:
            yield Packets(together)

    def flush(self, hold: int = 0) -> bytes:
        """Return nothing: no whole packet is kept back."""
        del hold
        return b""
