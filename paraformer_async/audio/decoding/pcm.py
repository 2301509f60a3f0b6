"""Raw PCM, and resampling."""

import inspect
from typing import Any

from paraformer_async.audio.decoding.samples import float_to_s16le
from paraformer_async.errors import MissingExtraError

__all__ = ["RawStage", "Resampler"]


class RawStage:
    """Returns raw s16le mono as it is; half a sample is held back until its other half arrives."""

    cheap = True
    more = is_running = False

    def __init__(self, rate: int) -> None:
        self.rate: int = rate
        self._odd = b""

    def push(self, data: bytes) -> bytes:
        """Return *data*, cut to whole samples."""
        if self._odd:
            data = self._odd + data
            self._odd = b""
        if len(data) % 2:
            self._odd = data[-1:]
            return data[:-1]
        return data

    def end(self) -> bytes:
        """Return nothing: half a sample is dropped."""
        return b""

    def close(self) -> None:
        """Release what is held."""
        self._odd = b""

    def join(self) -> None:
        """Return at once: nothing was started."""


class Resampler:
    """
    Converts s16le from one rate to another, by `soxr.ResampleStream`.

    In float, which soxr does not dither: the same samples give the same samples, however they are
    divided.

    Args:
        from_rate: Rate in Hz of what is given.
        to_rate: Rate in Hz of what is returned.
        channels: Number of interleaved channels.
        extra: The extra to name if soxr is missing.
        is_live: Whether to hold back less audio, 30 ms at most in place of 160, at more CPU. That
            takes soxr 1.1; an older one holds back as much as otherwise.

    Raises:
        MissingExtraError: soxr is not installed.
    """

    def __init__(
        self,
        from_rate: int,
        to_rate: int,
        *,
        channels: int = 1,
        extra: str = "local",
        is_live: bool = False,
    ) -> None:
        try:
            import soxr
        except ImportError as error:
            raise MissingExtraError("resampling", extra) from error
        self._shape = (-1,) if channels == 1 else (-1, channels)
        # The filter of a variable rate works sample by sample, the other one in large blocks.
        is_new = "vr" in inspect.signature(soxr.ResampleStream).parameters
        quick: dict[str, Any] = {"vr": True} if is_live and is_new else {}
        self._stream = soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32", **quick)

    def resample(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Resample more PCM, and return what is available; with *last*, the entire rest."""
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").astype(np.float32).reshape(self._shape) / 32768
        return float_to_s16le(self._stream.resample_chunk(samples, last=last).reshape(-1))
