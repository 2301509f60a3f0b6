"""Check that a stream begins as the format in which it was declared."""

import struct

from paraformer_async.audio._sniffing import guess_container
from paraformer_async.errors import AudioError

__all__ = ["Heading"]

_MAGIC = 12  # bytes
_MAX_HEADER = 1 << 16
# The containers with which a stream may begin, by its format; others are not checked.
_ALLOWED: dict[str, tuple[str, ...]] = {
    "pcm": (),
    "wav": ("wav",),
    "mp3": ("mp3",),
    "opus": ("opus",),
    "speex": ("opus",),
    "aac": ("mp3", "mp4"),
    "amr": ("amr",),
    "mulaw": (),
    "alaw": (),
}
_SERVICE_TAKES = ("wav", "mp3", "opus", "amr")
_ENCODINGS = ("mulaw", "alaw")


class Heading:
    """
    The first bytes of a stream, until they are known to be right.

    A stream that begins as another format is refused before any of it is sent: the service would
    recognize noise, or nothing, without an error.

    Args:
        format: The format of the stream, or the encoding of its samples.
    """

    def __init__(self, format: str) -> None:
        self._format = format
        self._allowed = _ALLOWED.get(format)
        self._head = b""

    def feed(self, chunk: bytes) -> bool:
        """
        Take the next chunk; return whether more are needed.

        Raises:
            AudioError: The stream is not of its declared format, or has several channels.
        """
        if self._allowed is None:
            return False
        self._head += chunk[:_MAX_HEADER]
        if len(self._head) < _MAGIC:
            return True
        container = guess_container(self._head)
        if container and container not in self._allowed:
            raise self._mistaken(container)
        if self._format != "wav":
            return False
        if container != "wav":
            raise AudioError(
                "the stream was declared as wav and does not begin as one",
                hint='use format="pcm" for samples without a header',
            )
        return self._check_channels()

    def _mistaken(self, container: str) -> AudioError:
        hint = "decode it first; for files, use transcribe(path)"
        if self._format in _ENCODINGS:
            hint = "pass the samples without a header; for files, use transcribe(path)"
        elif container in _SERVICE_TAKES:
            hint = f'use stream(…, format="{container}"); for files, use transcribe(path)'
        return AudioError(
            f"the stream was declared as {self._format} and begins as {container}", hint=hint
        )

    def _check_channels(self) -> bool:
        """Find the `fmt ` chunk of a WAV header; return whether more bytes are needed."""
        position = _MAGIC
        while len(self._head) >= position + 12:
            name, size, _, channels = struct.unpack_from("<4sIHH", self._head, position)
            if name == b"fmt ":
                if channels != 1:
                    raise AudioError(
                        f"the stream has {channels} channels; recognition needs mono audio",
                        hint=f"set input_channels={channels}: they are mixed, or with channels= "
                        "split, or one is used",
                    )
                return False
            position += 8 + size + size % 2
        return position < _MAX_HEADER and len(self._head) < _MAX_HEADER
