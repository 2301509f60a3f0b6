"""Compressed files that are sent as they are: found by their content, read at the pace of audio."""

from pathlib import Path
from typing import IO, Final

from paraformer_async._core.packets import Cutter, Packet, cutter_of
from paraformer_async.audio.containers.sniffing import Guess
from paraformer_async.audio.containers.tags import begin_of_audio, end_of_audio
from paraformer_async.audio.hints import shown
from paraformer_async.audio.seekable import status_of
from paraformer_async.errors import AudioError

__all__ = ["PacketReader", "packet_reader"]

_BLOCK: Final = 1 << 12  # bytes
_MOST_BEFORE: Final = 1 << 20  # bytes without a packet: pictures in tags
# By FFmpeg's name of the container; of the formats in Ogg, the content decides.
_FORMATS: Final = {"mp3": ("mp3",), "aac": ("aac",), "amr": ("amr",), "ogg": ("opus", "speex")}
_OPUS_RATES: Final = (8000, 12000, 16000, 24000, 48000)
_LAYER_III: Final = 1


class PacketReader:
    """
    Returns a file as it is; see `Reader`. Its packets are found only to measure it.

    Attributes:
        sent_format: The format that the service calls it.
        sent_rate: The sample rate in Hz to declare.
    """

    def __init__(self, raw: IO[bytes], path: Path, format: str) -> None:
        self.path: str = shown(path)
        self.format: str = format.upper()
        self.subtype: str = format.upper()
        self.channels: int = 1
        self.lanes: int = 1
        self.frames: int = 0
        self.done: int = 0
        self.sent_format: str = format
        self._raw = raw
        self._cutter = cutter_of(format)
        self._first = b""  # what was read so far, and its samples
        self._samples = 0
        self._start()
        self.rate: int = self._cutter.rate
        self.sent_rate: int = _opus_rate(self._cutter) if format == "opus" else self.rate

    def read(self, count: int) -> bytes:
        """Return the bytes of about *count* samples; none at the end; raise on damage."""
        parts, samples = [self._first], self._samples
        self._first, self._samples = b"", 0
        while samples < count and (block := self._block()):
            parts.append(block)
            samples += _samples(self._cutter.feed(block))
        self.done += samples
        return b"".join(parts)

    def rewind(self, frame: int) -> None:
        """Read on from the beginning, which is before any *frame*."""
        del frame
        self.done = 0
        self._start()

    def remarks(self) -> tuple[str, ...]:
        """Return what is left out of the file, now that all of it was read."""
        left_out = self._cutter.skipped + len(self._cutter.rest)
        remark = f"has {left_out} bytes that are no whole packet of {self.sent_format}: left out"
        return (remark,) if left_out else ()

    def close(self) -> None:
        """Close the file; idempotent."""
        self._raw.close()

    def _block(self) -> bytes:
        """Return the next bytes before tags that follow the audio; none at the end."""
        return self._raw.read(max(0, min(_BLOCK, self._end - self._raw.tell())))

    def _start(self) -> None:
        """Read up to the first packet, and keep what was read."""
        begin = begin_of_audio(self._raw)
        self._end = end_of_audio(self._raw, begin, status_of(self._raw)[0])
        self._raw.seek(begin)
        self._cutter = cutter_of(self.sent_format)
        packets: list[Packet] = []
        self._first = b""
        while not packets and len(self._first) < _MOST_BEFORE:
            block = self._block()
            self._first += block
            packets = self._cutter.feed(block)
            if not block:
                break
        is_other_layer = self.sent_format == "mp3" and any(
            packet.data[1] >> 1 & 3 != _LAYER_III for packet in packets
        )
        if not packets or is_other_layer:
            raise AudioError(f"{self.path} has no packets of {self.sent_format}")
        self._samples = _samples(packets)


def packet_reader(
    raw: IO[bytes], path: Path, guess: Guess, rate: int | None
) -> PacketReader | None:
    """
    Return a reader of a file that can be sent as it is; `None` for one that has to be decoded.

    Args:
        raw: The open file; it can seek. Left as it was if it has to be decoded.
        path: Its path, for messages.
        guess: What it looks like.
        rate: The only sample rate in Hz that can be sent; `None` for any.
    """
    for format in _FORMATS.get(guess.demuxer, ()):
        try:
            reader = PacketReader(raw, path, format)
        except AudioError:
            continue
        if format == "opus" and rate in _OPUS_RATES:
            reader.sent_rate = rate or reader.sent_rate
        if rate in (None, reader.sent_rate):
            return reader
    raw.seek(0)
    return None


def _opus_rate(cutter: Cutter) -> int:
    """Return the rate that a stream of Opus was made from, if it is one that Opus decodes to."""
    rate = int.from_bytes(cutter.head[0][12:16], "little")
    return rate if rate in _OPUS_RATES else cutter.rate


def _samples(packets: list[Packet]) -> int:
    return sum(packet.samples for packet in packets)
