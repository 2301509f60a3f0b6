"""
Whatever holds audio, as audio sources: WAV, FLAC, Ogg, MP3, …; with PyAV also MP4, AAC, AMR, ….

Files are read in worker threads, a few chunks at once, so the event loop never blocks on the disk.
What can be read only once is copied first.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import IO, NamedTuple

from anyio import CapacityLimiter, to_thread

from paraformer_async.audio.given import (
    AnyAudio,
    Declared,
    ReadOnce,
    Taker,
    open_given,
    path_of,
    require_content,
)
from paraformer_async.audio.hints import shown
from paraformer_async.audio.passing import PacketReader
from paraformer_async.audio.readers import open_reader
from paraformer_async.audio.resampling import Reader
from paraformer_async.audio.seekable import another, status_of
from paraformer_async.audio.source import chunks
from paraformer_async.audio.spooling import being_read, spool
from paraformer_async.errors import AudioError

__all__ = ["AudioFile", "open_audio"]

_log = logging.getLogger("paraformer_async")

_AT_ONCE = 16  # chunks that are read in one visit of a thread, which costs as much as two of them
# Seconds after which the visit that opens a file reads no further: its first chunk is waited for.
_WITH_OPENING = 0.005


@asynccontextmanager
async def open_audio(
    audio: AnyAudio,
    *,
    chunk_ms: int = 1000,
    sample_rate: int | None = None,
    declared: Declared = Declared(),
    passthrough: bool = False,
    is_mixed: bool = True,
) -> AsyncGenerator["AudioFile", None]:
    """
    Open whatever holds audio for reading, and close on exit what was opened here.

    Bytes in memory and files on disk are read as they are; an open file, from its position on. What
    can be read only once is copied first, to its end: to memory, or from 1 MiB on to a temporary
    file.

    Args:
        audio: A path, `-` for standard input, or a source; see `AnyAudio`.
        chunk_ms: Length of each chunk in ms.
        sample_rate: Rate in Hz to convert to; `None` for that of the audio.
        declared: What is known about samples without a header.
        passthrough: Whether compressed audio is read as it is, if the service can read it.
        is_mixed: Whether several channels are mixed to one; otherwise they are interleaved, and the
            file can be read from several positions at once.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: As raised by `open`.
        InvalidOptionError: *audio* contains no bytes and no samples, or samples of unknown rate.
        AudioError: The file is a socket, a device or a terminal, cannot be decoded, or contains no
            audio; or it is a pipe that is already being read.
        MissingExtraError: It needs a decoder or a resampler that is not installed.

    Can be canceled while a source is silent, and otherwise when a thread has read what it reads at
    once: up to 16 chunks. The file is closed then, too.
    """
    path = path_of(audio)
    take = Taker(declared, is_mixed=is_mixed)
    # A limiter for each file, not the shared one: a file on a slow disk makes no other file wait.
    limiter = CapacityLimiter(1)

    def start(file: IO[bytes]) -> Reader:
        reader = open_reader(
            file, path, sample_rate, take.samples, passthrough=passthrough, is_mixed=is_mixed
        )
        opened.callback(reader.close)
        return reader

    def begin(file: IO[bytes]) -> AudioFile:
        again = None if is_mixed else partial(_start_again, file, status_of(file), start, path)
        return AudioFile(start(file), chunk_ms, limiter, again)

    def open_at_once() -> AudioFile | ReadOnce:  # in one visit of a thread, if that is possible
        file = open_given(audio, path, take, opened)
        return file if isinstance(file, ReadOnce) else begin(file)

    with ExitStack() as opened:  # filled by threads: a canceled call returns nothing
        file = await to_thread.run_sync(open_at_once, limiter=limiter)
        if isinstance(file, ReadOnce):
            with being_read(file.source, path):
                copied = await spool(chunks(file.source, take), take, path, limiter)
            opened.callback(copied.close)
            require_content(copied, path, audio)
            file = await to_thread.run_sync(begin, copied, limiter=limiter)
        yield file


def _start_again(
    file: IO[bytes], was: tuple[int, int], start: Callable[[IO[bytes]], Reader], path: Path
) -> Reader:
    """Return another reader of the same file."""
    size, changed = status_of(file)
    if size < was[0] or (size == was[0] and changed != was[1]):
        raise AudioError(f"{shown(path)} has changed while it was being read")
    return start(another(file))


class _Read(NamedTuple):
    """
    What was read in one visit of a thread.

    Attributes:
        chunks: Begin and end of each chunk, in samples, and its audio.
        is_last: Whether nothing follows.
        error: What has ended it early, after the chunks.
    """

    chunks: list[tuple[int, int, bytes]]
    is_last: bool
    error: Exception | None = None


def _read(reader: Reader, size: int, seconds: float = inf) -> _Read:
    """Read some chunks of *size* samples, until about *seconds* have passed, or up to the end."""
    chunks: list[tuple[int, int, bytes]] = []
    until = monotonic() + seconds
    try:
        while len(chunks) < _AT_ONCE and not (chunks and monotonic() > until):
            begin = reader.done
            if not (pcm := reader.read(size)):
                return _Read(chunks, is_last=True)
            chunks.append((begin, reader.done, pcm))
    except Exception as error:  # noqa: BLE001 - raised behind the intact audio
        return _Read(chunks, is_last=True, error=error)
    return _Read(chunks, is_last=False)


class AudioFile:
    """
    An open audio file: `async for chunk in audio` yields its audio, as s16le bytes.

    Reads the beginning, so it is created in a thread.

    If the file is damaged, iterating raises `AudioError` after yielding the intact audio before the
    damage.

    Attributes:
        sample_rate: Sample rate in Hz of what it yields.
        channels: Number of channels in the file.
        lanes: Number of interleaved channels in what it yields: 1 if they are mixed.
        frames: Number of samples declared by the file, 0 if unknown; it may contain fewer or more.
        format: Container, for example `WAV`, `FLAC`, `OGG`, `MP4/M4A`.
        subtype: Codec, for example `PCM_16`, `OPUS`, `aac (LC)`.
        sent_format: The service's name for what it yields: `pcm` unless it is passed through.
        sent_rate: The sample rate in Hz to declare for that.
        remarks: What is odd about the file: that it was cut off, say. Complete once all was read.
    """

    def __init__(
        self,
        reader: Reader,
        chunk_ms: int,
        limiter: CapacityLimiter,
        start_again: Callable[[], Reader] | None = None,
    ) -> None:
        self._reader = reader
        self._start_again = start_again
        self._limiter = limiter
        self._is_read = False
        self._decoded = 0
        self.sample_rate: int = reader.rate
        self.channels: int = reader.channels
        self.lanes: int = reader.lanes
        self._width = 2 * self.lanes
        self.frames: int = reader.frames
        self.format: str = reader.format
        self.subtype: str = reader.subtype
        passed = reader if isinstance(reader, PacketReader) else None
        self.sent_format: str = passed.sent_format if passed else "pcm"
        self.sent_rate: int = passed.sent_rate if passed else reader.rate
        self.remarks: tuple[str, ...] = ()
        self._chunk = max(1, self.sample_rate * chunk_ms // 1000)
        self._first: _Read | None = _read(reader, self._chunk, _WITH_OPENING)

    @property
    def duration(self) -> float:
        """Seconds of audio: those decoded once the end was reached, before that those declared."""
        frames = self._decoded if self._is_read else max(self.frames, self._decoded)
        return frames / self.sample_rate

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.read_from(0)

    async def read_from(self, position: int) -> AsyncGenerator[bytes, None]:
        """
        Yield the audio from *position* on, in bytes of what it yields.

        May be called again, if channels are mixed only while no other iterator is in use: the file
        is then read anew.

        Raises:
            AudioError: The file is damaged, or has changed since it was opened.
        """
        reader, (blocks, is_last, error) = await self._reader_at(position)
        visit = partial(_read, reader, self._chunk)
        try:
            while True:
                for begin, end, pcm in blocks:
                    self._decoded = max(self._decoded, end)
                    known = max(0, position - self._width * begin)
                    if known < len(pcm):
                        yield pcm[known:] if known else pcm
                if error is not None:
                    try:
                        raise error
                    finally:
                        del error  # its traceback holds this frame
                if is_last:
                    break
                blocks, is_last, error = await to_thread.run_sync(visit, limiter=self._limiter)
        finally:
            if reader is not self._reader:
                reader.close()
        if not self._is_read:
            self._is_read = True
            self.remarks = reader.remarks()
            for remark in self.remarks:
                _log.info("%s %s", reader.path, remark)

    async def _reader_at(self, position: int) -> tuple[Reader, _Read]:
        """Return a reader, and what it has read from *position* on, or from a little before it."""
        first, self._first = self._first, None
        if first is not None:
            return self._reader, first
        reader = self._reader
        if self._start_again is not None:
            reader = await to_thread.run_sync(self._start_again, limiter=self._limiter)

        def rewind() -> _Read:
            reader.rewind(position // self._width)
            return _read(reader, self._chunk)

        return reader, await to_thread.run_sync(rewind, limiter=self._limiter)

    async def measure(self) -> None:
        """
        Decode all of it, so that `duration` is measured, and `remarks` are complete.

        Raises:
            AudioError: The file is damaged.
        """
        async for _ in self:
            pass
