"""A packet of compressed audio, several of them as a piece of audio, and what makes them."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

from msgspec import Struct

__all__ = ["Cutter", "Joiner", "Packet", "Packets"]

_SAMPLE_WIDTH = 2


class Packet(Struct, frozen=True, gc=False):
    """
    The smallest piece of compressed audio that has a duration.

    Attributes:
        data: Its bytes.
        samples: What it decodes to, in samples of one channel.
        lead: A silent packet of the same duration that must precede it wherever it does not follow
            the packet before it; empty if none is needed.
    """

    data: bytes
    samples: int
    lead: bytes = b""


class Packets:
    """
    Consecutive packets, measured like the PCM that they decode to: s16le mono, in bytes.

    A slice contains every packet of which it has a part.

    Args:
        packets: The packets.
        size: What they are counted for; by default, all that they decode to.
    """

    __slots__ = ("_size", "packets")

    def __init__(self, packets: Sequence[Packet], size: int | None = None) -> None:
        self.packets: Sequence[Packet] = packets
        self._size = sum(map(_size, packets)) if size is None else size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> "Packets":
        begin, end, _ = part.indices(self._size)
        at, inside = 0, list[Packet]()
        for packet in self.packets:
            after = at + _size(packet)
            if at < end and begin < after:
                inside.append(packet)
            at = after
        return Packets(inside, max(0, end - begin))

    def begin_at(self, position: int) -> int:
        """Return where the packet begins in which *position* lies."""
        begins = [0, *accumulate(map(_size, self.packets))]
        return begins[bisect_right(begins, position) - 1]

    def __bytes__(self) -> bytes:
        """Return their bytes, without what a container adds."""
        return b"".join(packet.data for packet in self.packets)

    @property
    def lead(self) -> "Packets | None":
        """Silence that must precede them where the packets before them are missing."""
        first = self.packets[0]
        return Packets([Packet(first.lead, first.samples)]) if first.lead else None


def _size(packet: Packet) -> int:
    return packet.samples * _SAMPLE_WIDTH


class Cutter(Protocol):
    """
    Cuts a stream into its packets, wherever its bytes were cut.

    Attributes:
        rate: Samples a second in which packets are measured; 0 until a packet was found.
        head: With what a stream of these packets begins; complete with the first packet.
        skipped: Bytes that were no packet, and no tag.
        rest: Bytes of a packet whose end has not been received.
    """

    rate: int
    head: Sequence[bytes]
    skipped: int
    rest: bytearray

    def feed(self, chunk: bytes | memoryview) -> list[Packet]:
        """
        Return the packets that *chunk* completes.

        Raises:
            AudioError: The stream is not of the format.
        """
        ...


class Joiner(Protocol):
    """Makes a stream of packets."""

    def begin(self) -> None:
        """Begin another stream."""
        ...

    def join(self, packets: Packets) -> bytes:
        """Return the next bytes of the stream."""
        ...
