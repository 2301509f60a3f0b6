"""Samples without a header, read like an audio file."""

from pathlib import Path
from typing import IO

from paraformer_async.audio._sniffing import guess_container
from paraformer_async.audio.companding import expander
from paraformer_async.audio.hints import shown
from paraformer_async.audio.sections import read_at
from paraformer_async.audio.seekable import status_of
from paraformer_async.errors import AudioError

__all__ = ["RawReader"]

_HEAD = 64  # bytes


class RawReader:
    """
    Reads s16le mono, or the codes of G.711, as s16le mono; see `Reader`.

    Args:
        raw: The open file; it can seek. Closed with the reader.
        path: Its path, for messages.
        rate: Sample rate in Hz.
        encoding: `mulaw`, `alaw`, or `None` for s16le.

    Raises:
        AudioError: It begins with the header of a container, or is empty.
    """

    channels: int = 1
    format: str = "RAW"

    def __init__(self, raw: IO[bytes], path: Path, rate: int, encoding: str | None = None) -> None:
        self.path: str = shown(path)
        self.rate: int = rate
        self.subtype: str = {"mulaw": "ULAW", "alaw": "ALAW"}.get(encoding or "", "PCM_16")
        self.done: int = 0
        self._raw = raw
        self._expand = expander(encoding) if encoding else bytes
        self._width = 1 if encoding else 2
        size = status_of(raw)[0]
        self.frames: int = size // self._width
        self._surplus = size % self._width
        if container := guess_container(read_at(raw, 0, _HEAD)):
            raise AudioError(
                f"{self.path} was declared as {encoding or 'pcm'} and begins as {container}",
                hint="leave format= and encoding= out: the content tells what it is",
            )
        if not self.frames:
            raise AudioError(f"{self.path} contains no audio: it is empty")
        raw.seek(0)

    def read(self, count: int) -> bytes:
        """Return up to *count* samples; none at the end; raise `AudioError` on a changed file."""
        data = self._raw.read(min(count, self.frames - self.done) * self._width)
        if not data and self.done < self.frames:
            raise AudioError(f"{self.path} was cut while it was being read")
        data = data[: len(data) - len(data) % self._width]
        self.done += len(data) // self._width
        return self._expand(data)

    def rewind(self, frame: int) -> None:
        """Read on from a sample; `done` is its position."""
        self.done = min(frame, self.frames)
        self._raw.seek(self.done * self._width)

    def remark(self) -> str:
        """Return what is wrong with the file; empty if nothing is."""
        return "ends within a sample: its last byte is left out" if self._surplus else ""

    def close(self) -> None:
        """Close the file; idempotent."""
        self._raw.close()
