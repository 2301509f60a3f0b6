"""The way out: audio that waits to be sent, bounded so that back-pressure reaches the user."""

from collections import deque
from enum import Enum

import anyio

from paraformer_async._core.pcm import Framer, Splitter

__all__ = ["Mark", "Outbox"]


class Mark(Enum):
    """What the sender meets in the outbox beside frames of audio."""

    TIMER = "the stack's deadline has come"
    END = "no more audio comes"


class Outbox:
    """
    A queue of audio frames between the user and the sender.

    Args:
        framer: Cuts the user's chunks into frames.
        limit: Bytes that may wait. A chunk is taken whole as soon as less than that waits.
    """

    def __init__(self, framer: Framer | Splitter, limit: int) -> None:
        self._framer = framer
        self._limit = limit
        self._frames: deque[bytes | memoryview] = deque()
        self._waiting = 0
        self._timer_due = False
        self._ended = False
        self._arrival: anyio.Event | None = None
        self._room: anyio.Event | None = None

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
            self._room = self._room or anyio.Event()
            await self._room.wait()
        if self._ended:
            return
        for frame in self._framer.feed(chunk):
            self._append(frame)

    def end(self) -> None:
        """No more audio comes: what waits will be sent, then the end."""
        if not self._ended:
            self._flush()
            self._ended = True
            self._wake_sender()
            self._wake_user()

    def ring(self) -> None:
        """Tell the sender that the stack's deadline has come."""
        self._timer_due = True
        self._wake_sender()

    async def get(self) -> bytes | memoryview | Mark:
        """
        Give the next frame, or a mark; wait until there is one. For the sender only.

        A timer's mark comes after all audio that was there before it, down to the last byte.
        """
        while True:
            if not self._frames and self._timer_due:
                self._flush()
            if self._frames:
                frame = self._frames.popleft()
                self._waiting -= len(frame)
                self._wake_user()
                return frame
            if self._ended:
                return Mark.END
            if self._timer_due:
                self._timer_due = False
                return Mark.TIMER
            self._arrival = anyio.Event()
            await self._arrival.wait()

    def _append(self, frame: bytes | memoryview) -> None:
        self._frames.append(frame)
        self._waiting += len(frame)
        self._wake_sender()

    def _flush(self) -> None:
        if rest := self._framer.flush():
            self._append(rest)

    def _wake_sender(self) -> None:
        if self._arrival:
            self._arrival.set()
            self._arrival = None

    def _wake_user(self) -> None:
        if self._room and (self._waiting < self._limit or self._ended):
            self._room.set()
            self._room = None
