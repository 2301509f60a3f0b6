"""What is sent to a recognition whose audio is decoded first, in order: audio, and marks in it."""

from collections import deque
from collections.abc import AsyncGenerator, Callable

from paraformer_async._client.inbox import Signal
from paraformer_async._client.turns import Turns
from paraformer_async.audio.decoded import Marker
from paraformer_async.errors import UsageError

__all__ = ["Undecoded"]


class Undecoded:
    """
    A queue between the user, who sends encoded audio, and what decodes it.

    Args:
        limit: Bytes of audio beyond which `put` waits.
        is_over: Returns whether the recognition has ended, so that nothing waits any more.

    Attributes:
        turns: The calls that wait.
        is_ended: Whether the end of the audio has been marked.
    """

    def __init__(self, limit: int, is_over: Callable[[], bool]) -> None:
        self.turns: Turns = Turns(lambda: self._size < limit or is_over())
        self.is_ended: bool = False
        self._limit = limit
        self._items: deque[bytes | Marker] = deque()
        self._size = 0
        self._changed = Signal()

    async def put(self, item: bytes | Marker) -> None:
        """
        Add audio or a mark, after all calls that wait; wait while the queue is full.

        Raises:
            UsageError: The end was marked before, by a call that has waited before this one.
        """
        if self.turns.waiting or (isinstance(item, bytes) and self._size >= self._limit):
            await self.turns.wait()
        if self.is_ended:
            self.turns.pass_on()
            raise UsageError("nothing can be sent after finish(), or after the end")
        self._items.append(item)
        self._size += len(item) if isinstance(item, bytes) else 0
        self._changed.notify()
        self.turns.pass_on()

    async def end(self) -> None:
        """Mark the end of the audio. May be called twice."""
        if self.turns.waiting:
            await self.turns.wait()
        self.is_ended = True
        self._changed.notify()
        self.turns.pass_on()

    async def items(self) -> AsyncGenerator[bytes | Marker, None]:
        """Yield what was put, until its end."""
        while self._items or not self.is_ended:
            if not self._items:
                await self._changed.wait()
                continue
            item = self._items.popleft()
            self._size -= len(item) if isinstance(item, bytes) else 0
            self.turns.pass_on()
            yield item
