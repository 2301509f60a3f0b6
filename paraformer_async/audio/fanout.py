"""
One source, read once, for several recognitions: each receives its channel.

    source ─run─→ divider ─┬─→ part 0
                           └─→ part 1

Memory is bounded: while a part has too much that was not taken, the source waits, and with it the
other parts. A part that has to be read again, after a drop, leaves: it reads the source once more
by itself, from where that is necessary, and holds nothing back any longer.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from paraformer_async.audio.channels import Divider
from paraformer_async.audio.source import Chunks

__all__ = ["Fanout"]

_ENOUGH = 1 << 16  # bytes of a part that may wait, and of a chunk that is divided at once


class Fanout:
    """
    Reads a source of several channels in one pass.

    Args:
        source: The audio, as bytes.
        take: Returns a chunk of the source as bytes, or raises.
        make_divider: Returns a new divider.

    Attributes:
        parts: The audio of each part.
    """

    def __init__(
        self,
        source: Chunks,
        take: Callable[[object], bytes],
        make_divider: Callable[[], Divider],
    ) -> None:
        self._source = source
        self._take = take
        self._make_divider = make_divider
        self._divider = make_divider()
        self._taken = asyncio.Event()
        self._branches = [_Branch(self._taken) for _ in self._divider.labels]
        rewound = source.rewound
        self.parts: tuple[Chunks, ...] = tuple(
            Chunks(branch.pieces(), rewound and partial(self._again, rewound, part))
            for part, branch in enumerate(self._branches)
        )

    async def run(self) -> None:
        """
        Read the source to its end, or until no part needs it; then the parts end.

        Raises:
            AudioError: The source is not of its declared format.
            BaseException: Any exception of the source.
        """
        async with aclosing(self._source) as source:
            async for chunk in source:
                for piece in _sliced(self._take(chunk)):
                    await self._put(self._divider.feed(piece))
                if not any(branch.is_used for branch in self._branches):
                    return
        self._divider.end()
        for branch in self._branches:
            branch.end()

    async def _put(self, parts: list[bytes]) -> None:
        for branch, part in zip(self._branches, parts, strict=True):
            branch.put(part)
        while any(branch.is_full for branch in self._branches):
            self._taken.clear()
            await self._taken.wait()

    def _again(self, rewound: Callable[[int], Chunks], part: int, position: int) -> Chunks:
        """Return one part, from a position in it, by another pass over the source."""
        pieces = self._read_again(rewound, part, position)
        return Chunks(pieces, partial(self._again, rewound, part))

    async def _read_again(
        self, rewound: Callable[[int], Chunks], part: int, position: int
    ) -> AsyncGenerator[bytes, None]:
        divider = self._make_divider()
        origin, skip = divider.origin(position)
        async with aclosing(rewound(origin)) as source:
            async for chunk in source:
                for piece in _sliced(self._take(chunk)):
                    audio = divider.feed(piece)[part]
                    if skip < len(audio):
                        yield audio[skip:] if skip else audio
                    skip = max(0, skip - len(audio))


class _Branch:
    """What one part has not taken yet."""

    def __init__(self, taken: asyncio.Event) -> None:
        self.is_used: bool = True
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._is_ended = False
        self._arrived = asyncio.Event()
        self._taken = taken  # set when there may be room

    @property
    def is_full(self) -> bool:
        return self._size >= _ENOUGH

    def put(self, piece: bytes) -> None:
        if piece and self.is_used:
            self._waiting.append(piece)
            self._size += len(piece)
            self._arrived.set()

    def end(self) -> None:
        self._is_ended = True
        self._arrived.set()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield what is put, until the end; closing it early leaves it."""
        try:
            while True:
                while self._waiting:
                    piece = self._waiting.popleft()
                    self._size -= len(piece)
                    self._taken.set()
                    yield piece
                if self._is_ended:
                    return
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self.is_used = False
            self._waiting.clear()
            self._size = 0
            self._taken.set()


def _sliced(chunk: bytes) -> list[bytes]:
    """Return a chunk in pieces whose division takes little time and memory."""
    if len(chunk) <= _ENOUGH:
        return [chunk]
    return [chunk[start : start + _ENOUGH] for start in range(0, len(chunk), _ENOUGH)]
