"""What the samples of a stream pass on their way to the service: expansion, resampling."""

from typing import TYPE_CHECKING

from paraformer_async.audio.companding import expander
from paraformer_async.audio.decoding.pcm import Resampler

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Converter", "converter"]


class Converter:
    """
    Converts the samples of one stream to s16le at the rate that is sent.

    The same samples give the same bytes, however they are divided into chunks.

    Args:
        encoding: `mulaw` or `alaw` for codes of G.711, `None` for s16le.
        from_rate: Rate in Hz of what is given.
        to_rate: Rate in Hz of what is returned.

    Raises:
        MissingExtraError: The rates differ, and soxr is not installed.
    """

    def __init__(self, encoding: str | None, from_rate: int, to_rate: int) -> None:
        self._expand: Callable[[bytes], bytes] = expander(encoding) if encoding else bytes
        self._width = 1 if encoding else 2
        self._rates = (from_rate, to_rate)
        self._resampler = self._new_resampler()
        self._begin()

    def _begin(self, skipped: int = 0) -> None:
        self._part = b""  # of a sample whose other half has not arrived
        self._skipped = skipped  # bytes of the result that are still to be left out
        self._is_drained = True

    def convert(self, chunk: bytes) -> bytes:
        """Return what the next *chunk* made available."""
        if self._resampler is None:
            return self._expand(chunk)
        if self._width == 2:
            chunk, self._part = self._cut(self._part + chunk)
        if not chunk:
            return b""
        self._is_drained = False
        return self._unskipped(self._resampler.resample(self._expand(chunk)))

    def drain(self) -> bytes:
        """Return what is held back: the utterance ends here, and another one may begin."""
        if self._resampler is None or self._is_drained:
            return b""
        rest = self._unskipped(self._resampler.resample(b"", last=True))
        self._resampler = self._new_resampler()
        self._is_drained = True
        return rest

    def end(self) -> bytes:
        """Return all that is held back, and half a sample if the audio ends within one."""
        rest, self._part = self.drain() + self._part, b""
        return rest

    def restart(self, position: int) -> int:
        """
        Begin anew, to return the bytes from *position* on once more.

        Returns:
            Where the source has to begin, in its own bytes.
        """
        if self._resampler is None:
            return position * self._width // 2
        self._resampler = self._new_resampler()
        self._begin(skipped=position)
        return 0  # a filter gives the same samples only if it has seen the same before

    def _new_resampler(self) -> Resampler | None:
        from_rate, to_rate = self._rates
        if from_rate == to_rate:
            return None
        return Resampler(from_rate, to_rate, extra="av", is_live=True)

    def _cut(self, data: bytes) -> tuple[bytes, bytes]:
        whole = len(data) & ~1
        return data[:whole], data[whole:]

    def _unskipped(self, pcm: bytes) -> bytes:
        skipped = min(self._skipped, len(pcm))
        self._skipped -= skipped
        return pcm[skipped:] if skipped else pcm


def converter(encoding: str | None, from_rate: int, to_rate: int) -> Converter | None:
    """Return a new converter, see there; `None` if there is nothing to convert."""
    if encoding is None and from_rate == to_rate:
        return None
    return Converter(encoding, from_rate, to_rate)
