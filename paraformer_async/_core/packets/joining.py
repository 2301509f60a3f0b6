"""Streams whose packets simply follow each other."""

from paraformer_async._core.packets.packet import Cutter, Packets

__all__ = ["Plain"]


class Plain:
    """The head of the stream, and one packet after the other; see `Joiner`."""

    def __init__(self, cutter: Cutter) -> None:
        self._cutter = cutter
        self._is_begun = False

    def begin(self) -> None:
        """Begin another stream."""
        self._is_begun = False

    def join(self, packets: Packets) -> bytes:
        """Return the next bytes of the stream."""
        head = () if self._is_begun else self._cutter.head
        self._is_begun = True
        return b"".join((*head, *(packet.data for packet in packets.packets)))
