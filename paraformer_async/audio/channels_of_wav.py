"""WAV streams of several channels, as WAV streams of one."""

from struct import Struct

from paraformer_async._core.wav import IEEE_FLOAT, PCM, WavHeader
from paraformer_async.audio.channels import Deinterleaver, Divider
from paraformer_async.audio.companding import expander
from paraformer_async.errors import AudioError
from paraformer_async.options.options import Channels

__all__ = ["WavDivider"]

_HEADER = Struct("<4sI4s4sIHHIIHH4sI")
_ENCODINGS = {6: "alaw", 7: "mulaw"}
_WIDTHS = {PCM: (1, 2, 3, 4), IEEE_FLOAT: (4, 8), **dict.fromkeys(_ENCODINGS, (1,))}
_UNKNOWN = 0xFFFF_FFFF  # size of a stream whose end is not known, or of more than 4 GiB


class WavDivider(Divider):
    """
    Divides a WAV stream, as `Divider`: each part is WAV, with a header of its own.

    What follows the samples in the stream is skipped.

    Args:
        channels: What becomes of the channels.
        count: Number of channels, as in the header.
    """

    def __init__(self, channels: Channels, count: int) -> None:
        super().__init__(channels, count, "wav", 0)
        self._header = WavHeader()
        self._is_begun = False
        self._left: int | None = None  # bytes of samples still to come; None: unknown

    def origin(self, position: int) -> tuple[int, int]:
        """Return the beginning, for the header is read again; see `Divider.origin`."""
        return 0, position

    def feed(self, chunk: bytes) -> list[bytes]:
        """
        Return the bytes of each part that *chunk* completes.

        Raises:
            AudioError: It is no WAV, has another number of channels, or cannot be divided.
        """
        if self._is_begun:
            return self._divided(self._within(chunk))
        header = self._header
        samples = bytes(header.feed(chunk))
        if header.problem:
            raise AudioError(header.problem, hint='use format="pcm" for samples without a header')
        if not header.is_complete:
            return [b"" for _ in self.labels]
        self._begin()
        mono = self._mono_header()
        return [mono + part for part in self._divided(self._within(samples))]

    def _begin(self) -> None:
        self._is_begun = True
        header = self._header
        if header.channels != self._count:
            raise AudioError(
                f"the stream was declared with {self._count} channel(s), and has {header.channels}",
                hint=f"set input_channels={header.channels}",
            )
        width = -(-header.bits // 8)
        if width not in _WIDTHS.get(header.codec, ()):
            raise AudioError(
                f"WAV of encoding {header.codec} with {header.bits} bits cannot be divided into "
                "channels",
                hint="decode it to pcm first; for files, use transcribe(path)",
            )
        if header.codec in _ENCODINGS:
            self._expand = expander(_ENCODINGS[header.codec])
        else:
            self._codec = header.codec
        self._samples = Deinterleaver(self._count, width)
        self._rate, self._left = header.sample_rate, header.data_size

    def _within(self, chunk: bytes) -> bytes:
        if self._left is not None:
            chunk = chunk[: self._left]
            self._left -= len(chunk)
        return chunk

    def _mono_header(self) -> bytes:
        header = self._header
        codec, bits = (PCM, 16) if self.is_mix else (header.codec, header.bits)
        width = -(-bits // 8)
        size = _UNKNOWN
        if header.data_size is not None:
            samples = header.data_size // (self._samples.width * self._count)
            size = min(samples * width, _UNKNOWN)
        rate = header.sample_rate
        return _HEADER.pack(
            *(b"RIFF", min(size + _HEADER.size - 8, _UNKNOWN), b"WAVE"),
            *(b"fmt ", 16, codec, 1, rate, rate * width, width, bits),
            *(b"data", size),
        )
