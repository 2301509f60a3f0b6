"""
Read the files that libsndfile cannot, by the libraries of FFmpeg, with PyAV (extra `av`).

The demuxer is chosen from the first bytes, and reads from an open file: no playlist is followed,
and no other file or address is opened, whatever a file claims to be.
"""

from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from paraformer_async.audio.containers.sections import (
    Scan,
    Section,
    begins_within_frame,
    ends_early,
    scan_whole,
)
from paraformer_async.audio.containers.sniffing import Guess
from paraformer_async.audio.decoding.mixing import Downmix, Interleave, Mixer
from paraformer_async.audio.decoding.pyav import to_pcm
from paraformer_async.audio.decoding.timing import TOLERANCE
from paraformer_async.audio.hints import shown
from paraformer_async.audio.opening import scan_file, undecodable
from paraformer_async.audio.protection import (
    has_whole_index,
    require_playable,
    without_index,
)
from paraformer_async.audio.regions import Region
from paraformer_async.audio.seekable import status_of
from paraformer_async.audio.track import Track
from paraformer_async.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av import AudioFrame

__all__ = ["FfmpegReader"]

_UNSCANNED = ("mp3", "flac")  # FFmpeg finds the frames of all files in a row, as in "ogg"
# Containers of samples, or of packets the last of which is padded: their bytes tell their length.
_PROPORTIONAL = ("caf", "wav")


