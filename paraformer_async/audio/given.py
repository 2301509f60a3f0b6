"""Whatever a caller hands over as audio: what it is called, what is declared, and how it opens."""

import io
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from paraformer_async.audio.descriptors import is_on_disk
from paraformer_async.audio.hints import SOURCE, STANDARD_INPUT, shown
from paraformer_async.audio.opening import open_file
from paraformer_async.audio.samples import channels_in, has_samples, is_buffer, taker
from paraformer_async.audio.seekable import as_seekable, small_file, status_of
from paraformer_async.audio.source import Source
from paraformer_async.errors import AudioError, InvalidOptionError
from paraformer_async.options.checks import require_choice
from paraformer_async.options.kinds import Rate
from paraformer_async.options.service import ENCODINGS, FORMATS, TELEPHONY_RATE

__all__ = [
    "AnyAudio",
    "Declared",
    "ReadOnce",
    "Samples",
    "Taker",
    "declared",
    "open_given",
    "path_of",
    "require_content",
]

# How an address begins, also as a path, which has one of its two slashes; not how a drive does.
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:[/\\]", re.IGNORECASE)

AnyAudio: TypeAlias = Source | str | os.PathLike[str]
"""A path, or anything that contains audio: encoded, samples without a header, or arrays of them."""


class Samples(NamedTuple):
    """
    Samples without a header.

    Attributes:
        sample_rate: In Hz.
        encoding: `mulaw`, `alaw`, or `None` for s16le.
        channels: Number of interleaved channels.
    """

    sample_rate: int
    encoding: str | None = None
    channels: int = 1


class Declared(Struct, frozen=True):
    """
    What a caller declares about audio that cannot tell by itself.

    Attributes:
        samples: How to read bytes that have no header; `None` for bytes that have one.
        array_rate: Sample rate in Hz of arrays of samples; `None` if it is unknown.
        array_channels: Number of interleaved channels in arrays; `None` if their shape tells.
    """

    samples: Samples | None = None
    array_rate: int | None = None
    array_channels: int | None = None


def declared(
    format: str | None,
    sample_rate: int | None,
    encoding: str | None,
    *,
    array_rate: int | None,
    channels: int | None = None,
) -> Declared:
    """
    Return what is declared, checked.

    Args:
        format: `pcm` if the audio has no header; any other, or `None`, if its content tells.
        sample_rate: In Hz, of samples without a header, and of arrays.
        encoding: Encoding of samples without a header.
        array_rate: Rate of arrays if *sample_rate* is `None`.
        channels: Number of interleaved channels of samples without a header, and of arrays.

    Raises:
        InvalidOptionError: One of them cannot be, or the rate of samples is not given.
    """
    if format is not None:
        require_choice("format", format, FORMATS)
    if encoding is not None:
        require_choice("encoding", encoding, ENCODINGS)
    if sample_rate is not None:
        Rate().check_type("sample_rate", sample_rate)
    arrays = sample_rate or array_rate
    if format != "pcm" and encoding is None:
        return Declared(None, arrays, channels)
    rate = sample_rate or (TELEPHONY_RATE if encoding else None)
    if rate is None:
        raise InvalidOptionError(
            "sample_rate",
            "samples without a header do not tell their rate",
            hint='give it together with the format: format="pcm", sample_rate=16000',
        )
    return Declared(Samples(rate, encoding, channels or 1), arrays)


class Taker:
    """
    Takes the chunks of one source: bytes, or arrays of samples.

    Args:
        declared: What is declared about them.
        is_mixed: Whether arrays of several channels are mixed; otherwise they are interleaved.

    Attributes:
        samples: How to read what was taken if it has no header; `None` if it has one.
    """

    def __init__(self, declared: Declared, *, is_mixed: bool = True) -> None:
        self.samples: Samples | None = declared.samples
        self._declared = declared
        self._is_mixed = is_mixed
        samples = declared.samples
        several = samples.channels if samples and samples.channels > 1 else None
        self._take = taker(samples.encoding if samples else None, several)
        self._are_arrays: bool | None = None

    def __call__(self, chunk: object) -> bytes:
        """
        Return *chunk* as bytes.

        Raises:
            InvalidOptionError: It is no audio, of unknown rate, or of another kind than before.
        """
        if self._declared.samples is None:
            self._note_kind(chunk, is_array=has_samples(chunk))
        return self._take(chunk)

    def _note_kind(self, chunk: object, *, is_array: bool) -> None:
        if self._are_arrays not in (None, is_array):
            raise InvalidOptionError("audio", "mixes bytes of a file with arrays of samples")
        if is_array and self._declared.array_rate is None:
            raise InvalidOptionError(
                "sample_rate",
                "an array of samples does not tell its rate",
                hint="give it together with the array: sample_rate=16000",
            )
        if is_array and self._declared.array_rate and self._are_arrays is None:
            channels = self._declared.array_channels or 1
            if channels == 1 and not self._is_mixed:
                channels = channels_in(chunk) or 1
            self.samples = Samples(self._declared.array_rate, channels=channels)
            if channels > 1 or not self._is_mixed:
                self._take = taker(None, channels)
        self._are_arrays = is_array


class ReadOnce(NamedTuple):
    """A source that has to be copied before it can be read like a file on disk."""

    source: Any


def open_given(audio: AnyAudio, path: Path, take: Taker, opened: ExitStack) -> IO[bytes] | ReadOnce:
    """
    Return a file that can seek; or a source that has to be copied. Blocks, so it runs in a thread.

    Args:
        audio: What the caller has handed over.
        path: What it is called.
        take: Takes what is in memory.
        opened: Closes what is opened here.

    Raises:
        OSError: As raised by `open`.
        AudioError: It is at its end, or it is a path of what is no file; see `open_file`.
    """
    if isinstance(audio, str | os.PathLike):
        return _open_path(path, opened)
    file = io.BytesIO(take(audio)) if is_buffer(audio) else as_seekable(audio)
    if file is None:
        return ReadOnce(audio)
    opened.callback(file.close)
    require_content(file, path, audio)
    return file


def _open_path(path: Path, opened: ExitStack) -> IO[bytes] | ReadOnce:
    if path == STANDARD_INPUT:
        return ReadOnce(open_file(path))
    if _ADDRESS.match(str(path)) and not path.exists():
        raise AudioError(
            f"{shown(path)} is an address, and there is no file of this name",
            hint="download the audio, and pass the path of the file; addresses are not followed",
        )
    if (small := small_file(path)) is not None:
        return small
    file = opened.enter_context(open_file(path))
    return file if is_on_disk(file) else ReadOnce(file)


def require_content(file: IO[bytes], path: Path, audio: object) -> None:
    """Raise `AudioError` if there is nothing in *file*, which is what was left of *audio*."""
    if status_of(file)[0] == 0:
        position = "an open file is read from its position on: call seek(0) to read all of it"
        raise AudioError(
            f"{shown(path)} contains no audio: it is empty",
            hint=position if hasattr(audio, "seek") else "",
        )


def path_of(audio: object) -> Path:
    """
    Return the path of *audio*, or what stands for it; `SOURCE` if it has none.

    Raises:
        InvalidOptionError: It is a path that cannot exist.
    """
    if isinstance(audio, str | os.PathLike):
        name = os.fsdecode(audio)
        if not name or "\0" in name:
            raise InvalidOptionError("audio", f"{name!r} is not a path")
        return Path(name)
    named: Any = getattr(audio, "name", None) if is_on_disk(audio) else None
    return Path(named) if isinstance(named, str) else SOURCE
