"""
Cutting audio into frames for the wire.

The service advises frames of about 100 ms, between 1 KB and 16 KB.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from paraformer_async.options.service import FRAME_MS, LARGEST_FRAME, SMALLEST_FRAME

__all__ = ["FILE_FRAME_MS", "FRAME_MS", "Framer", "Splitter", "bytes_per_second", "silence"]

# For files, whose frames nobody waits for: what the vendor's client sends at a time at 16 kHz.
FILE_FRAME_MS = 400
SAMPLE_WIDTH = 2


def bytes_per_second(sample_rate: int) -> int:
    """Give the bytes in a second of s16le mono audio at *sample_rate* Hz."""
    return sample_rate * SAMPLE_WIDTH


@cache
def silence(sample_rate: int, ms: int) -> bytes:
    """Give *ms* of s16le mono silence at *sample_rate* Hz."""
    return bytes(sample_rate * ms // 1000 * SAMPLE_WIDTH)


class Framer:
    """
    Turns chunks of any size into frames of one size. Nothing is lost, added or reordered.

    Frames that lie within one chunk are views of it, not copies, so a chunk must not change
    after it was fed.

    Args:
        sample_rate: In Hz.
        frame_ms: Length of a frame in ms.

    Attributes:
        size: Bytes of a frame: so much s16le mono audio, kept within 1 to 16 KB.
        rest: What does not fill a frame yet; always the same object.
    """

    def __init__(self, sample_rate: int, frame_ms: int = FRAME_MS) -> None:
        size = sample_rate * frame_ms // 1000 * SAMPLE_WIDTH
        self.size: int = min(max(size, SMALLEST_FRAME), LARGEST_FRAME)
        self.rest = bytearray()

    def feed(self, chunk: bytes) -> Iterable[bytes | memoryview]:
        """Take a chunk, and give the frames that are full now; all of them are to be taken."""
        if len(chunk) == self.size and not self.rest:
            return (chunk,)
        return self._cut(chunk)

    def _cut(self, chunk: bytes) -> Iterator[bytes | memoryview]:
        view = memoryview(chunk)
        if self.rest:
            missing = self.size - len(self.rest)
            self.rest += view[:missing]
            view = view[missing:]
            if len(self.rest) < self.size:
                return
            yield self.flush()
        full = len(view) - len(view) % self.size
        for start in range(0, full, self.size):
            yield view[start : start + self.size]
        self.rest += view[full:]

    def flush(self, hold: int = 0) -> bytes:
        """
        Return what does not fill a frame; empty when there is nothing.

        Args:
            hold: Bytes at its end to hold back, because they are a part of a sample.
        """
        size = max(0, len(self.rest) - hold)
        rest = bytes(self.rest[:size])
        del self.rest[:size]
        return rest


class Splitter:
    """
    Passes chunks of compressed audio on as they come, those above 16 KB in pieces.

    Such a chunk has no length in time, and holding some of it back could hold back seconds.

    Attributes:
        size: -1: no size of chunk is that of a frame.
        rest: Nothing.
    """

    size = -1
    rest = bytearray()

    def feed(self, chunk: bytes) -> Iterable[bytes | memoryview]:
        """Take a chunk, and give it in pieces that the service takes."""
        if len(chunk) <= LARGEST_FRAME:
            return (chunk,) if chunk else ()
        view = memoryview(chunk)
        starts = range(0, len(chunk), LARGEST_FRAME)
        return (view[start : start + LARGEST_FRAME] for start in starts)

    def flush(self, hold: int = 0) -> bytes:
        """Nothing is held back."""
        del hold
        return b""
