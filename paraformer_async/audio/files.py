"""
Audio files as audio sources: every format soundfile reads (WAV, FLAC, Ogg Vorbis/Opus, MP3, …).

Files are read in worker threads, one chunk at a time, so the event loop never blocks on the disk.
"""

import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from paraformer_async.audio._sniffing import guess_format
from paraformer_async.audio.decoding.samples import float_to_s16le, native_dtype, open_sequential
from paraformer_async.errors import AudioError

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = ["AudioFile", "open_audio"]

_log = logging.getLogger("paraformer_async")
# Samples per read. libsndfile does not report how much it read before hitting damaged data, so
# small reads bound what is lost.
_BLOCK = 1024
_CONVERT_HINT = (
    "convert it to wav, flac, ogg or mp3, for example: ffmpeg -i {name} -ac 1 -ar 16000 {stem}.wav"
)


@asynccontextmanager
async def open_audio(
    path: str | os.PathLike[str], *, chunk_ms: int = 1000
) -> AsyncGenerator["AudioFile", None]:
    """
    Open an audio file for reading, and close it on exit.

    Args:
        path: The file. Must be mono.
        chunk_ms: Length of each chunk in ms.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: As raised by `open`.
        AudioError: The file cannot be decoded, contains no audio, or has more than one channel.

    Can be canceled between disk reads; the file is closed then, too.
    """
    opened: list[AudioFile] = []  # filled by the thread: a canceled call returns nothing
    try:
        await to_thread.run_sync(lambda: opened.append(AudioFile(Path(path), chunk_ms)))
        yield opened[0]
    finally:
        for audio in opened:
            audio.close()


class AudioFile:
    """
    An open audio file: `async for chunk in audio` yields its audio, as s16le mono bytes.

    If the file is damaged, iterating raises `AudioError` after yielding the intact audio before the
    damage. If the file is shorter than it declares, a warning is logged.

    Attributes:
        sample_rate: Sample rate in Hz.
        channels: Number of channels; always 1 for now.
        frames: Number of samples declared by the file; a damaged file may contain fewer.
        duration: `frames` in seconds.
        format: Container as named by libsndfile, for example `WAV`, `FLAC`, `OGG`, `MP3`.
        subtype: Encoding as named by libsndfile, for example `PCM_16`, `OPUS`.
    """

    def __init__(self, path: Path, chunk_ms: int) -> None:
        self._path = path
        self._file = file = _open(path)
        self._is_used = False
        self.sample_rate: int = file.samplerate
        self.channels: int = file.channels
        self.frames: int = file.frames
        self.duration: float = self.frames / self.sample_rate
        self.format: str = file.format
        self.subtype: str = file.subtype
        self._dtype: Final = native_dtype(self.subtype)
        self._damage: Exception | None = None
        self._chunk = max(1, self.sample_rate * chunk_ms // 1000)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.read_from(0)

    async def read_from(self, position: int) -> AsyncGenerator[bytes, None]:
        """
        Yield the audio from *position* on, in bytes of s16le mono PCM.

        May be called again while no other iterator is in use: the file is then read anew.
        """
        done = 0
        if self._is_used:
            await to_thread.run_sync(self._reopen)
        self._is_used = True
        while pcm := await to_thread.run_sync(self._read, done):
            begin = max(0, position - 2 * done)
            done += len(pcm) // 2
            if begin < len(pcm):
                yield pcm[begin:]
        if done < self.frames:
            _log.warning(
                "%s ends early: it declares %.2f s of audio but contains %.2f s",
                self._file.name,
                self.duration,
                done / self.sample_rate,
            )

    def _reopen(self) -> None:
        self._file.close()
        self._file = _open(self._path)
        self._damage = None

    def _read(self, done: int) -> bytes:
        """Read the next chunk: the part before any damage first; then raise."""
        import soundfile

        parts: list[bytes] = []
        left = self._chunk
        while left and not self._damage:
            try:
                parts.append(self._read_block(min(left, _BLOCK)))
            except soundfile.LibsndfileError as error:
                self._damage = error
                break
            if not parts[-1]:
                break
            left -= len(parts[-1]) // 2
        pcm = b"".join(parts)
        if self._damage and not pcm:
            raise AudioError(
                f"{self._file.name} is damaged after {done / self.sample_rate:.2f} s of "
                f"{self.duration:.2f} s of audio"
            ) from self._damage
        return pcm

    def _read_block(self, size: int) -> bytes:
        width = 4 if self._dtype == "float32" else 2
        buffer = bytearray(size * width)
        frames = self._file.buffer_read_into(buffer, self._dtype)
        samples = bytes(buffer[: frames * width])
        return float_to_s16le(samples) if width == 4 else samples

    def close(self) -> None:
        """Close the file; idempotent. `open_audio` calls this on exit."""
        self._file.close()


def _open(path: Path) -> "SoundFile":
    import soundfile

    with path.open("rb") as plain:
        head = plain.read(512)
    if not head:
        raise AudioError(f"{path} contains no audio: the file is empty")
    if path.suffix.lower() == ".raw":
        raise AudioError(f"{path} looks like raw samples", hint="open it and pass it to stream()")
    try:
        file = open_sequential(path)
    except soundfile.LibsndfileError as error:
        hint = _CONVERT_HINT.format(name=path.name, stem=path.stem)
        raise AudioError(
            f"{path} cannot be decoded: it looks like {guess_format(head)}", hint=hint
        ) from error
    try:
        _check(file, path)
    except AudioError:
        file.close()
        raise
    return file


def _check(file: "SoundFile", path: Path) -> None:
    if file.frames == 0:
        raise AudioError(f"{path} contains no audio: it has a header but no samples")
    if file.channels > 1:
        raise AudioError(
            f"{path} has {file.channels} channels; recognition needs mono audio",
            hint=f"downmix it first, for example: ffmpeg -i {path.name} -ac 1 {path.stem}-mono.wav",
        )