class FfmpegReader:
    """
    Decodes a file to s16le. Used by one thread at a time.

    Its samples are at the times of their packets, counted from where the file begins, with sound or
    picture: gaps are silence. Packets that cannot be decoded are skipped. `remarks` says how much
    audio that was.

    Attributes:
        path: The file, for messages.
        rate: Sample rate in Hz: that of the first samples, which may not be the declared one.
        channels: Number of channels in the file.
        lanes: Number of interleaved channels in what it returns.
        format: Container.
        subtype: Codec and its profile.
        frames: Number of samples declared; 0 if unknown.
        done: Number of samples before the current position.

    Args:
        raw: The open file; it can seek. Closed with the reader.
        path: Its path, for messages.
        guess: What the file looks like.
        is_mixed: Whether the channels are mixed to one.

    Raises:
        MissingExtraError: PyAV is not installed.
        AudioError: The file cannot be decoded, or contains no audio.
    """

    def __init__(self, raw: IO[bytes], path: Path, guess: Guess, *, is_mixed: bool = True) -> None:
        self.path: str = shown(path)
        self._path = path
        self._raw = raw
        self._guess = guess
        self._is_mixed = is_mixed
        self._failure: OSError | None = None
        self._status = status_of(raw)
        require_playable(raw, path, guess.demuxer)
        self._scan = self._scanned()
        first = self._start()
        self.rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        self.format: str = self._guess.name
        track = self._tracks[-1]  # the first one with audio
        self.subtype: str = track.codec
        is_one = len(self._scan.sections) == 1
        self.frames: int = round(track.declared * self.rate) if is_one else 0

    def read(self, count: int) -> bytes:
        """
        Return up to *count* samples, fewer only at the end; none there.

        Raises:
            AudioError: The file cannot be read on. What was read before that is returned first.
        """
        size = self._width * count
        try:
            while len(self._left) < size and (more := next(self._pcm, None)) is not None:
                self._left += more
        except OSError as error:
            self._failure = error.with_traceback(None)
        if self._failure and not self._left:
            raise self._failed(self._failure)
        pcm = bytes(self._left[:size])
        del self._left[:size]
        self.done += len(pcm) // self._width
        return pcm

    def rewind(self, frame: int) -> None:
        """
        Read on from a sample at or before *frame*; `done` is its position.

        Raises:
            AudioError: The file has changed since it was opened.
        """
        if status_of(self._raw) != self._status:
            raise AudioError(f"{self.path} has changed while it was being read")
        self._tracks[-1].close()
        self._start()

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        tracks, scan = self._tracks, self._scan
        contained = self.done / self.rate
        missing = self._missing(contained)
        remarks = [*{track.remark: None for track in tracks}, self._mixer.remark()]
        if self._guess.cut:
            remarks.append(begins_within_frame(self._guess.cut))
        if missing > TOLERANCE:
            remarks.append(ends_early(contained + missing, contained))
        elif scan.remark:
            remarks.append(scan.remark)
        elif tracks[-1].is_cut or (scan.kept < 1 and not tracks[-1].declared):
            remarks.append("was cut off in its last packet")
        if self._has_undecodable:
            remarks.append("has a part that cannot be decoded")
        if lost := sum(track.lost for track in tracks):
            remarks.append(f"is damaged: {lost:.2f} s of audio could not be decoded")
        if gaps := sum(track.gaps for track in tracks):
            remarks.append(f"has gaps between its packets: {gaps:.2f} s of silence are in them")
        if left_out := sum(track.timing.unfilled for track in tracks):
            remarks.append(f"has a gap of {left_out:.0f} s, which was left out")
        return tuple(filter(None, remarks))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._tracks[-1].close()
        self._raw.close()

    def _scanned(self) -> Scan:
        """Return the files in the file, if they are not read as one."""
        size = self._status[0]
        if self._guess.demuxer in _UNSCANNED:
            return scan_whole(self._raw, size)
        return scan_file(self._raw, self._path)

    def _missing(self, contained: float) -> float:
        """Return the seconds of audio that the file declares and does not contain."""
        if self._guess.demuxer in _PROPORTIONAL:
            return contained / self._scan.kept - contained if self._scan.kept else 0.0
        missing = sum(track.missing for track in self._tracks)
        declared = self._scan.declared if self._scan.kept < 1 else None
        return max(missing, (declared or 0.0) - contained)

    def _start(self) -> "AudioFrame":
        """Go to the beginning; return the first frame."""
        self._tracks: list[Track] = []
        self._mixer: Mixer = Downmix() if self._is_mixed else Interleave()
        self._left = bytearray()
        self.done: int = 0
        self._failure = None
        self._has_undecodable = False
        frames = self._frames()
        first = next(frames, None)
        if first is None:
            self._tracks[-1].close()
            raise self._explained(undecodable(self._raw, self._path, is_tried=True))
        self.lanes: int = 1 if self._is_mixed else first.layout.nb_channels
        self._width = 2 * self.lanes
        self._pcm = to_pcm(chain((first,), frames), first.sample_rate, self._mixer, self.lanes)
        return first

    def _frames(self) -> "Iterator[AudioFrame]":
        """Yield the frames of all files in the file."""
        try:
            from av.error import FFmpegError
        except ImportError as error:
            raise MissingExtraError(f"decoding {self.path} ({self._guess.name})", "av") from error
        failure: AudioError | None = None
        for section in self._scan.sections:
            try:
                track = self._track(section)
            except (FFmpegError, ValueError) as error:
                failure = undecodable(self._raw, self._path, is_tried=True)
                failure.__cause__ = error
                self._has_undecodable = True
                continue
            except LookupError:
                failure = failure or self._without_audio()
                continue
            self._tracks.append(track)
            yield from track.frames()
            track.close()
        if failure and not self._tracks:
            raise self._explained(failure)

    def _track(self, section: Section) -> Track:
        is_whole = section == Section(0, self._status[0])
        file: object = self._raw
        if not is_whole:
            file = Region(self._raw, section.start, section.end, patches=section.patches)
        is_shortened = self._scan.kept < 1
        return Track(cast("IO[bytes]", file), self._guess.demuxer, is_shortened=is_shortened)

    def _explained(self, error: AudioError) -> AudioError:
        """Return *error*, or what explains it: an index that was cut off."""
        is_cut = self._guess.demuxer == "mov" and not has_whole_index(self._raw)
        return without_index(self._path) if is_cut else error

    def _without_audio(self) -> AudioError:
        return AudioError(
            f"{self.path} contains no audio: it is {self._guess.name} without an audio track",
            hint="pass the file from which it was made, or another version with sound",
        )

    def _failed(self, failure: OSError) -> AudioError:
        where = f"after {self.done / self.rate:.2f} s"
        error = AudioError(f"{self.path} cannot be read {where}: {failure.strerror or failure}")
        error.__cause__ = failure
        return error
