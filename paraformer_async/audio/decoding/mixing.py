"""Several channels to one, without the words that a plain mean would cancel out; or kept apart."""

from functools import reduce
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Downmix", "Interleave", "Mixer"]

_CANCELED = 0.01  # of the power of the channels: a mean of up to 100 of them keeps more
_AUDIBLE = 1e-8  # power, of full scale: -80 dBFS
_TOO_LITTLE = 0.1  # seconds of canceling that are not worth a remark


class Mixer(Protocol):
    """What becomes of the channels of one file."""

    def mix(self, samples: "NDArray[np.float32]", rate: int) -> "NDArray[np.float32]":
        """Return one block; see `Downmix.mix`."""
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

    def mix(self, samples: "NDArray[np.float32]", rate: int) -> "NDArray[np.float32]":
        """Return one block, of shape [samples * channels]; see `Downmix.mix`."""
        import numpy as np

        del rate
        self._channels = self._channels or samples.shape[1]
        if samples.shape[1] != self._channels:
            mean = samples.mean(axis=1, dtype=np.float32)
            samples = np.repeat(mean[:, np.newaxis], self._channels, axis=1)
        return np.ascontiguousarray(samples).reshape(-1)

    def remark(self) -> str:
        """Return nothing: no channel is left out."""
        return ""


class Downmix:
    """
    Mixes the channels of one file to mono: their mean, or the loudest one where they cancel out.

    Channels of opposite phases cancel each other: their mean is silence. That is decided block by
    block, so the same blocks give the same samples.
    """

    def __init__(self) -> None:
        self._canceled = 0.0

    def mix(self, samples: "NDArray[np.float32]", rate: int) -> "NDArray[np.float32]":
        """
        Return one block as mono.

        Args:
            samples: float32 in [-1, 1], of shape [samples, channels]; NaN in one of several is
                silence.
            rate: Sample rate in Hz.

        Returns:
            float32, of shape [samples].
        """
        import numpy as np

        if samples.shape[1] == 1:
            return samples[:, 0]
        power = _power(samples)
        if not np.isfinite(power):
            samples = np.nan_to_num(samples, posinf=1.0, neginf=-1.0)
            power = _power(samples)
        mono: NDArray[np.float32] = reduce(np.add, samples.T)
        mono /= np.float32(samples.shape[1])
        size = len(mono)
        if power > _AUDIBLE * size and np.dot(mono, mono) < _CANCELED * power:
            self._canceled += size / rate
            return max(map(np.ascontiguousarray, samples.T), key=lambda one: np.dot(one, one))
        return mono

    def remark(self) -> str:
        """Return what was noticed in all blocks; empty if nothing was."""
        if self._canceled < _TOO_LITTLE:
            return ""
        return (
            f"has channels of opposite phases, which cancel each other out: for "
            f"{self._canceled:.2f} s, only the loudest was used"
        )


def _power(samples: "NDArray[np.float32]") -> float:
    """Return the mean power of the channels, as a sum of squares."""
    import numpy as np

    flat = samples.reshape(-1, order="A")  # without a copy, interleaved or not
    channels: int = samples.shape[1]
    return float(np.dot(flat, flat)) / channels
