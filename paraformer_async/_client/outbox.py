"""The way out: audio that waits to be sent, bounded so that back-pressure reaches the user."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

from paraformer_async._core.framing import Framer, Splitter
from paraformer_async._net.signal import Signal

__all__ = ["BATCH", "Frame", "Mark", "Outbox"]

Frame = bytes | memoryview
# The sender takes so many frames at a time.
BATCH = 16
# A source that is never waited for must let others have their turn after so many chunks.
_TURN = 32


class Mark(Enum):
    """What the sender meets in the outbox beside frames of audio."""

    TIMER = "the stack's deadline has come"
    END = "no more audio comes"


class Outbox:
    """
    A queue of audio frames between the user and the sender.

    Args:
        framer: Cuts the user's chunks into frames.
        limit: Bytes that may wait. A chunk is taken whole when less than that waits; who has to
            wait does so until half of it has left.
    """

    def __init__(self, framer: Framer | Splitter, limit: int) -> None:
        self._framer = framer
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._puts = 0
        self._timer_due = False
        self._ended = False
        self._end_taken = False
        self._bypass: Callable[[Frame], bool] | None = None
        self._arrival = Signal()
        self._room = Signal()

    @property
    def is_ended(self) -> bool:
        """Whether the end of the audio was announced."""
        return self._ended

    @property
    def is_over(self) -> bool:
        """Whether the sender has come to the end."""
        return self._end_taken

    @property
    def is_timer_due(self) -> bool:
        """Whether the sender was told of the timer, and has not come to it yet."""
        return self._timer_due

    def offer(self, chunk: bytes) -> bool:
        """Add audio, if that need not wait. `False`: it was not taken, and is to be `put`."""
        if self._waiting >= self._limit or self._puts == _TURN or self._ended:
            return False
        self._puts += 1
        for frame in self._framer.feed(chunk):
            if self._bypass is None or not self._bypass(frame):
                self._append(frame)
        return True

    async def put(self, chunk: bytes) -> bool:
        """
        Add audio; wait while the queue is full. `False`: the audio has ended, and nothing is taken.

        Cancellation is safe: the chunk was taken whole or not at all.
        """
        while not self._ended:
            if self.offer(chunk):
                return True
            if self._puts == _TURN:
                self._puts = 0
                await asyncio.sleep(0)
            else:
                await self._room.wait()
        return False

    def end(self) -> None:
        """No more audio comes: what waits will be sent, then the end."""
        if not self._ended:
            self._flush(whole_samples=False)
            self._ended = True
            self._wake_sender()
            self._room.notify()

    def ring(self) -> None:
        """Tell the sender that the stack's deadline has come."""
        self._timer_due = True
        self._wake_sender()

    async def get(self, bypass: Callable[[Frame], bool] = lambda _: False) -> list[Frame] | Mark:
        """
        Give the next frames, or a mark; wait until there is one. For the sender only.

        A timer's mark comes after all audio that was there before it, down to the last sample. The
        end comes once; after it there are only timers.

        Args:
            bypass: Is offered each frame that comes while the sender waits here and nothing else
                does. If it takes the frame, the sender need not be woken.
        """
        while True:
            if not self._frames and self._timer_due:
                # Silence that follows must not part the two bytes of a sample.
                self._flush(whole_samples=True)
            if self._frames:
                return self._take()
            if self._ended and not self._end_taken:
                self._end_taken = True
                return Mark.END
            if self._timer_due:
                self._timer_due = False
                return Mark.TIMER
            self._bypass = bypass
            try:
                await self._arrival.wait()
            finally:
                self._bypass = None

    def _take(self) -> list[Frame]:
        frames = [self._frames.popleft() for _ in range(min(BATCH, len(self._frames)))]
        self._waiting -= sum(map(len, frames))
        if self._waiting * 2 <= self._limit:  # not for each frame: in batches
            self._room.notify()
        return frames

    def _append(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._waiting += len(frame)
        self._wake_sender()

    def _wake_sender(self) -> None:
        self._bypass = None  # what comes from now on waits behind what it wakes up for
        self._arrival.notify()

    def _flush(self, *, whole_samples: bool) -> None:
        if rest := self._framer.flush(whole_samples=whole_samples):
            self._append(rest)
