"""Audio of the user that has not been sent, cut into frames, with marks between."""

from collections import deque
from enum import Enum
from typing import TypeAlias

from paraformer_async._core.framing import Framer, Splitter
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

    Attributes:
        limit: The same.
        items: Frames and marks, in order. Who takes a frame out subtracts its length from `size`.
        size: Bytes that wait.
        frame_size: A chunk of this length is a frame, when nothing is in *rest*; see `Framer`.
        rest: What does not fill a frame yet.
        is_ended: Whether the end of the audio has been marked.
        has_timer: Whether a timer's mark is among the items.
    """

    def __init__(self, framer: Framer | Splitter, limit: int) -> None:
        self._framer = framer
        self.limit = limit
        self.items: deque[Frame | Mark | Seam] = deque()
        self.size = 0
        self.frame_size = framer.size
        self.rest = framer.rest
        self.is_ended = False
        self.has_timer = False

    @property
    def has_room(self) -> bool:
        """Whether who waits can go on: half of the limit is free, so that few wake often."""
        return self.size * 2 <= self.limit

    def add(self, chunk: bytes) -> None:
        """Add audio."""
        for frame in self._framer.feed(chunk):
            self.items.append(frame)
            self.size += len(frame)

    def clear(self) -> None:
        """Forget all that waits, and the end: the audio comes again."""
        self.items.clear()
        self.rest.clear()
        self.size = 0
        self.is_ended = self.has_timer = False

    def mark_timer(self) -> None:
        """Mark that middleware is to act after the audio that is here, down to the last sample."""
        if not self.has_timer:
            self.has_timer = True
            self._mark(Mark.TIMER, whole_samples=True)

    def mark_seam(self, seam: Seam) -> None:
        """Mark where the next task begins; a sample is not divided between two tasks."""
        self._mark(seam, whole_samples=True)

    def mark_end(self) -> None:
        """Mark the end, once."""
        if not self.is_ended:
            self.is_ended = True
            self._mark(Mark.END, whole_samples=False)

    def _mark(self, mark: Mark | Seam, *, whole_samples: bool) -> None:
        if rest := self._framer.flush(whole_samples=whole_samples):
            self.items.append(rest)
            self.size += len(rest)
        self.items.append(mark)
