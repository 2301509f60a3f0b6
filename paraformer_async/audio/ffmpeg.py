"""
Read the files that libsndfile cannot, by the libraries of FFmpeg, with PyAV (extra `av`).

The demuxer is chosen from the first bytes, and reads from an open file: no playlist is followed,
and no other file or address is opened, whatever a file claims to be.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from paraformer_async.audio._sniffing import Guess
from paraformer_async.audio.decoding.mixing import Downmix, Interleave, Mixer
from paraformer_async.audio.decoding.pyav import open_container, to_pcm
from paraformer_async.audio.decoding.timing import TOLERANCE, Timing
from paraformer_async.audio.hints import shown
from paraformer_async.audio.opening import scan_file, undecodable
from paraformer_async.audio.protection import require_playable
from paraformer_async.audio.sections import ends_early
from paraformer_async.audio.seekable import status_of
from paraformer_async.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream
    from av.container import InputContainer

__all__ = ["FfmpegReader"]

# Demuxers that read a duration from the file; others estimate it from its size.
_DECLARING = ("mov", "matroska", "asf", "caf", "aiff", "wav", "avi", "ape", "wv", "flac")
# Containers whose end FFmpeg takes for that of the audio, even if it was cut off.
_SCANNED = ("caf", "ogg")


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
        self._scan = scan_file(raw, path) if guess.demuxer in _SCANNED else None
        first = self._start()
        self.rate: int = first.sample_rate
        self.channels: int = first.layout.nb_channels
        self.format: str = self._guess.name
        self.subtype: str = _codec(self._stream)
        self.frames: int = round(self._declared() * self.rate)

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
        self._container.close()
        self._start()

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        remarks = [self._tracks, self._mixer.remark()]
        declared, contained = self.frames / self.rate, self.done / self.rate
        scan = self._scan
        if scan and 0 < scan.kept < 1:
            remarks.append(ends_early(contained / scan.kept, contained))
        elif declared - contained > TOLERANCE:
            remarks.append(ends_early(declared, contained))
        elif scan and scan.remark:
            remarks.append(scan.remark)
        elif self._is_cut:
            remarks.append("was cut off in its last packet")
        if self._lost:
            remarks.append(f"is damaged: {self._lost:.2f} s of audio could not be decoded")
        if self._timing.filled - self._lost > TOLERANCE:
            gaps = self._timing.filled - self._lost
            remarks.append(f"has gaps between its packets: {gaps:.2f} s of silence are in them")
        if self._timing.unfilled:
            remarks.append(f"has a gap of {self._timing.unfilled:.0f} s, which was left out")
        return tuple(filter(None, remarks))

    def close(self) -> None:
        """Close the file; idempotent."""
        self._container.close()
        self._raw.close()

    def _start(self) -> "AudioFrame":
        """Go to the beginning; return the first frame."""
        self._container = self._open()
        self._stream = self._audio_stream()
        self._mixer: Mixer = Downmix() if self._is_mixed else Interleave()
        self._left = bytearray()
        self.done: int = 0
        self._failure = None
        self._lost = 0.0
        self._is_cut = False
        self._begin = (self._container.start_time or 0) / 1_000_000
        self._timing = Timing(self._begin)
        frames = self._timing.placed(self._frames())
        first = next(frames, None)
        if first is None:
            self._container.close()
            raise undecodable(self._raw, self._path, is_tried=True)
        self.lanes: int = 1 if self._is_mixed else first.layout.nb_channels
        self._width = 2 * self.lanes
        self._pcm = to_pcm(chain((first,), frames), first.sample_rate, self._mixer, self.lanes)
        return first

    def _open(self) -> "InputContainer":
        try:
            from av.error import FFmpegError
        except ImportError as error:
            raise MissingExtraError(f"decoding {self.path} ({self._guess.name})", "av") from error
        try:
            return open_container(self._raw, self._guess.demuxer)
        except (FFmpegError, ValueError) as error:
            raise undecodable(self._raw, self._path, is_tried=True) from error

    def _audio_stream(self) -> "AudioStream":
        streams = self._container.streams
        count = len(streams.audio)
        if not count:
            self._container.close()
            raise AudioError(
                f"{self.path} contains no audio: it is {self._guess.name} without an audio track",
                hint="pass the file from which it was made, or another version with sound",
            )
        best = streams.best("audio") or streams.audio[0]
        number = streams.audio.index(best) + 1
        self._tracks = (
            f"has {count} audio tracks; only number {number} was read" if count > 1 else ""
        )
        return streams.audio[number - 1]

    def _failed(self, failure: OSError) -> AudioError:
        where = f"after {self.done / self.rate:.2f} s"
        error = AudioError(f"{self.path} cannot be read {where}: {failure.strerror or failure}")
        error.__cause__ = failure
        return error

    def _declared(self) -> float:
        """Return the seconds of audio that the file declares; 0 if it declares none."""
        stream = self._stream
        if self._guess.demuxer not in _DECLARING:
            return 0.0
        is_of_its_own = self._guess.demuxer != "asf"  # there, it is that of all streams
        if is_of_its_own and stream.duration and stream.time_base:
            begin = float((stream.start_time or 0) * stream.time_base) - self._begin
            return max(0.0, begin) + float(stream.duration * stream.time_base)
        is_of_audio = not self._container.streams.video
        return (self._container.duration or 0) / 1_000_000 if is_of_audio else 0.0

    def _frames(self) -> "Iterator[AudioFrame]":
        from av.error import FFmpegError

        failed = 0.0  # seconds of the last packets, if they cannot be decoded
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):  # the latter for an unknown codec, since PyAV 19
                self._is_cut = True
                failed += float((packet.duration or 0) * (packet.time_base or 0))
                continue
            if frames:
                self._lost += failed
                self._is_cut, failed = False, 0.0
            for frame in frames:
                if frame.samples:
                    yield frame

    def _packets(self) -> Iterator[Any]:
        from av.error import FFmpegError

        try:
            yield from self._container.demux(self._stream)
        except FFmpegError:  # the container ends within one of its own structures
            self._is_cut = True


def _codec(stream: "AudioStream") -> str:
    context = stream.codec_context
    name = context.codec.canonical_name
    return f"{name} ({context.profile})" if context.profile else name
