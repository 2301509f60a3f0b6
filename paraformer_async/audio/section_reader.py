"""
A section of a file, decoded by libsndfile: in large steps, and in small ones where it is damaged.

libsndfile does not report how much it read before it met damage, and not why a file cannot be read
on. So what fails is read once more: in small steps, which bound what is lost, and by `Region`,
which knows the error. All else is read as fast as possible: by libsndfile itself, if it can.
"""

from typing import IO, TYPE_CHECKING, Any, Literal, Self

from paraformer_async.audio.containers.sections import Section
from paraformer_async.audio.decoding.samples import open_sequential
from paraformer_async.audio.plain import PlainSound
from paraformer_async.audio.regions import Region
from paraformer_async.audio.seekable import descriptor_of, status_of

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = ["SectionReader"]

_STEP = 1024  # samples; a read costs as much as a thousand of them
_UNKNOWN_LENGTH = 1 << 38  # samples: more than any file holds


class SectionReader:
    """
    Decodes one section from its beginning to its end. Used by one thread at a time.

    Args:
        raw: The open file. It stays open.
        section: A part of it.

    Attributes:
        sound: The decoder.
        damage: Why it could not be read on; `None` if it could.
        is_cut: Whether its last frame was cut off.

    Raises:
        LibsndfileError: It cannot be decoded by libsndfile.
    """

    def __init__(self, raw: IO[bytes], section: Section) -> None:
        self.damage: Exception | None = None
        self.is_cut: bool = False
        self._raw = raw
        self._section = section
        self._is_careful = self._is_direct = False
        self._position = 0  # in samples
        self._error: Exception | None = None
        self.sound: Any = self._open()  # soundfile does not declare all of its types

    @property
    def frames(self) -> int:
        """The declared number of samples; 0 if it is unknown."""
        frames: int = self.sound.frames
        return frames if frames < _UNKNOWN_LENGTH else 0

    def read_into(self, buffer: memoryview, dtype: Literal["int16", "float32"]) -> int:
        """Fill *buffer*; return the samples of each channel, fewer only at the end or at damage."""
        width = (4 if dtype == "float32" else 2) * self.sound.channels
        if self.frames:  # libsndfile would look for the rest in what follows the audio: in tags
            buffer = buffer[: max(0, self.frames - self._position) * width]
        count: int = self._fill(buffer, dtype, len(buffer)) // width
        if not self._is_careful and (self._error or self._ends_early(count, len(buffer) // width)):
            self._return_to(self._position, buffer, dtype)
            count = self._fill(buffer, dtype, _STEP * width) // width
        self._position += count
        self.is_cut = self._error is not None and self._region.is_at_end
        self.damage = None if self.is_cut else self._error or self._region.failure
        return count

    def seek(self, frame: int) -> None:
        """Read on from a sample, of uncompressed ones."""
        self.sound.seek(frame)
        self._position = frame

    def close(self) -> None:
        """Close the decoder; idempotent."""
        self.sound.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> "SoundFile | PlainSound":
        section = self._section
        self._region = Region(
            self._raw, section.start, section.end, patches=section.patches, claim=section.claim
        )
        if section.pcm:
            return PlainSound(self._region, section.pcm)
        is_whole = section == Section(0, status_of(self._raw)[0])
        descriptor = descriptor_of(self._raw) if is_whole and not self._is_careful else None
        self._is_direct = descriptor is not None
        return open_sequential(self._region if descriptor is None else descriptor)

    def _fill(self, buffer: memoryview, dtype: Literal["int16", "float32"], step: int) -> int:
        """Fill *buffer*, *step* bytes at a time; return the number of bytes."""
        from soundfile import LibsndfileError

        width = (4 if dtype == "float32" else 2) * self.sound.channels
        size = 0
        try:
            while size < len(buffer):
                count = self.sound.buffer_read_into(buffer[size : size + step], dtype)
                size += count * width
                if not count:
                    break
        except LibsndfileError as error:
            # Its frames hold buffers of libsndfile: to collect such a cycle can crash.
            self._error = error.with_traceback(None)
        return size

    def _ends_early(self, count: int, wanted: int) -> bool:
        """Whether libsndfile has read less than there should be, and cannot tell why."""
        return self._is_direct and count < wanted and self._position + count < self.frames

    def _return_to(
        self, position: int, buffer: memoryview, dtype: Literal["int16", "float32"]
    ) -> None:
        """Begin anew, and read up to *position*, by way of *buffer*."""
        self.sound.close()
        self._is_careful = True
        self._position, self._error = 0, None
        self.sound = self._open()
        width = (4 if dtype == "float32" else 2) * self.sound.channels
        while self._position < position and self._error is None:
            size = min(len(buffer), (position - self._position) * width)
            count = self._fill(buffer[:size], dtype, size) // width
            if not count:
                break
            self._position += count
