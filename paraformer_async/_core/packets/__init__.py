"""
Compressed audio by its packets: where they are cut, how long each is, how a stream of them begins.

A packet is the smallest piece that has a duration: an MP3 or ADTS frame, an AMR frame, a packet in
Ogg. Nothing is decoded.
"""

from paraformer_async._core.packets.adts import AdtsCutter
from paraformer_async._core.packets.amr import AmrCutter
from paraformer_async._core.packets.framer import PacketFramer
from paraformer_async._core.packets.joining import Plain
from paraformer_async._core.packets.mpeg import MpegCutter
from paraformer_async._core.packets.ogg import OggCutter, OggPages
from paraformer_async._core.packets.packet import Cutter, Joiner, Packet, Packets

__all__ = ["Cutter", "Joiner", "Packet", "PacketFramer", "Packets", "cutter_of", "joiner_of"]


def cutter_of(format: str) -> Cutter:
    """Return a cutter of streams of a compressed format."""
    if format in ("opus", "speex"):
        return OggCutter(format)
    if format == "mp3":
        return MpegCutter()
    return AdtsCutter() if format == "aac" else AmrCutter()


def joiner_of(cutter: Cutter) -> Joiner:
    """Return what makes a stream of the packets of *cutter*."""
    return OggPages(cutter) if isinstance(cutter, OggCutter) else Plain(cutter)
