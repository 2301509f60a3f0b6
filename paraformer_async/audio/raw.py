"""Samples without a header, read like an audio file."""

from pathlib import Path
from typing import IO

from paraformer_async.audio.companding import expander
from paraformer_async.audio.containers.sections import read_at
from paraformer_async.audio.containers.sniffing import begins_as
from paraformer_async.audio.decoding.mixing import Downmix
from paraformer_async.audio.given import Samples
from paraformer_async.audio.hints import shown
from paraformer_async.audio.seekable import status_of
from paraformer_async.errors import AudioError

__all__ = ["RawReader"]

_HEAD = 64  # bytes


class RawReader:
    """
    Reads s16le, or the codes of G.711, as s16le; see `Reader`.

    Args:
        raw: The open file; it can seek. Closed with the reader.
        path: Its path, for messages.
        samples: What is in it.
        is_mixed: Whether the channels are mixed to one.

    Raises:
        AudioError: It begins with the header of a container, or is empty.
    """

    format: str = "RAW"

    def __init__(
        self, raw: IO[bytes], path: Path, samples: Samples, *, is_mixed: bool = True
    ) -> None:
        encoding = samples.encoding
        self.path: str = shown(path)
        self.rate: int = samples.sample_rate
        self.channels: int = samples.channels
        self.lanes: int = 1 if is_mixed else self.channels
        self.subtype: str = {"mulaw": "ULAW", "alaw": "ALAW"}.get(encoding or "", "PCM_16")
        self.done: int = 0
        self._raw = raw
        self._expand = expander(encoding) if encoding else bytes
        self._width = (1 if encoding else 2) * self.channels
        self._mixer: Downmix | None = Downmix() if self.lanes < self.channels else None
        size = status_of(raw)[0]
        self.frames: int = size // self._width
        self._surplus = size % self._width
        if container := begins_as(read_at(raw, 0, _HEAD)):
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
        return self._mixed(self._expand(data))

    def _mixed(self, pcm: bytes) -> bytes:
        if self._mixer is None or not pcm:
            return pcm
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").reshape(-1, self.channels)
        return self._mixer.mix(samples, self.rate)

    def rewind(self, frame: int) -> None:
        """Read on from a sample at or before *frame*; `done` is its position."""
        # A mix depends on the blocks: the same ones give the same samples.
        self.done = 0 if self._mixer else min(frame, self.frames)
        self._raw.seek(self.done * self._width)

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the samples."""
        cut = "ends within a sample: its last byte is left out" if self._surplus else ""
        return tuple(filter(None, (cut, self._mixer.remark() if self._mixer else "")))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._raw.close()
