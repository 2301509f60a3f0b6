"""
Audio files as a source of frames: whatever soundfile reads (WAV, FLAC, Ogg Vorbis/Opus, MP3, …).

Files are read in worker threads, a chunk at a time, so that the event loop never waits for a disk.
"""

import logging
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from paraformer_async.audio._sniffing import seems_to_be
from paraformer_async.audio.decoding.samples import float_to_s16le, native_dtype, open_sequential
from paraformer_async.errors import AudioError

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = ["AudioFile", "open_audio"]

_log = logging.getLogger("paraformer_async")
# libsndfile does not say how much it read before it met damage: samples read at a time.
_BLOCK = 1024
_WHAT_TO_DO = (
    "convert it to wav, flac, ogg or mp3, for example: ffmpeg -i {name} -ac 1 -ar 16000 {stem}.wav"
)


@asynccontextmanager
async def open_audio(
    path: str | os.PathLike[str], *, chunk_ms: int = 1000
) -> AsyncGenerator["AudioFile", None]:
    """
    Open an audio file for reading; it is closed on leaving, however that happens.

    Args:
        path: The file. It must hold one channel.
        chunk_ms: Length in ms of the chunks in which it is read.

    Raises:
        FileNotFoundError, IsADirectoryError, PermissionError: As `open` raises them.
        AudioError: The file cannot be decoded, holds no audio, or more than one channel.

    Cancellation is taken between reads of the disk.
    """
    opened: list[AudioFile] = []  # filled in the thread: a canceled call does not return its value
    try:
        await to_thread.run_sync(lambda: opened.append(AudioFile(_open(Path(path)), chunk_ms)))
        yield opened[0]
    finally:
        for audio in opened:
            audio.close()


class AudioFile:
    """
    An open audio file: `async for chunk in audio` gives its audio once, as s16le mono bytes.

    Attributes:
        sample_rate: Hz.
        channels: Number of channels; always 1 for now.
        frames: Number of samples as the file declares it; a damaged file may hold fewer.
        duration: `frames` in seconds.
        format: Container by libsndfile's name, for example `WAV`, `FLAC`, `OGG`, `MP3`.
        subtype: Encoding by libsndfile's name, for example `PCM_16`, `OPUS`.
    """

    def __init__(self, file: "SoundFile", chunk_ms: int) -> None:
        self._file = file
        self.sample_rate: int = file.samplerate
        self.channels: int = file.channels
        self.frames: int = file.frames
        self.duration: float = self.frames / self.sample_rate
        self.format: str = file.format
        self.subtype: str = file.subtype
        self._dtype: Final = native_dtype(self.subtype)
        self._damage: Exception | None = None
        self._chunk = max(1, self.sample_rate * chunk_ms // 1000)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        done = 0
        while pcm := await to_thread.run_sync(self._read, done):
            yield pcm
            done += len(pcm) // 2
        if done < self.frames:
            _log.warning(
                "%s ends early: it declares %.2f s of audio and holds %.2f s",
                self._file.name,
                self.duration,
                done / self.sample_rate,
            )

    def _read(self, done: int) -> bytes:
        """Read the next chunk; of a damaged one what comes before the damage, then raise."""
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
        """Close the file. May be called twice; `open_audio` does it."""
        self._file.close()


def _open(path: Path) -> "SoundFile":
    import soundfile

    with path.open("rb") as plain:
        head = plain.read(512)
    if not head:
        raise AudioError(f"{path} holds no audio: the file is empty")
    if path.suffix.lower() == ".raw":
        raise AudioError(f"{path} seems to be raw samples", hint="open it and pass it to stream()")
    try:
        file = open_sequential(path)
    except soundfile.LibsndfileError as error:
        hint = _WHAT_TO_DO.format(name=path.name, stem=path.stem)
        raise AudioError(
            f"{path} cannot be decoded: it seems to be {seems_to_be(head)}", hint=hint
        ) from error
    try:
        _check(file, path)
    except AudioError:
        file.close()
        raise
    return file


def _check(file: "SoundFile", path: Path) -> None:
    if file.frames == 0:
        raise AudioError(f"{path} holds no audio: it has a header and no samples")
    if file.channels > 1:
        raise AudioError(
            f"{path} has {file.channels} channels, and recognition takes one",
            hint=f"downmix it, for example: ffmpeg -i {path.name} -ac 1 {path.stem}-mono.wav",
        )
