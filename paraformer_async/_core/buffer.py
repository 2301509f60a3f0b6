"""Audio of the user that has not been sent, cut into frames, with marks between."""

from collections import deque
from enum import Enum
from typing import TypeAlias

from paraformer_async._core.framing import SAMPLE_WIDTH, Framer, Splitter
from paraformer_async._core.wav import WavHeader
from paraformer_async.options.options import Options

__all__ = ["AudioBuffer", "Frame", "Mark", "Seam"]

Frame: TypeAlias = bytes | memoryview


class Mark(Enum):
    """What lies between frames."""

    TIMER = "the deadline of middleware has come"
    END = "no more audio comes"


class Seam:
    """
    Here one task ends and the next begins.

    Args:
        options: The options from here on; `None` for the same.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options


class AudioBuffer:
    """
    A queue of frames and marks.

    Args:
        framer: Cuts chunks into frames.
        limit: Bytes that may wait. A chunk is taken whole when less than that waits.
        is_wav: Whether the audio begins with a WAV header.

    Attributes:
        limit: The same.
        items: Frames and marks, in order. Who takes a frame out subtracts its length from `size`.
        size: Bytes that wait.
        header: That of a WAV stream, as far as it has come; `None` for other formats.
        frame_size: A chunk of this length is a frame, when nothing is in *rest*; see `Framer`.
        rest: What does not fill a frame yet.
        is_ended: Whether the end of the audio has been marked.
        has_timer: Whether a timer's mark is among the items.
    """

    def __init__(self, framer: Framer | Splitter, limit: int, *, is_wav: bool = False) -> None:
        self._framer = framer
        self.limit: int = limit
        self.items: deque[Frame | Mark | Seam] = deque()
        self.size: int = 0
        self.header: WavHeader | None = WavHeader() if is_wav else None
        self.frame_size: int = -1 if is_wav else framer.size
        self._fed = 0
        self.rest: bytearray = framer.rest
        self.is_ended: bool = False
        self.has_timer: bool = False

    @property
    def has_room(self) -> bool:
        """Whether who waits can go on: half of the limit is free, so that few wake often."""
        return self.size * 2 <= self.limit

    def add(self, chunk: bytes) -> None:
        """Add audio."""
        self._fed += len(chunk)
        if self.header is not None:
            self.header.feed(chunk)
        for frame in self._framer.feed(chunk):
            self.items.append(frame)
            self.size += len(frame)

    def clear(self) -> None:
        """Forget all that waits, and the end: the audio comes again, from behind the header."""
        self.items.clear()
        self.rest.clear()
        self.size = 0
        self._fed = len(self.header.data) if self.header else 0
        self.is_ended = self.has_timer = False

    def flush(self) -> None:
        """Let what does not fill a frame be one, down to the last whole sample."""
        if rest := self._framer.flush(self._part_of_a_sample()):
            self.items.append(rest)
            self.size += len(rest)

    def mark_timer(self) -> None:
        """Mark that middleware is to act after the audio that is here, down to the last sample."""
        if not self.has_timer:
            self.has_timer = True
            self.flush()
            self.items.append(Mark.TIMER)

    def mark_seam(self, seam: Seam) -> None:
        """Mark where the next task begins; a sample is not divided between two tasks."""
        self.flush()
        self.items.append(seam)

    def mark_end(self) -> None:
        """Mark the end, once."""
        if not self.is_ended:
            self.is_ended = True
            if rest := self._framer.flush():
                self.items.append(rest)
                self.size += len(rest)
            self.items.append(Mark.END)

    def _part_of_a_sample(self) -> int:
        """Return how many bytes at the end are a part of a sample of all channels."""
        if self.header is None:
            return len(self.rest) % SAMPLE_WIDTH
        if not self.header.is_complete:
            return len(self.rest)
        return (self._fed - len(self.header.data)) % (self.header.block_align or SAMPLE_WIDTH)
