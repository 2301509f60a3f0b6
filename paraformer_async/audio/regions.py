"""A part of a file on disk, as the file that a decoder reads."""

from typing import IO, Any

__all__ = ["Region"]

_ID3V1 = 128
_BLOCK = 131_072  # bytes that are read at once: decoders ask for a few hundred


class Region:
    """
    The bytes of *file* from *start* to *end*, presented to a decoder as a whole file.

    Attributes:
        failure: The error of the last failed read; libsndfile cannot pass it on.

    Args:
        file: The file, opened for reading.
        start: Position of the first byte.
        end: Position after the last byte.
        patches: Bytes that replace those of the file, by position relative to *start*.
        claim: Length to report, to keep a decoder from deriving the end of the audio from it; the
            true length by default.
    """

    def __init__(
        self,
        file: IO[bytes],
        start: int,
        end: int,
        *,
        patches: tuple[tuple[int, bytes], ...] = (),
        claim: int = 0,
    ) -> None:
        self._file = file
        self._start = start
        self._size = end - start
        self._patches = patches
        self._length = claim or self._size
        self._position = 0
        self._memory = memoryview(b"")
        self._block = self._memory  # what was read into it
        self._block_start = 0
        self.failure: OSError | None = None

    def __repr__(self) -> str:
        return f"<Region from {self._start}>"

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position, which may be beyond the end."""
        self._position = max(0, (0, self._position, self._length)[whence] + offset)
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    @property
    def is_at_end(self) -> bool:
        """Whether all bytes were read."""
        return self._position >= self._size

    def read(self, size: int) -> bytes:
        """Return up to *size* bytes, fewer only at the end; raise `OSError` if that fails."""
        buffer = bytearray(size)
        count = self.readinto(buffer)
        if self.failure:
            raise self.failure
        return bytes(buffer[:count])

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer*; return the number of bytes, which is less only at the end."""
        begin = self._position - self._block_start
        end = begin + len(buffer)
        if begin >= 0 and end <= len(self._block):  # nearly always
            buffer[:] = self._block[begin:end]
            self._position += end - begin
            return end - begin
        view = memoryview(buffer)
        if self._position >= self._size:
            return self._beyond(view)
        view = view[: self._size - self._position]
        if len(view) < _BLOCK and self._read_block(len(view)):
            view[:] = self._block[: len(view)]
            self._position += len(view)
            return len(view)
        done = 0
        try:
            self._file.seek(self._start + self._position)
            while done < len(view) and (count := self._file.readinto(view[done:])):  # type: ignore[attr-defined]
                done += count
            if done < len(view):
                self.failure = OSError("it was cut while it was being read")
        except OSError as error:
            # Its frames hold *buffer*, which is memory of libsndfile. In a cycle of references, the
            # garbage collector would look at it after it was freed, and crash.
            self.failure = error.with_traceback(None)
        self._patch(view[:done])
        self._position += done
        return done

    def _read_block(self, least: int) -> bool:
        """Read the block at the position; return whether it has at least so many bytes."""
        if not self._memory:
            self._memory = memoryview(bytearray(min(_BLOCK, self._size)))
        block = self._memory[: self._size - self._position]
        try:
            self._file.seek(self._start + self._position)
            block = block[: self._file.readinto(block)]  # type: ignore[attr-defined]
        except OSError:
            block = block[:0]
        self._patch(block)
        self._block, self._block_start = block, self._position
        return len(block) >= least

    def _beyond(self, view: memoryview) -> int:
        is_tag_probe = self._length - _ID3V1 <= self._position < self._length
        if not is_tag_probe or self._length == self._size or len(view) != _ID3V1:
            return 0
        view[:] = bytes(_ID3V1)  # mpg123 fails if it cannot look for a tag at the end
        self._position += _ID3V1
        return _ID3V1

    def _patch(self, view: memoryview) -> None:
        for position, data in self._patches:
            for place, byte in enumerate(data, position - self._position):
                if 0 <= place < len(view):
                    view[place : place + 1] = bytes((byte,))
