"""Read a file on by FFmpeg where libsndfile finds it damaged, or from its begin if it has gaps."""

from collections.abc import Callable
from contextlib import suppress

from paraformer_async.audio.ffmpeg import FfmpegReader
from paraformer_async.audio.reading import FileReader
from paraformer_async.audio.resampling import ResamplingReader
from paraformer_async.errors import AudioError, MissingExtraError

__all__ = ["RecoveringReader"]


class RecoveringReader:
    """
    Reads a compressed file as *reader* does, and by FFmpeg what follows damage; see `Reader`.

    libsndfile also gives up where nothing is damaged: at a gap in the timestamps of Opus.

    Args:
        reader: Reads the file by libsndfile. Closed with this one.
        make_other: Returns a reader by FFmpeg of the same open file, at its beginning.
    """

    def __init__(self, reader: FileReader, make_other: Callable[[], FfmpegReader]) -> None:
        self.path: str = reader.path
        self.rate: int = reader.rate
        self.channels: int = reader.channels
        self.lanes: int = reader.lanes
        self.format: str = reader.format
        self.subtype: str = reader.subtype
        self.frames: int = reader.frames
        self.done: int = 0
        self._first = reader
        self._make_other = make_other
        self._other: FfmpegReader | ResamplingReader | None = None
        self._intact: int | None = None  # samples before the damage, once it was met
        if reader.has_gaps:  # libsndfile joins what is before and behind one
            with suppress(AudioError, MissingExtraError):
                self._at_beginning()
                self._intact = 0

    def read(self, count: int) -> bytes:
        """Return up to *count* samples; none at the end; raise `AudioError` on damage."""
        if self._intact is not None:
            pcm = self._other.read(count) if self._other else b""
        else:
            try:
                pcm = self._first.read(count)
            except AudioError as error:
                if isinstance(error.__cause__, OSError) or not (pcm := self._read_on(count)):
                    raise
        self.done += len(pcm) // (2 * self.lanes)
        return pcm

    def rewind(self, frame: int) -> None:
        """Read on from a sample at or before *frame*; raise `AudioError` on a changed file."""
        if self._intact == 0 and self._other is not None:
            self._other.rewind(0)
            self.done = 0
            return
        self._intact = None
        self._first.rewind(frame)
        self.done = self._first.done

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        if self._intact is None or self._other is None:
            return self._first.remarks()
        if not self._intact:
            return self._other.remarks()
        where = self._intact / self.rate
        remark = f"cannot be decoded by libsndfile after {where:.2f} s: FFmpeg has read the rest"
        return (remark, *self._other.remarks())

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._other is not None:
            self._other.close()
        self._first.close()

    def _read_on(self, count: int) -> bytes:
        """Return samples after damage; none if FFmpeg cannot read them, or is not installed."""
        try:
            other = self._at_beginning()
            left = self.done
            while left and (passed := other.read(min(left, self.rate))):
                left -= len(passed) // (2 * self.lanes)
            pcm = other.read(count)
        except (AudioError, MissingExtraError):
            return b""
        if pcm:
            self._intact = self.done
        return pcm

    def _at_beginning(self) -> FfmpegReader | ResamplingReader:
        if self._other is None:
            other = self._make_other()
            self._other = other if other.rate == self.rate else ResamplingReader(other, self.rate)
        else:
            self._other.rewind(0)
        return self._other
