"""WAV as it streams, to s16le mono; the header is read by `paraformer_async._core.wav`."""

from typing import TYPE_CHECKING, Any

from paraformer_async._core.wav import IEEE_FLOAT, PCM, WavHeader
from paraformer_async.audio.decoding.samples import float_to_s16le, integers_to_s16le
from paraformer_async.audio.decoding.stage import RATES, UndecodableAudio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["WavStage", "samples_of"]

_ENCODINGS = {
    *((PCM, 8), (PCM, 16), (PCM, 24), (PCM, 32)),
    *((IEEE_FLOAT, 32), (IEEE_FLOAT, 64)),
}


class WavStage:
    """Converts a WAV stream of PCM or float samples to s16le mono, averaging the channels."""

    more = is_running = False

    def __init__(self, rate: int) -> None:
        self.rate: int = rate
        self._header = WavHeader(limit=None)
        self._is_begun = False
        self._left: int | None = None  # bytes of samples still to come; None: unknown
        self._cut = b""  # beginning of a block whose end has not arrived

    @property
    def cheap(self) -> bool:
        """Whether the samples need no conversion."""
        return self._header.is_complete and self._is_s16_mono

    def push(self, data: bytes) -> bytes:
        """Decode more bytes; raise `UndecodableAudio` for another format or encoding."""
        header = self._header
        self._is_begun |= bool(data)
        if not header.is_complete:
            data = self._read_header(data)
        return self._convert(self._blocks(data)) if header.is_complete else b""

    def end(self) -> bytes:
        """Return nothing; raise `UndecodableAudio` if the stream ended within its header."""
        if self._is_begun and not self._header.is_complete:
            raise UndecodableAudio("the WAV stream ended within its header")
        return b""

    def close(self) -> None:
        """Release what is held."""
        self._cut = b""

    def join(self) -> None:
        """Return at once: nothing was started."""

    def _read_header(self, data: bytes) -> bytes:
        """Return the samples that follow the header in *data*."""
        samples = bytes(self._header.feed(data))
        if self._header.problem:
            raise UndecodableAudio(self._header.problem)
        if self._header.is_complete:
            self._begin()
        return samples

    @property
    def _is_s16_mono(self) -> bool:
        header = self._header
        return (header.codec, header.channels, header.bits) == (PCM, 1, 16)

    def _begin(self) -> None:
        header = self._header
        encoding = header.codec, header.bits
        if encoding not in _ENCODINGS or not header.channels or header.sample_rate not in RATES:
            raise UndecodableAudio(
                f"WAV of encoding {header.codec} with {header.bits} bits, {header.channels} "
                f"channels, {header.sample_rate} Hz is not PCM that can be decoded"
            )
        self.rate, self._left = header.sample_rate, header.data_size

    def _blocks(self, data: bytes) -> bytes:
        """Cut *data* to whole blocks of the data chunk; what follows that chunk is skipped."""
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        data = self._cut + data
        rest = len(data) % self._header.block_align
        self._cut = data[len(data) - rest :]
        return data[: len(data) - rest]

    def _convert(self, data: bytes) -> bytes:
        header = self._header
        if self._is_s16_mono or not data:
            return data
        samples: Any = samples_of(data, header.codec, header.bits // 8)
        if header.codec == IEEE_FLOAT:
            return float_to_s16le(samples, header.channels)
        return integers_to_s16le(samples.reshape(-1, header.channels))


def samples_of(data: bytes, codec: int, width: int) -> "NDArray[np.int16] | NDArray[np.float32]":
    """
    Return the samples of WAV as int16, or as float32 if they are floats.

    Args:
        data: Whole samples.
        codec: `PCM` or `IEEE_FLOAT`.
        width: Bytes of a sample.
    """
    import numpy as np

    if codec == IEEE_FLOAT:
        return np.frombuffer(data, f"<f{width}").astype(np.float32)
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
    # The upper 16 bits, as libsndfile does it.
    pairs = np.frombuffer(data, np.uint8).reshape(-1, width)[:, -2:]
    return np.ascontiguousarray(pairs).view("<i2")
