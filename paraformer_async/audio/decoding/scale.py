"""Float samples of the scale of integers, from arrays that were converted but not scaled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundfile import SoundFile

    from paraformer_async.audio.plain import PlainSound

__all__ = ["full_scale"]

_BLOCK = 1 << 16  # samples
_LOUD = 64.0  # of full scale: no recording is as loud, and no speech of an integer scale as quiet
_SCALES = (1 << 15, 1 << 23, 1 << 31)


def full_scale(sound: "SoundFile | PlainSound") -> float:
    """
    Return what full scale is in a file of float samples: 1, or that of 16, 24 or 32 bits.

    Reads *sound* to its end.
    """
    import numpy as np

    loudest = 0.0
    buffer = np.empty(_BLOCK * sound.channels, np.float32)
    while count := sound.buffer_read_into(buffer, "float32"):
        samples = np.abs(buffer[: count * sound.channels])
        loudest = max(loudest, float(samples[np.isfinite(samples)].max(initial=0)))
    if loudest < _LOUD:
        return 1.0
    return float(next((scale for scale in _SCALES if loudest <= scale), _SCALES[-1]))
