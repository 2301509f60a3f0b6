"""Raw PCM and its resampling."""

from paraformer_async.errors import MissingExtraError

__all__ = ["RawStage", "Resampler"]


class RawStage:
    """Raw s16le mono passes as it is; only the odd byte of a cut sample waits for the other."""

    cheap = True
    more = False

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._odd = b""

    def push(self, data: bytes) -> bytes:
        if self._odd:
            data = self._odd + data
            self._odd = b""
        if len(data) % 2:
            self._odd = data[-1:]
            return data[:-1]
        return data

    def end(self) -> bytes:
        return b""

    def close(self) -> None:
        self._odd = b""

    def join(self) -> None:
        """Nothing was started."""


class Resampler:
    """
    s16le mono from one rate to another, by `soxr.ResampleStream`.

    Raises:
        MissingExtraError: soxr is not installed.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        try:
            import soxr
        except ImportError as error:
            raise MissingExtraError("resampling", "local") from error
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16")

    def resample(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Take more PCM, and return what is available; all of the rest after the `last`."""
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").astype(np.int16, copy=False)
        resampled: bytes = self._stream.resample_chunk(samples, last=last).astype("<i2").tobytes()
        return resampled
