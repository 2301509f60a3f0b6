"""
Audio files as audio sources: WAV, FLAC, Ogg, MP3, …; with PyAV also MP4, AAC, AMR, video, ….

Files are read in worker threads, one chunk at a time, so the event loop never blocks on the disk.
Pipes are copied to a temporary file first.
"""

import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from anyio import CapacityLimiter, to_thread

from paraformer_async.audio.descriptors import is_on_disk
from paraformer_async.audio.hints import STANDARD_INPUT
from paraformer_async.audio.opening import open_file
from paraformer_async.audio.readers import Reader, open_reader
from paraformer_async.audio.spooling import spool
from paraformer_async.errors import InvalidOptionError

__all__ = ["AudioFile", "open_audio"]

_log = logging.getLogger("paraformer_async")


@asynccontextmanager
async def open_audio(
    path: str | os.PathLike[str], *, chunk_ms: int = 1000, sample_rate: int | None = None
) -> AsyncGenerator["AudioFile", None]:
    """
    Open an audio file for reading, and close it on exit.

    Args:
        path: The file, a named pipe, or `-` for standard input. What is no file on disk is copied
            to a temporary one first, to its end. Several channels are mixed.
        chunk_ms: Length of each chunk in ms.
        sample_rate: Rate in Hz to convert to; `None` for that of the file.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: As raised by `open`.
        InvalidOptionError: *path* is not a path.
        AudioError: The file is a socket, a device or a terminal, cannot be decoded, or contains no
            audio; or it is a pipe that is already being read.
        MissingExtraError: It needs a decoder or a resampler that is not installed.

    Can be canceled between disk reads, and while a pipe is silent; the file is closed then, too.
    """
    name = _path(path)
    # A limiter for each file, not the shared one: a file on a slow disk makes no other file wait.
    limiter = CapacityLimiter(1)
    with ExitStack() as opened:  # filled by threads: a canceled call returns nothing
        start = partial(_start, path=name, sample_rate=sample_rate, opened=opened)
        reader = await to_thread.run_sync(_open, name, opened, start, limiter=limiter)
        if isinstance(reader, Pipe):
            copied = opened.enter_context(await spool(reader.file, name))
            reader = await to_thread.run_sync(start, copied, limiter=limiter)
        yield AudioFile(reader, chunk_ms, limiter)


class Pipe(NamedTuple):
    """A file that has to be copied before it can be read like one on disk."""

    file: IO[bytes]


def _open(path: Path, opened: ExitStack, start: Callable[[IO[bytes]], Reader]) -> Reader | Pipe:
    """Open a file, and its reader in the same visit of a thread, if it is on disk."""
    file = open_file(path)
    if path == STANDARD_INPUT:
        return Pipe(file)
    opened.enter_context(file)
    return start(file) if is_on_disk(file) else Pipe(file)


def _start(file: IO[bytes], path: Path, sample_rate: int | None, opened: ExitStack) -> Reader:
    reader = open_reader(file, path, sample_rate)
    opened.callback(reader.close)
    return reader


class AudioFile:
    """
    An open audio file: `async for chunk in audio` yields its audio, as s16le mono bytes.

    If the file is damaged, iterating raises `AudioError` after yielding the intact audio before the
    damage. If the file is shorter than it declares, or its header was never completed, a warning is
    logged.

    Attributes:
        sample_rate: Sample rate in Hz of what it yields.
        channels: Number of channels in the file; they are mixed to mono.
        frames: Number of samples declared by the file, 0 if unknown; it may contain fewer or more.
        format: Container, for example `WAV`, `FLAC`, `OGG`, `MP4/M4A`.
        subtype: Codec, for example `PCM_16`, `OPUS`, `aac (LC)`.
    """

    def __init__(self, reader: Reader, chunk_ms: int, limiter: CapacityLimiter) -> None:
        self._reader = reader
        self._limiter = limiter
        self._is_used = self._is_read = False
        self._decoded = 0
        self.sample_rate: int = reader.rate
        self.channels: int = reader.channels
        self.frames: int = reader.frames
        self.format: str = reader.format
        self.subtype: str = reader.subtype
        self._chunk = max(1, self.sample_rate * chunk_ms // 1000)

    @property
    def duration(self) -> float:
        """Seconds of audio: those decoded once the end was reached, before that those declared."""
        frames = self._decoded if self._is_read else max(self.frames, self._decoded)
        return frames / self.sample_rate

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.read_from(0)

    async def read_from(self, position: int) -> AsyncGenerator[bytes, None]:
        """
        Yield the audio from *position* on, in bytes of s16le mono PCM.

        May be called again while no other iterator is in use: the file is then read anew.

        Raises:
            AudioError: The file is damaged, or has changed since it was opened.
        """
        reader = self._reader
        if self._is_used:
            await to_thread.run_sync(reader.rewind, position // 2, limiter=self._limiter)
        self._is_used = True
        while True:
            begin = max(0, position - 2 * reader.done)
            pcm = await to_thread.run_sync(reader.read, self._chunk, limiter=self._limiter)
            if not pcm:
                break
            self._decoded = max(self._decoded, reader.done)
            if begin < len(pcm):
                yield pcm[begin:] if begin else pcm
        if not self._is_read and (remark := reader.remark()):
            _log.warning("%s %s", reader.path, remark)
        self._is_read = True

    async def measure(self) -> str:
        """
        Decode all of it, so that `duration` is measured; return what is wrong with the file.

        Raises:
            AudioError: The file is damaged.
        """
        self._is_used = True
        while await to_thread.run_sync(self._reader.read, self._chunk, limiter=self._limiter):
            self._decoded = self._reader.done
        self._is_read = True
        return self._reader.remark()


def _path(path: object) -> Path:
    """Return *path* as a path, or raise."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidOptionError(
            "path",
            f"must be the path of a file, not {type(path).__name__}",
            hint="audio in memory or in an open file goes to stream(), with its format: "
            'stream(audio, format="wav")',
        )
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise InvalidOptionError("path", f"{name!r} is not a path")
    return Path(name)
