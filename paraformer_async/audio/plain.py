"""16-bit PCM in a file, read without a decoder: for short files, opening one costs the most."""

from typing import Any, Literal, Self

from paraformer_async.audio.containers.sections import Pcm
from paraformer_async.audio.regions import Region

__all__ = ["PlainSound"]

_WIDTH = 2  # bytes


class PlainSound:
    """
    The samples of a WAV file, as `soundfile.SoundFile` returns them, by what is used of it.

    Args:
        region: The file. It stays open.
        pcm: Where its samples are.
    """

    format: str = "WAV"
    subtype: str = "PCM_16"

    def __init__(self, region: Region, pcm: Pcm) -> None:
        self.samplerate: int = pcm.rate
        self.channels: int = pcm.channels
        self.frames: int = pcm.frames
        self._region = region
        self._width = _WIDTH * pcm.channels
        self._start = pcm.start
        self.seek(0)

    def buffer_read_into(self, buffer: Any, dtype: Literal["int16", "float32"]) -> int:
        """Fill *buffer*; return the number of samples of each channel, fewer only at the end."""
        if dtype == "float32":
            return self._read_floats(buffer)
        view = memoryview(buffer).cast("B")
        size = min(len(view) // self._width, self.frames - self._position) * self._width
        count = self._region.readinto(view[:size]) // self._width if size else 0
        self._position += count
        return count

    def _read_floats(self, buffer: Any) -> int:
        import numpy as np

        floats = np.frombuffer(buffer, np.float32)
        samples = np.empty(len(floats), np.int16)
        count = self.buffer_read_into(samples, "int16")
        size = count * self.channels
        np.multiply(samples[:size], np.float32(1 / 32768), out=floats[:size])
        return count

    def seek(self, frame: int) -> None:
        """Read on from a sample."""
        self._position = frame
        self._region.seek(self._start + frame * self._width)

    def close(self) -> None:
        """Do nothing: there is no decoder."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
