"""Choose the decoder of a file."""

import logging
from functools import partial
from pathlib import Path
from typing import IO

from paraformer_async.audio.ffmpeg import FfmpegReader
from paraformer_async.audio.given import Samples
from paraformer_async.audio.hints import shown
from paraformer_async.audio.opening import look_at, undecodable
from paraformer_async.audio.passing import packet_reader
from paraformer_async.audio.raw import RawReader
from paraformer_async.audio.reading import FileReader
from paraformer_async.audio.recovering import RecoveringReader
from paraformer_async.audio.resampling import Reader, ResamplingReader
from paraformer_async.errors import AudioError, MissingExtraError

__all__ = ["Reader", "open_reader"]

_log = logging.getLogger("paraformer_async")
# Containers that libsndfile reads, unless the codec in them is one that it does not have.
_LIBSNDFILE = ("", "wav", "aiff", "caf", "flac", "ogg", "mp3", "au", "w64", "voc", "nistsphere")
# Of these, those whose damage FFmpeg may pass over.
_COMPRESSED = ("flac", "ogg", "mp3")
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
    by_ffmpeg = partial(FfmpegReader, raw, path, guess, is_mixed=is_mixed)
    try:
        reader = FileReader(raw, path, is_mixed=is_mixed)
        return RecoveringReader(reader, by_ffmpeg) if guess.demuxer in _COMPRESSED else reader
    except LibsndfileError as error:
        found = undecodable(raw, path)
        if not guess.demuxer:
            raise found from error
        try:
            return by_ffmpeg()
        except MissingExtraError as missing:
            hint = f"{missing.hint}, or {found.hint}"
            raise AudioError(found.message, hint=hint) from None
