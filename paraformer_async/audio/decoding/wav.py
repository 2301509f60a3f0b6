"""
WAV as it streams: the header in pieces, sizes not known when it was written, other chunks.

The header follows https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html
"""

import struct

from paraformer_async.audio.decoding.samples import float_to_s16le
from paraformer_async.audio.decoding.stage import RATES, UndecodableAudio

__all__ = ["WavStage"]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_DEPTHS = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}
# Written where the size was not known yet: 0, -1, or the largest that a writer dared.
_UNKNOWN_SIZES = range(0x7FFF_0000, 0x1_0000_0000)
_MAX_FMT = 1024


class WavStage:
    """Turns a RIFF/WAVE stream of PCM or float samples into s16le mono, averaging the channels."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._head = bytearray()
        self._skip = 0  # bytes of the stream still to be passed over
        self._begun = self._in_data = False
        self._fmt = (0, 0, 0)  # tag, channels, bits
        self._left: int | None = None  # bytes of the data chunk still to come; None: unknown
        self._cut = b""  # beginning of a frame whose end has not come

    @property
    def cheap(self) -> bool:
        return self._in_data and self._fmt == (_PCM, 1, 16)

    @property
    def more(self) -> bool:
        return False

    def push(self, data: bytes) -> bytes:
        if not self._in_data:
            data = self._after_header(data)
        return self._convert(self._frames(data)) if self._in_data else b""

    def end(self) -> bytes:
        if self._head or (self._begun and not self._in_data):
            raise UndecodableAudio("the WAV stream ended within its header")
        return b""

    def close(self) -> None:
        self._head.clear()

    def join(self) -> None:
        """Nothing was started."""

    def _after_header(self, data: bytes) -> bytes:
        self._head += data
        while self._step():
            if self._in_data:
                data = bytes(self._head)
                self._head.clear()
                return data
        return b""

    def _step(self) -> bool:
        """Take one thing off the head; False when more bytes must come first."""
        if self._skip:
            passed = min(self._skip, len(self._head))
            del self._head[:passed]
            self._skip -= passed
            return not self._skip
        return self._chunk() if self._begun else self._riff()

    def _riff(self) -> bool:
        magic = bytes(self._head[:4])
        if not (b"RIFF".startswith(magic) or b"RF64".startswith(magic)):
            raise UndecodableAudio("the stream was declared as WAV and does not begin as one")
        if len(self._head) < 12:
            return False
        if bytes(self._head[8:12]) != b"WAVE":
            raise UndecodableAudio("the stream is RIFF, but not WAVE")
        del self._head[:12]
        self._begun = True
        return True

    def _chunk(self) -> bool:
        if len(self._head) < 8:
            return False
        name, size = struct.unpack_from("<4sI", self._head)
        if name == b"fmt ":
            return self._format_chunk(size)
        del self._head[:8]
        if name == b"data":
            self._start(size)
        else:
            self._skip = size + size % 2
        return True

    def _format_chunk(self, size: int) -> bool:
        if not 16 <= size <= _MAX_FMT:
            raise UndecodableAudio(f"the WAV header has a fmt chunk of {size} bytes")
        if len(self._head) < 8 + size:
            return False
        tag, channels, self.rate, _, _, bits = struct.unpack_from("<HHIIHH", self._head, 8)
        if tag == _EXTENSIBLE and size >= 40:
            (tag,) = struct.unpack_from("<H", self._head, 8 + 24)
        if (tag, bits) not in _DEPTHS or not channels or self.rate not in RATES:
            raise UndecodableAudio(
                f"WAV of encoding {tag} with {bits} bits, {channels} channels, {self.rate} Hz "
                "is not PCM that can be decoded"
            )
        self._fmt = tag, channels, bits
        del self._head[:8]
        self._skip = size + size % 2
        return True

    def _start(self, size: int) -> None:
        if self._fmt == (0, 0, 0):
            raise UndecodableAudio("the WAV stream has its data before its fmt chunk")
        self._left = None if size == 0 or size in _UNKNOWN_SIZES else size
        self._in_data = True

    def _frames(self, data: bytes) -> bytes:
        """Cut `data` to whole frames of the data chunk; what follows that chunk is passed over."""
        _, channels, bits = self._fmt
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        data = self._cut + data
        rest = len(data) % (channels * bits // 8)
        self._cut = data[len(data) - rest :]
        return data[: len(data) - rest]

    def _convert(self, data: bytes) -> bytes:
        tag, channels, bits = self._fmt
        if self._fmt == (_PCM, 1, 16) or not data:
            return data
        import numpy as np

        if tag == _FLOAT:
            return float_to_s16le(np.frombuffer(data, f"<f{bits // 8}").astype("f4"), channels)
        if bits == 8:
            samples = (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
        else:  # the upper 16 bits, as libsndfile does it
            pairs = np.frombuffer(data, np.uint8).reshape(-1, bits // 8)[:, -2:]
            samples = np.ascontiguousarray(pairs).view("<i2")
        mono = np.rint(samples.reshape(-1, channels).mean(axis=1))
        pcm: bytes = mono.astype("<i2").tobytes()
        return pcm
