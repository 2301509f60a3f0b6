"""The way out: audio that waits to be sent, bounded so that back-pressure reaches the user."""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum

from paraformer_async._core.pcm import Framer, Splitter
from paraformer_async._session.signal import Signal

__all__ = ["Frame", "Mark", "Outbox"]

Frame = bytes | memoryview
# A source that is never waited for must let others have their turn after so many chunks.
_TURN = 16


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
        self._bypass: Callable[[Frame], bool] | None = None
        self._arrival = Signal()
        self._room = Signal()

    @property
    def is_ended(self) -> bool:
        """Whether the end of the audio was announced."""
        return self._ended

    @property
    def is_timer_due(self) -> bool:
        """Whether the sender was told of the timer, and has not come to it yet."""
        return self._timer_due

    async def put(self, chunk: bytes) -> None:
        """
        Add audio; wait while the queue is full.

        Cancellation is safe: the chunk was taken whole or not at all. After the end of the audio
        nothing is taken; the caller looks at `is_ended`.
        """
        while self._waiting >= self._limit and not self._ended:
            await self._room.wait()
        if self._ended:
            return
        for frame in self._framer.feed(chunk):
            self._append(frame)
        self._puts += 1
        if self._puts % _TURN == 0:
            await asyncio.sleep(0)

    def end(self) -> None:
        """No more audio comes: what waits will be sent, then the end."""
        if not self._ended:
            self._flush(whole_samples=False)
            self._ended = True
            self._arrival.notify()
            self._room.notify()

    def ring(self) -> None:
        """Tell the sender that the stack's deadline has come."""
        self._timer_due = True
        self._arrival.notify()

    async def get(self, bypass: Callable[[Frame], bool] = lambda _: False) -> Frame | Mark:
        """
        Give the next frame, or a mark; wait until there is one. For the sender only.

        A timer's mark comes after all audio that was there before it, down to the last sample.

        Args:
            bypass: Is offered each frame that comes while the sender waits here and nothing else
                does. If it takes the frame, the sender need not be woken.
        """
        while True:
            if not self._frames and self._timer_due:
                # Silence that follows must not part the two bytes of a sample.
                self._flush(whole_samples=True)
            if self._frames:
                frame = self._frames.popleft()
                self._waiting -= len(frame)
                if self._waiting * 2 <= self._limit:  # not for each frame: in batches
                    self._room.notify()
                return frame
            if self._ended:
                return Mark.END
            if self._timer_due:
                self._timer_due = False
                return Mark.TIMER
            self._bypass = bypass
            try:
                await self._arrival.wait()
            finally:
                self._bypass = None

    def _append(self, frame: Frame) -> None:
        if self._bypass and not self._frames and not self._timer_due and self._bypass(frame):
            return
        self._frames.append(frame)
        self._waiting += len(frame)
        self._arrival.notify()

    def _flush(self, *, whole_samples: bool) -> None:
        if rest := self._framer.flush(whole_samples=whole_samples):
            self._append(rest)
