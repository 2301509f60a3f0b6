"""Read audio files, from their first byte to their last; blocks, so it runs in worker threads."""

from pathlib import Path
from typing import IO, Literal

from paraformer_async.audio.containers.sections import Scan, Section, ends_early
from paraformer_async.audio.decoding.mixing import Downmix, Interleave, Mixer
from paraformer_async.audio.decoding.offset import offsets
from paraformer_async.audio.decoding.samples import native_dtype
from paraformer_async.audio.decoding.scale import full_scale
from paraformer_async.audio.hints import shown
from paraformer_async.audio.opening import scan_file
from paraformer_async.audio.section_reader import SectionReader
from paraformer_async.audio.seekable import status_of
from paraformer_async.errors import AudioError

__all__ = ["FileReader"]

_LARGEST = 1 << 21  # samples of all channels in a read, whatever rate a damaged header declares
_EXACT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_EXACT_FORMATS = ("WAV", "WAVEX", "RF64", "AIFF", "AU")
_UNBOUNDED = ("FLOAT", "DOUBLE")  # encodings whose samples may have another scale
_MAX_PADDING = 8192  # samples, in the last block of ADPCM and GSM
_TOLERANCE = 0.1  # seconds; codecs delay, and declare what they cut off at the end


class FileReader:
    """
    Decodes a file to s16le, section after section. Used by one thread at a time.

    Attributes:
        path: The file, for messages.
        rate: Sample rate in Hz.
        channels: Number of channels in the file.
        lanes: Number of interleaved channels in what it returns.
        format: Container as named by libsndfile.
        subtype: Encoding as named by libsndfile.
        frames: Number of samples declared; 0 if unknown.
        done: Number of samples before the current position.
        has_gaps: Whether its times leave out what its samples do not contain.

    Args:
        raw: The open file, or a copy of it; it can seek. Closed with the reader.
        path: Its path, for messages.
        is_mixed: Whether the channels are mixed to one.

    Raises:
        OSError: The file cannot be read.
        LibsndfileError: The file cannot be decoded by libsndfile.
        AudioError: The file contains no audio, or changes its format.
    """

    def __init__(self, raw: IO[bytes], path: Path, *, is_mixed: bool = True) -> None:
        self.path: str = shown(path)
        self._path = path
        self._raw = raw
        self._is_mixed = is_mixed
        self._damage: Exception | None = None
        self._buffer = bytearray()  # a new one for each read would cost as much as a conversion
        self.done: int = 0
        self._status = status_of(raw)
        scan = scan_file(raw, path)
        self._remark = scan.remark
        self._kept = scan.kept
        self._is_counted = scan.declared is not None
        self.has_gaps: bool = scan.has_gaps
        self._sections = self._usable(scan.sections)
        self._begin()
        self.frames: int = self._declared_frames(scan)
        padding = self._section.sound.frames - scan.samples
        self._end = scan.samples if scan.samples and 0 <= padding < _MAX_PADDING else None
        self.frames = self._end or self.frames
        if self._section.sound.frames == 0:
            why = self._remark or "has a header but no samples"
            raise AudioError(f"{self.path} contains no audio: it {why}")

    def read(self, count: int) -> bytes:
        """
        Return up to *count* samples, fewer only at a boundary; none at the end.

        Raises:
            AudioError: The file is damaged here, or cannot be read on. What is intact before that
                is returned first.
        """
        parts: list[bytes] = []
        left = count if self._end is None else min(count, self._end - self.done)
        while left and not self._damage:
            pcm = self._read_block(min(left, _LARGEST // self.channels))
            if pcm:
                parts.append(pcm)
                left -= len(pcm) // self._width
            elif not self._damage:
                if self._number + 1 == len(self._sections):
                    break
                self._section.close()
                self._start(self._number + 1)
        pcm = b"".join(parts)
        if self._damage and not pcm:
            raise self._failed(self._damage)
        self.done += len(pcm) // self._width
        return pcm

    def rewind(self, frame: int) -> None:
        """
        Read on from a sample at or before *frame*; `done` is its position.

        Raises:
            AudioError: The file has changed since it was opened.
        """
        (size, changed), (old_size, old_changed) = status_of(self._raw), self._status
        if size < old_size or (size == old_size and changed != old_changed):
            raise AudioError(f"{self.path} has changed while it was being read")
        self._damage = None
        self.done = 0
        self._section.close()
        self._begin()
        # A mix depends on the blocks: the same ones give the same samples.
        if len(self._sections) == 1 and self._is_exact() and self.lanes == self.channels:
            self.done = min(frame, self._section.frames)
            self._section.seek(self.done)

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        declared, contained = self.frames / self.rate, self.done / self.rate
        remark = self._remark
        if 0 < self._kept < 1:
            remark = ends_early(contained / self._kept, contained)
        elif self.has_gaps:
            remark = (
                "has gaps between its packets, which only the extra av keeps: later times are early"
            )
        elif not self._is_counted and (missing := declared - contained) > _TOLERANCE:
            early = ends_early(declared, contained)
            remark = f"{remark}: {missing:.2f} s of audio are missing" if remark else early
        scale = ""
        if self._full_scale != 1.0:
            scale = f"has float samples beyond 1.0: they were divided by {self._full_scale:.0f}"
        middle = ""
        if self._middle:
            largest = max(map(abs, self._middle)) / self._full_scale
            middle = (
                f"has samples around {largest:.2f} of full scale instead of 0: that was removed"
            )
        return tuple(filter(None, (remark, scale, middle, self._mixer.remark())))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._section.close()
        self._raw.close()

    def _usable(self, sections: tuple[Section, ...]) -> list[Section]:
        """Return the sections that can be decoded; they must be of one kind."""
        import soundfile

        self._full_scale = 1.0
        self._offsets: list[float] = []
        usable: list[Section] = []
        kinds: dict[tuple[int, int], None] = {}  # in their order
        for section in sections:
            try:
                with SectionReader(self._raw, section) as opened:
                    sound = opened.sound
                    kinds[sound.samplerate, sound.channels] = None
                    if sound.subtype in _UNBOUNDED:
                        self._full_scale = max(self._full_scale, full_scale(sound))
                        sound.seek(0)
                    if not usable and sound.subtype.startswith(_EXACT):
                        self._offsets = offsets(sound, native_dtype(sound.subtype))
            except soundfile.LibsndfileError:
                if not usable:
                    raise
                self._remark = self._remark or "has a part that cannot be decoded"
                continue
            usable.append(section)
        if len(kinds) > 1:
            found = " and ".join(f"{rate} Hz with {count} channel(s)" for rate, count in kinds)
            raise AudioError(
                f"{self.path} changes its format in the middle: it has {found}",
                hint="split it where its format changes, and pass the parts one by one",
            )
        return usable

    def _begin(self) -> None:
        """Go to the beginning of the first section."""
        self._start(0)
        self._mixer: Mixer = Downmix() if self._is_mixed else Interleave()
        self.lanes: int = 1 if self._is_mixed else self.channels
        self._width = 2 * self.lanes

    def _start(self, number: int) -> None:
        """Go to the beginning of a section."""
        self._number = number
        self._section = SectionReader(self._raw, self._sections[number])
        sound = self._section.sound
        self.rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.format: str = sound.format
        self.subtype: str = sound.subtype
        self._dtype: Literal["int16", "float32"] = native_dtype(self.subtype)
        self._middle = [one if self._dtype == "float32" else one / 32768 for one in self._offsets]
        if self._middle:
            self._dtype = "float32"

    def _declared_frames(self, scan: Scan) -> int:
        if scan.declared is not None:
            return round(scan.declared * self.rate)
        return self._section.frames if len(scan.sections) == 1 else 0

    def _is_exact(self) -> bool:
        return self.format in _EXACT_FORMATS and self.subtype.startswith(_EXACT)

    def _read_block(self, left: int) -> bytes:
        width = (4 if self._dtype == "float32" else 2) * self.channels
        if len(self._buffer) < left * width:
            self._buffer = bytearray(left * width)
        view = memoryview(self._buffer)[: left * width]
        samples = view[: self._section.read_into(view, self._dtype) * width]
        self._damage = self._section.damage
        if self._section.is_cut and not self.frames:
            self._remark = "was cut off in its last frame"
        is_done = self._dtype == "int16" and self.lanes == self.channels
        return bytes(samples) if is_done or not samples else self._mixed(samples)

    def _mixed(self, samples: memoryview) -> bytes:
        import numpy as np

        block = np.frombuffer(samples, self._dtype).reshape(-1, self.channels)
        if self._middle:
            block = block - np.array(self._middle, np.float32)
        if self._full_scale != 1.0:
            block = block / np.float32(self._full_scale)
        return self._mixer.mix(block, self.rate)

    def _failed(self, damage: Exception) -> AudioError:
        where = f"after {self.done / self.rate:.2f} s"
        if isinstance(damage, OSError):
            error = AudioError(f"{self.path} cannot be read {where}: {damage.strerror or damage}")
        else:
            of = f" of {self.frames / self.rate:.2f} s" if self.frames else ""
            error = AudioError(f"{self.path} is damaged {where}{of} of audio")
        error.__cause__ = damage
        return error
