"""Choose the decoder of a file, and convert what it returns to the rate that is needed."""

import logging
from pathlib import Path
from typing import IO, Protocol

from paraformer_async.audio.decoding.pcm import Resampler
from paraformer_async.audio.ffmpeg import FfmpegReader
from paraformer_async.audio.given import Samples
from paraformer_async.audio.hints import shown
from paraformer_async.audio.opening import look_at, undecodable
from paraformer_async.audio.passing import packet_reader
from paraformer_async.audio.raw import RawReader
from paraformer_async.audio.reading import FileReader
from paraformer_async.errors import AudioError, MissingExtraError

__all__ = ["Reader", "open_reader"]

_log = logging.getLogger("paraformer_async")
# Containers that libsndfile reads, unless the codec in them is one that it does not have.
_LIBSNDFILE = ("", "wav", "aiff", "caf", "flac", "ogg", "mp3", "au", "w64", "voc", "nistsphere")
_SPEEX = "Speex in Ogg"
_CONTAINER_OF_NAME = {
    ".wav": "wav",
    ".mp3": "mp3",
    ".flac": "flac",
    ".aac": "aac",
    **dict.fromkeys((".ogg", ".oga", ".opus", ".spx"), "ogg"),
    **dict.fromkeys((".m4a", ".m4b", ".mp4", ".mov", ".3gp"), "mov"),
    **dict.fromkeys((".webm", ".mkv", ".mka"), "matroska"),
    **dict.fromkeys((".wma", ".wmv", ".asf"), "asf"),
    **dict.fromkeys((".amr", ".awb"), "amr"),
    **dict.fromkeys((".aif", ".aiff"), "aiff"),
}


class Reader(Protocol):
    """
    Decodes a file to s16le. Used by one thread at a time.

    Attributes:
        path: The file, for messages.
        rate: Sample rate in Hz of what it returns.
        channels: Number of channels in the file.
        lanes: Number of interleaved channels in what it returns: 1 if they are mixed.
        format: Container.
        subtype: Codec.
        frames: Number of samples declared, at `rate`; 0 if unknown.
        done: Number of samples before the current position, at `rate`.
    """

    path: str
    rate: int
    channels: int
    lanes: int
    format: str
    subtype: str
    frames: int
    done: int

    def read(self, count: int) -> bytes:
        """Return up to *count* samples; none at the end; raise `AudioError` on damage."""
        ...

    def rewind(self, frame: int) -> None:
        """Read on from a sample at or before *frame*; raise `AudioError` on a changed file."""
        ...

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        ...

    def close(self) -> None:
        """Close the file; idempotent."""
        ...


def open_reader(
    raw: IO[bytes],
    path: Path,
    rate: int | None = None,
    samples: Samples | None = None,
    *,
    passthrough: bool = False,
    is_mixed: bool = True,
) -> Reader:
    """
    Return a reader of an open file, whatever its format.

    Args:
        raw: The open file; it can seek. Closed with the reader, and on errors.
        path: Its path, for messages.
        rate: Sample rate in Hz to convert to; `None` for that of the file.
        samples: How to read a file without a header; `None` for a file with one.
        passthrough: Whether a compressed file is read as it is, if the service can read it.
        is_mixed: Whether several channels are mixed to one.

    Raises:
        OSError: The file cannot be read.
        AudioError: The file cannot be decoded, or contains no audio.
        MissingExtraError: It needs a decoder or a resampler that is not installed.
    """
    try:
        if passthrough and not samples:
            passing = packet_reader(raw, path, look_at(raw), rate)
            if passing is not None:
                return passing
            _log.info("%s is decoded: it cannot be sent as it is", shown(path))
        reader: Reader
        if samples:
            reader = RawReader(raw, path, samples, is_mixed=is_mixed)
        else:
            reader = _decoder(raw, path, is_mixed=is_mixed)
        return reader if rate in (None, reader.rate) else ResamplingReader(reader, rate)
    except BaseException:
        raw.close()
        raise


def _decoder(raw: IO[bytes], path: Path, *, is_mixed: bool) -> Reader:
    from soundfile import LibsndfileError

    guess = look_at(raw)
    named = _CONTAINER_OF_NAME.get(path.suffix.lower())
    if guess.demuxer and named and named != guess.demuxer:
        _log.info("%s is %s, whatever its name", shown(path), guess.name)
    if guess.demuxer not in _LIBSNDFILE or guess.name == _SPEEX:
        return FfmpegReader(raw, path, guess, is_mixed=is_mixed)
    try:
        return FileReader(raw, path, is_mixed=is_mixed)
    except LibsndfileError as error:
        found = undecodable(raw, path)
        if not guess.demuxer:
            raise found from error
        try:
            return FfmpegReader(raw, path, guess, is_mixed=is_mixed)
        except MissingExtraError as missing:
            hint = f"{missing.hint}, or {found.hint}"
            raise AudioError(found.message, hint=hint) from None


class ResamplingReader:
    """Converts what *reader* returns to *rate*; see `Reader`."""

    def __init__(self, reader: Reader, rate: int) -> None:
        self.path: str = reader.path
        self.rate: int = rate
        self.channels: int = reader.channels
        self.lanes: int = reader.lanes
        self.format: str = reader.format
        self.subtype: str = reader.subtype
        self.frames: int = round(reader.frames * rate / reader.rate)
        self._reader = reader
        self._start()

    def _start(self) -> None:
        self._resampler = Resampler(self._reader.rate, self.rate, channels=self.lanes, extra="av")
        self._is_ended = False
        self._left = bytearray()
        self.done: int = 0

    def read(self, count: int) -> bytes:
        """Return up to *count* samples; none at the end; raise `AudioError` on damage."""
        size = 2 * self.lanes * count
        while len(self._left) < size and not self._is_ended:
            pcm = self._reader.read(self._reader.rate)
            self._is_ended = not pcm
            self._left += self._resampler.resample(pcm, last=self._is_ended)
        pcm = bytes(self._left[:size])
        del self._left[:size]
        self.done += len(pcm) // (2 * self.lanes)
        return pcm

    def rewind(self, frame: int) -> None:
        """Read on from the first sample; raise `AudioError` on a changed file."""
        self._reader.rewind(0)
        self._start()

    def remarks(self) -> tuple[str, ...]:
        """Return what is odd about the file, now that all of it was read."""
        return self._reader.remarks()

    def close(self) -> None:
        """Close the file; idempotent."""
        self._reader.close()
