"""Float samples of the scale of integers, from arrays that were converted but not scaled."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soundfile import SoundFile

    from paraformer_async.audio.plain import PlainSound

__all__ = ["full_scale"]

_BLOCK = 1 << 16  # samples
_LOUD = 64.0  # of full scale: no recording is as loud, and no speech of an integer scale as quiet
_SCALES = (1 << 15, 1 << 23, 1 << 31)
_WRONG = 0.01  # of the samples that are not zero may be beyond full scale: they are damaged


def full_scale(sound: "SoundFile | PlainSound") -> float:
    """
    Return what full scale is in a file of float samples: 1, or that of 16, 24 or 32 bits.

    A few damaged samples, however large, do not decide. Reads *sound* to its end.
    """
    import numpy as np

    limits = (0.0, _LOUD, *map(float, _SCALES[:-1]))
    beyond = [0] * len(limits)
    buffer = np.empty(_BLOCK * sound.channels, np.float32)
    while count := sound.buffer_read_into(buffer, "float32"):
        samples = np.abs(buffer[: count * sound.channels])
        samples = samples[np.isfinite(samples)]
        for number, limit in enumerate(limits):
            found = int(np.count_nonzero(samples > limit))
            beyond[number] += found
            if not found:
                break
    audible, *beyond = beyond
    fitting = (
        scale
        for scale, count in zip((1, *_SCALES[:-1]), beyond, strict=True)
        if count <= audible * _WRONG
    )
    return float(next(fitting, _SCALES[-1]))
