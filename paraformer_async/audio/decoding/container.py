"""
One link of MP3, Ogg (Vorbis, Opus) or FLAC as it streams, by libsndfile.

libsndfile needs a seekable file of known length. It reads a `GrowingFile` in a thread of its own:
a C decoder cannot be suspended in the middle of a read other than by keeping its stack.

- Opening never waits for bytes (soundfile opens under a lock of the whole process). It is tried on
  what has arrived, and again on a 32nd more if that was too little: growth is geometric, so the
  work stays linear in the length of the header.
- Reading waits for bytes, and for the PCM to be taken once `_AHEAD` of it is decoded.
"""

import logging
import threading
from typing import TYPE_CHECKING, Any, Literal

from paraformer_async.audio.decoding.growing import GrowingFile
from paraformer_async.audio.decoding.samples import (
    float_to_s16le,
    integers_to_s16le,
    native_dtype,
    open_sequential,
)
from paraformer_async.audio.decoding.stage import RATES, UndecodableAudio

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = ["ContainerStage"]

_log = logging.getLogger("paraformer_async")

# Format: libsndfile's name, the length to claim, whether to hide the end.
# Ogg is searched for its last page from its end, in steps: the length claimed must be short.
_KINDS: dict[str, tuple[str, int, bool]] = {
    "mp3": ("MP3", 1 << 40, False),
    "ogg": ("OGG", 1 << 20, True),
    "flac": ("FLAC", 1 << 62, False),
}
_FIRST_TRY = 128  # bytes
_MAX_HEADER = 8 << 20  # bytes; cover art may be megabytes
_AHEAD = 4 << 20  # bytes of decoded samples that are kept until they are taken
_BLOCKS_A_SECOND = 100  # libsndfile returns whole blocks only: this holds back 10 ms


class ContainerStage:
    """
    Decodes one link of `kind` (mp3, ogg, flac) to s16le mono, averaging its channels.

    Errors call it `declared`.

    The thread starts with the first bytes, and ends with the link, on an error, or on `close`.
    """

    def __init__(self, kind: str, rate: int, declared: str) -> None:
        self.rate: int = rate
        self._kind = kind
        self._declared = declared
        self._name, length, hide = _KINDS[kind]
        self._file = GrowingFile(length=length, hide=hide, ahead=_AHEAD)
        self._thread = threading.Thread(target=self._run, name=f"decode-{kind}", daemon=True)
        self._channels = 1
        self._dtype: Literal["int16", "float32"] | None = None  # None: not open yet
        self._decoded_any = False
        self.samples: int = 0
        """Samples of each channel that were decoded."""
        self._error: UndecodableAudio | None = None

    @property
    def more(self) -> bool:
        """Whether decoded samples were left by the last call."""
        return self._file.full

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def backlog(self) -> int:
        """Bytes that were received and not decoded yet."""
        return self._file.backlog

    @property
    def is_begun(self) -> bool:
        """Whether bytes were received."""
        return self._thread.ident is not None

    def push(self, data: bytes | bytearray) -> bytes:
        """Decode more bytes; raise `UndecodableAudio` for bytes of another format."""
        if not self.is_begun:
            self._thread.start()
        return self._take(self._file.exchange(data))

    def end(self) -> bytes:
        """Return more of the rest; raise `UndecodableAudio` if there was no audio at all."""
        if not self.is_begun:
            return b""
        pcm = self._take(self._file.exchange(b"", ended=True))
        if not pcm and not self._decoded_any:
            raise self._undecodable()
        if not pcm and self._file.unread:
            _log.warning(
                "%d bytes of the %s stream follow the end that it declares: left out",
                *(self._file.unread, self._declared),
            )
        return pcm

    def close(self) -> None:
        """Make the thread end at its next read or write."""
        self._file.close()

    def join(self) -> None:
        """Wait until the thread has ended."""
        if self.is_begun:
            self._thread.join()

    def _take(self, decoded: list[bytes]) -> bytes:
        if not decoded:
            if self._error:
                raise self._error
            return b""
        self._decoded_any = True
        samples = b"".join(decoded)
        if self._dtype == "float32":
            return float_to_s16le(samples, self._channels)
        if self._channels == 1:
            return samples
        import numpy as np

        return integers_to_s16le(np.frombuffer(samples, np.int16).reshape(-1, self._channels))

    def _undecodable(self) -> UndecodableAudio:
        if self.samples:
            seconds = self.samples / self.rate
            return UndecodableAudio(
                f"the {self._declared} stream is damaged after {seconds:.2f} s of audio"
            )
        return UndecodableAudio(
            f"the stream was declared as {self._declared} and cannot be decoded as such"
        )

    # In the thread.

    def _run(self) -> None:
        import soundfile

        try:
            file = self._open()
            if file is not None:
                with file:
                    self._decode(file)
        except UndecodableAudio as error:
            self._error = error.with_traceback(None)
        except soundfile.LibsndfileError:
            if not self._file.ended:  # the last frame of a stream that was cut off is no error
                self._error = self._undecodable()
        finally:
            self._file.finish()

    def _open(self) -> "SoundFile | None":
        """Open once enough has arrived; None if the stream was closed before."""
        size = _FIRST_TRY
        while not self._file.closed:
            received = self._file.wait_for_size(size)
            file = self._try()
            if file is not None:
                return file
            if received > _MAX_HEADER or self._file.ended:
                raise self._undecodable()
            size = received + max(_FIRST_TRY, received // 32)
        return None

    def _try(self) -> "SoundFile | None":
        import soundfile

        final = self._file.ended
        self._file.rewind()
        try:
            file = open_sequential(self._file)
        except soundfile.LibsndfileError:
            if self._file.starved:
                return None
            raise
        if self._file.starved and not final:
            file.close()
            return None
        return file

    def _decode(self, file: "SoundFile") -> None:
        if file.format != self._name or file.samplerate not in RATES:
            raise self._undecodable()
        self.rate, self._channels = file.samplerate, file.channels
        self._dtype = dtype = native_dtype(file.subtype)
        self._file.go_live()
        width = self._channels * (4 if dtype == "float32" else 2)
        block: Any = bytearray(self.rate // _BLOCKS_A_SECOND * width)
        while not self._file.closed:
            left = (file.frames - self.samples) * width  # behind them are tags, not samples
            frames = file.buffer_read_into(memoryview(block)[:left], dtype)
            if not frames:
                return
            self.samples += frames
            self._file.write(bytes(block[: frames * width]))
