"""
Audio is cut into frames for the wire.

The service recommends frames of about 100 ms, between 1 KB and 16 KB. Audio of which more is there
at once, as that of files, is sent in larger ones: a quarter of the work.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from paraformer_async.options.service import FRAME_MS, LARGEST_FRAME, SMALLEST_FRAME

__all__ = ["FRAME_MS", "Framer", "Splitter", "bytes_per_second", "silence"]

# As much as the vendor's client sends of a file at once, at 16 kHz.
_LONGEST_MS = 400
SAMPLE_WIDTH = 2


def bytes_per_second(sample_rate: int) -> int:
    """Return the number of bytes in a second of s16le mono audio at *sample_rate* Hz."""
    return sample_rate * SAMPLE_WIDTH


@cache
def silence(sample_rate: int, ms: int) -> bytes:
    """Return *ms* of s16le mono silence at *sample_rate* Hz."""
    return bytes(sample_rate * ms // 1000 * SAMPLE_WIDTH)


class Framer:
    """
    Cuts chunks of any size into frames. Nothing is lost, added or reordered.

    Frames within one chunk are views of it, not copies, so a chunk must not change after it was
    fed.

    Args:
        sample_rate: In Hz.
        frame_ms: Length of a frame in ms, unless there is more audio at once.
        longest_ms: Length of the largest frames in ms, if 400 ms would be too long.

    Attributes:
        size: Length of a frame in bytes of s16le mono audio, limited to 1 to 16 KB.
        largest: Length of the largest frames: as many of `size` as fit into *longest_ms* and 16 KB,
            at least one.
        rest: Audio that does not fill a frame yet; always the same object.
    """

    def __init__(
        self, sample_rate: int, frame_ms: int = FRAME_MS, *, longest_ms: float = _LONGEST_MS
    ) -> None:
        longest_ms = int(min(longest_ms, _LONGEST_MS))
        self._most = min(sample_rate * longest_ms // 1000 * SAMPLE_WIDTH, LARGEST_FRAME)
        size = sample_rate * frame_ms // 1000 * SAMPLE_WIDTH
        self.size: int = min(max(size, SMALLEST_FRAME), LARGEST_FRAME)
        self.largest: int = self._largest()
        self.rest = bytearray()

    def _largest(self) -> int:
        return max(self._most - self._most % self.size, self.size)

    def align(self, block: int) -> None:
        """Let all frames from here on be multiples of *block* bytes, if one fits into a frame."""
        self.size -= self.size % min(block, self.size)
        self.largest = self._largest()

    def feed(self, chunk: bytes | memoryview) -> Iterable[bytes | memoryview]:
        """Add a chunk, and return the full frames. The caller must consume all of them."""
        if not self.rest and len(chunk) <= self.largest and not len(chunk) % self.size:
            return (chunk,) if chunk else ()
        return self._cut(chunk)

    def _cut(self, chunk: bytes | memoryview) -> Iterator[bytes | memoryview]:
        view = memoryview(chunk)
        if self.rest:
            there = min(len(self.rest) + len(view), self.largest)
            missing = there - there % self.size - len(self.rest)
            if missing > 0:
                self.rest += view[:missing]
                view = view[missing:]
                yield self.flush()
        full = len(view) - len(view) % self.size
        for start in range(0, full, self.largest):
            yield view[start : min(start + self.largest, full)]
        self.rest += view[full:]

    def flush(self, hold: int = 0) -> bytes:
        """
        Return the audio that does not fill a frame; empty if there is none.

        Args:
            hold: Bytes at its end to keep back, because they are part of an incomplete sample.
        """
        size = max(0, len(self.rest) - hold)
        rest = bytes(self.rest[:size])
        del self.rest[:size]
        return rest


class Splitter:
    """
    Passes chunks of compressed audio through, in pieces of at most 16 KB.

    The duration of such a chunk is not known, so keeping part of it back could delay seconds of
    audio.

    Attributes:
        size: -1; a chunk of any length has to be fed.
        rest: Always empty.
    """

    size = -1
    rest = bytearray()

    def align(self, block: int) -> None:
        """Do nothing: compressed audio has no samples to keep whole."""
        del block

    def feed(self, chunk: bytes | memoryview) -> Iterable[bytes | memoryview]:
        """Return a chunk in pieces that the service accepts."""
        if len(chunk) <= LARGEST_FRAME:
            return (chunk,) if chunk else ()
        view = memoryview(chunk)
        starts = range(0, len(chunk), LARGEST_FRAME)
        return (view[start : start + LARGEST_FRAME] for start in starts)

    def flush(self, hold: int = 0) -> bytes:
        """Return nothing: no audio is kept back."""
        del hold
        return b""
