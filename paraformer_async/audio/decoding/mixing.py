"""Several channels to one, without the words that a plain mean would cancel out; or kept apart."""

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from paraformer_async.audio.decoding.samples import (
    float_to_s16le,
    integers_to_s16le,
    mean_of,
    rounded_to_s16le,
    scaled_to_s16le,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Block: TypeAlias = NDArray[Any]  # int16 or float32

__all__ = ["Downmix", "Interleave", "Mixer"]

# Shares of the power that independent channels have in their mean. A short block may have little of
# it by chance; opposite phases leave less than half of it for longer, even if a hum is in phase.
_AT_ONCE, _LATELY = 0.1, 0.5
_ENOUGH = 4800  # samples that show more than chance
# In a block of fewer samples, or of less than 10 ms, any two channels may cancel each other out.
_FEW = 80
_HALF_LIFE = 0.5  # seconds after which what was measured counts half
_AUDIBLE = 1e-8 * 32768**2  # power: -80 dBFS
_TOO_LITTLE = 0.1  # seconds of canceling that are not worth a remark
# Samples of which numpy has the sum of squares computed by one thread: OpenBLAS divides more than
# 10,000 among threads, which then spin for longer than a short file takes to be mixed.
_BLOCK = 8192


class Mixer(Protocol):
    """What becomes of the channels of one file."""

    def mix(self, samples: "Block", rate: int) -> bytes:
        """
        Return one block as s16le.

        Args:
            samples: int16, or float32 in [-1, 1], of shape [samples, channels]. NaN is silence.
            rate: Sample rate in Hz.
        """
        ...

    def remark(self) -> str:
        """Return what was noticed in all blocks; empty if nothing was."""
        ...


class Interleave:
    """
    Keeps the channels of one file apart: sample by sample, in turn.

    Where the number of channels changes in the middle, their mean is on all of those there were.
    """

    def __init__(self) -> None:
        self._channels = 0

    def mix(self, samples: "Block", rate: int) -> bytes:
        """Return one block, the channels interleaved; see `Mixer.mix`."""
        import numpy as np

        del rate
        channels = samples.shape[1]
        self._channels = self._channels or channels
        if channels != self._channels:
            mean = np.frombuffer(_s16le(samples), "<i2")
            return mean.repeat(self._channels).tobytes()
        return _s16le(samples.reshape(-1, 1))

    def remark(self) -> str:
        """Return nothing: no channel is left out."""
        return ""


class Downmix:
    """
    Mixes the channels of one file to mono: their mean, or the loudest one where they cancel out.

    Channels of opposite phases cancel each other: their mean is silence. That is decided block by
    block, from it and the latest ones, so the same blocks from the beginning on give the same
    samples.
    """

    def __init__(self) -> None:
        self._canceled = 0.0
        self._size = 0  # samples so far
        # The power of the mean of the latest ones: that of independent channels, and theirs.
        self._expected = self._kept = 0.0
        self._chosen = 0  # the loudest channel
        # The system makes new memory zero page by page, which takes longer than to mix it.
        self._floats, self._mono = _Scratch(), _Scratch()

    def mix(self, samples: "Block", rate: int) -> bytes:
        """Return one block as mono; see `Mixer.mix`."""
        import numpy as np

        if samples.shape[1] == 1:
            return _s16le(samples)
        is_integer = _is_integer(samples)
        scale = 1.0 if is_integer else 32768.0  # to that of int16
        floats = self._floats.copy_of(samples) if is_integer else samples
        size, channels = samples.shape
        power = _power(floats)
        if not (is_integer or power <= size):  # NaN, or damaged samples beyond full scale
            floats = np.nan_to_num(floats).clip(-1.0, 1.0)
            power = _power(floats)
        power *= scale**2
        mono = mean_of(floats, scale, self._mono.array(size))
        if power > _AUDIBLE * size and self._cancels(power / channels, _square(mono), size, rate):
            self._canceled += size / rate
            mono = self._loudest(floats) * np.float32(scale)
        return rounded_to_s16le(mono) if is_integer else scaled_to_s16le(mono)

    def _cancels(self, expected: float, kept: float, size: int, rate: int) -> bool:
        """Return whether channels cancel each other out, by the power of their mean."""
        fade = 0.5 ** (size / rate / _HALF_LIFE)
        self._size += size
        self._expected = self._expected * fade + expected
        self._kept = self._kept * fade + kept
        if self._size >= _ENOUGH and self._kept < _LATELY * self._expected:
            return True
        few = max(_FEW, rate // 100)
        if size < few:  # a source may be cut anywhere
            expected, kept = self._expected, self._kept
        return self._size >= few and kept < _AT_ONCE * expected

    def _loudest(self, floats: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the loudest channel; the one before, unless its power is less than half of it."""
        import numpy as np

        powers = [_square(channel) for channel in map(np.ascontiguousarray, floats.T)]
        if powers[self._chosen] < max(powers) / 2:  # to change it turns the phase
            self._chosen = powers.index(max(powers))
        return floats[:, self._chosen]

    def remark(self) -> str:
        """Return what was noticed in all blocks; empty if nothing was."""
        if self._canceled < _TOO_LITTLE:
            return ""
        return (
            f"has channels of opposite phases, which cancel each other out: for "
            f"{self._canceled:.2f} s, only the loudest was used"
        )


class _Scratch:
    """Memory for float32 that is used again."""

    def __init__(self) -> None:
        self._memory: NDArray[np.float32] | None = None

    def array(self, size: int) -> "NDArray[np.float32]":
        """Return an array of *size* samples, of any content; the one before is overwritten."""
        import numpy as np

        if self._memory is None or len(self._memory) < size:
            self._memory = np.empty(size, np.float32)
        return self._memory[:size]

    def copy_of(self, samples: "NDArray[np.int16]") -> "NDArray[np.float32]":
        """Return *samples* as float32; the array before is overwritten."""
        import numpy as np

        floats = self.array(samples.size).reshape(samples.shape)
        np.copyto(floats, samples)
        return floats


def _s16le(samples: "Block") -> bytes:
    """Return the mean of channels, whether they cancel out or not."""
    import numpy as np

    if _is_integer(samples):
        return integers_to_s16le(samples)
    return float_to_s16le(np.ascontiguousarray(samples), samples.shape[1])


def _is_integer(samples: "Block") -> bool:
    return samples.dtype.kind == "i"


def _power(samples: "NDArray[np.float32]") -> float:
    """Return the mean power of the channels, as a sum of squares."""
    import numpy as np

    flat = samples.reshape(-1, order="A")  # without a copy, interleaved or not
    channels: int = samples.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):  # of damaged samples
        return _square(flat) / channels


def _square(samples: "NDArray[np.float32]") -> float:
    """Return the sum of squares of one channel."""
    blocks = [samples[start : start + _BLOCK] for start in range(0, len(samples), _BLOCK)]
    return float(sum([block.dot(block) for block in blocks]))
