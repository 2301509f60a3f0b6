"""What reads an audio file, and its conversion to the rate that is needed."""

from typing import Protocol

from paraformer_async.audio.decoding.pcm import Resampler

__all__ = ["Reader", "ResamplingReader"]


class Reader(Protocol):
    """
    Decodes a file to s16le. Used by one thread at a time.

    Attributes:
        path: The file, for messages.
        rate: Sample rate in Hz of what it returns.
        channels: Number of channels in the file.
        lanes: Number of interleaved channels in what it returns: 1 if they are mixed.
        format: Container.
        subtype: Codec.
        frames: Number of samples declared, at `rate`; 0 if unknown.
        done: Number of samples before the current position, at `rate`.
    """

    path: str
    rate: int
    channels: int
    lanes: int
    format: str
    subtype: str
    frames: int
    done: int

    def read(self, count: int) -> bytes:
        """Return up to *count* samples; none at the end; raise `AudioError` on damage."""
        ...

    def rewind(self, frame: int) -> None:
        """Read on from a sample at or before *frame*; raise `AudioError` on a changed file."""
        ...

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        ...

    def close(self) -> None:
        """Close the file; idempotent."""
        ...


class ResamplingReader:
    """Converts what *reader* returns to *rate*; see `Reader`."""

    def __init__(self, reader: Reader, rate: int) -> None:
        self.path: str = reader.path
        self.rate: int = rate
        self.channels: int = reader.channels
        self.lanes: int = reader.lanes
        self.format: str = reader.format
        self.subtype: str = reader.subtype
        self.frames: int = round(reader.frames * rate / reader.rate)
        self._reader = reader
        self._start()

    def _start(self) -> None:
        self._resampler = Resampler(self._reader.rate, self.rate, channels=self.lanes, extra="av")
        self._is_ended = False
        self._left = bytearray()
        self.done: int = 0

    def read(self, count: int) -> bytes:
        """Return up to *count* samples; none at the end; raise `AudioError` on damage."""
        size = 2 * self.lanes * count
        while len(self._left) < size and not self._is_ended:
            pcm = self._reader.read(self._reader.rate)
            self._is_ended = not pcm
            self._left += self._resampler.resample(pcm, last=self._is_ended)
        pcm = bytes(self._left[:size])
        del self._left[:size]
        self.done += len(pcm) // (2 * self.lanes)
        return pcm

    def rewind(self, frame: int) -> None:
        """Read on from the first sample; raise `AudioError` on a changed file."""
        self._reader.rewind(0)
        self._start()

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        return self._reader.remarks()

    def close(self) -> None:
        """Close the file; idempotent."""
        self._reader.close()
