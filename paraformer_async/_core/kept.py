"""The end of the audio, kept to be sent again: the user's, and the silence injected into it."""

from collections import deque
from collections.abc import Iterator

from paraformer_async._core.gaps import Data, between, cut, packet_at
from paraformer_async._core.messages import Audio

__all__ = ["Kept"]


class Kept:
    """
    Audio from a position on, as it was sent.

    Attributes:
        begin: The position, in bytes of the user's audio.
        pieces: The audio. `Ledger.record` adds to it, and to `size`: it is called for each frame.
        silence: Bytes of it that are injected.
        size: Bytes of it.
    """

    __slots__ = ("begin", "pieces", "silence", "size")

    def __init__(self) -> None:
        self.pieces: deque[Audio] = deque()
        self.begin = self.size = self.silence = 0

    def before(self, position: int) -> Iterator[Data]:
        """Yield what the user sent before *position*, without what was injected."""
        return between(self.begin, position, self._given(), self.begin)

    def packet_at(self, position: int) -> int:
        """Return where the packet begins in which *position* lies; itself if it lies elsewhere."""
        return packet_at(position, self._given(), self.begin)

    def release_before(self, position: int) -> None:
        """Drop what was sent before *position*."""
        pieces, begin = self.pieces, self.begin
        while pieces and begin < position:
            first = pieces.popleft()
            if first.injected:
                self.size -= len(first.data)
                self.silence -= len(first.data)
                continue
            end = begin + len(first.data)
            if end > position:
                pieces.appendleft(Audio(cut(first.data, position - begin)))
                end = position
            begin = end
        self.size -= begin - self.begin
        self.begin = begin

    def drop_first(self) -> None:
        """Drop the first piece."""
        audio = self.pieces.popleft()
        size = len(audio.data)
        self.size -= size
        if audio.injected:
            self.silence -= size
        else:
            self.begin += size

    def drop_silence(self) -> None:
        """Drop the injected silence before all else."""
        while self.pieces and self.pieces[0].injected:
            self.drop_first()

    def clear(self, begin: int) -> None:
        """Drop everything, and begin again at *begin*."""
        self.pieces.clear()
        self.size = self.silence = 0
        self.begin = begin

    def _given(self) -> Iterator[Data]:
        return (audio.data for audio in self.pieces if not audio.injected)
