"""Compressed speech, and services that show which of it they received, piece by piece."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import av
import numpy as np

from paraformer_async._core.packets import Packet, Packets, cutter_of, joiner_of
from paraformer_async.audio.decoding import StreamDecoder
from paraformer_async.results import Sentence, Word
from tests.audio.making import RECORDED, make
from tests.core.packet_streams import opus_head

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
SPEECH = np.frombuffer((AUDIO / "goforward.raw").read_bytes(), "<i2")
PIECE_MS = 400
# By format: FFmpeg's container and encoder, and options of `make`.
ENCODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mp3": ("mp3", "libmp3lame", {}),
    "opus": ("ogg", "libopus", {"page_duration": "20000"}),
    "aac": ("adts", "aac", {}),
}
FORMATS = (*ENCODERS, "speex", "amr")


def recorded(format: str, folder: Path) -> bytes:
    """Return the speech of the examples in a compressed format."""
    path = folder / f"speech.{format}"
    if format in RECORDED:
        path.write_bytes(RECORDED[format].read_bytes())
    else:
        container, codec, options = ENCODERS[format]
        make(path, SPEECH, container, codec, **options)
    return path.read_bytes()


def opus_of_varying_packets() -> bytes:
    """Return the speech in Opus, in packets of 60, 20 and 10 ms: encoders adapt to a network."""
    packets: list[Packet] = []
    for ms, part in zip((60, 20, 10), np.array_split(SPEECH, 3), strict=True):
        encoder: Any = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "s16"
        encoder.options = {"frame_duration": str(ms)}
        for at in range(0, len(part) - 16 * ms + 1, 16 * ms):
            samples = np.ascontiguousarray(part[np.newaxis, at : at + 16 * ms])
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate = 16_000
            packets += [Packet(bytes(one), 48 * ms) for one in encoder.encode(frame)]
    cutter = cutter_of("opus")
    cutter.head = opus_head(), b"OpusTags" + bytes(8)
    return joiner_of(cutter).join(Packets(packets))


async def decoded(format: str, data: bytes, rate: int = 16_000) -> bytes:
    """Return a stream as PCM, decoded as one."""
    decoder = StreamDecoder(format, rate, rate)
    try:
        pcm = [await decoder.feed(data)]
        while rest := await decoder.finish():
            pcm.append(rest)
        return b"".join(pcm)
    finally:
        await decoder.aclose()


def named(piece: bytes) -> str:
    """Return a name for a piece of audio."""
    return sha256(piece).hexdigest()[:8]


def names_of(pcm: bytes) -> list[str]:
    """Return the names of all whole pieces of PCM at 16 kHz."""
    size = PIECE_MS * 32
    return [named(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]


def sentence(number: int, begin: float, end: float, piece: bytes) -> Sentence:
    """Return the final that names a piece."""
    name = named(piece)
    times = round(begin), round(end)
    return Sentence(*times, name, (Word(*times, name),), sentence_end=True, sentence_id=number)


class PcmPieces:
    """Recognizes the name of each piece of 400 ms of PCM."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        assert ("pcm", 16_000) == (parameters["format"], parameters["sample_rate"])
        self._rest = bytearray()
        self._count = 0

    def feed(self, audio: bytes) -> Iterator[Sentence]:
        """Receive more audio."""
        self._rest += audio
        while len(self._rest) >= PIECE_MS * 32:
            piece = bytes(self._rest[: PIECE_MS * 32])
            del self._rest[: PIECE_MS * 32]
            begin = self._count * PIECE_MS
            self._count += 1
            yield sentence(self._count, begin, begin + PIECE_MS, piece)

    def finish(self) -> Iterable[Sentence]:
        """Return nothing: a piece that is not whole has no name."""
        return ()


def is_silent(format: str, packet: Packet) -> bool:
    """Return whether a packet is the one that leads a resumed stream of MP3."""
    return format == "mp3" and not any(packet.data[4:13])


def groups_of(format: str, packets: list[Packet]) -> list[str]:
    """Return the names of the groups of packets, each as long as a piece."""
    count = packets_of_a_piece(format)
    return [
        named(b"".join(one.data for one in packets[at : at + count]))
        for at in range(0, len(packets) - count + 1, count)
    ]


def packets_of_a_piece(format: str) -> int:
    """Return how many packets make a piece, to within one."""
    return {"mp3": 11, "aac": 6}.get(format, 20)


def packet_pieces(format: str) -> "Callable[[Mapping[str, Any]], PacketPieces]":
    """Return the script that recognizes the name of each group of packets."""

    def begin(parameters: Mapping[str, Any]) -> PacketPieces:
        assert format == parameters["format"]
        return PacketPieces(format)

    return begin


class PacketPieces:
    """Recognizes the names of groups of packets, at the times that they decode to."""

    def __init__(self, format: str) -> None:
        self._format = format
        self._cutter = cutter_of(format)
        self._group: list[Packet] = []
        self._samples = 0
        self._count = 0

    def feed(self, audio: bytes) -> Iterator[Sentence]:
        """Receive more audio."""
        for packet in self._cutter.feed(audio):
            self._samples += packet.samples
            if is_silent(self._format, packet):
                assert not self._group
                continue
            self._group.append(packet)
            if len(self._group) == packets_of_a_piece(self._format):
                piece = b"".join(one.data for one in self._group)
                length = sum(one.samples for one in self._group)
                self._group, self._count = [], self._count + 1
                ms = 1000 / self._cutter.rate
                yield sentence(
                    self._count, (self._samples - length) * ms, self._samples * ms, piece
                )

    def finish(self) -> Iterable[Sentence]:
        """Return nothing: a group that is not whole has no name."""
        return ()
