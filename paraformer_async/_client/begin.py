"""When the audio of several sources began, on one timeline."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from paraformer_async.audio.source import Chunks

__all__ = ["Begin", "Start"]


class Start:
    """
    The beginning of a timeline: when the first of several sources began.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None

    def elapsed(self) -> int:
        """Return the ms since the first call, which begins the timeline."""
        now = self._clock()
        if self._began is None:
            self._began = now
        return round((now - self._began) * 1000)


class Begin:
    """
    When the audio of one source began.

    Args:
        start: The beginning of the timeline.

    Attributes:
        ms: From the beginning of the timeline; 0 until the audio has begun.
    """

    def __init__(self, start: Start) -> None:
        self.ms: int = 0
        self._start = start

    def noted(self, source: Chunks) -> Chunks:
        """Return the same audio; when the first of it comes, `ms` is set."""
        return Chunks(self._note(source))

    async def _note(self, source: Chunks) -> AsyncGenerator[Any, None]:
        is_first = True
        async with aclosing(source):
            async for chunk in source:
                if is_first:
                    self.ms = self._start.elapsed()
                    is_first = False
                yield chunk
