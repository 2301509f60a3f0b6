"""
What the two readers of encoded audio (files, streams) need of soundfile.

soundfile and numpy are imported inside functions: they are slow to load, and raw PCM needs neither.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from soundfile import SoundFile

__all__ = [
    "float_to_s16le",
    "integers_to_s16le",
    "mean_of",
    "native_dtype",
    "open_sequential",
    "rounded_to_s16le",
    "scaled_to_s16le",
]

# libsndfile scales integer samples to 16 bits by itself, but hands out float samples unscaled.
_FLOATS = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_")


def native_dtype(subtype: str) -> Literal["int16", "float32"]:
    """Return the soundfile dtype in which *subtype* must be read to lose nothing of 16 bits."""
    return "float32" if subtype.startswith(_FLOATS) else "int16"


def float_to_s16le(samples: Any, channels: int = 1) -> bytes:
    """
    Convert float32 samples in [-1, 1] to s16le mono: averaged, rounded and clipped.

    NaN is silence, and infinity is full scale.

    Args:
        samples: A buffer of float32, interleaved by channel.
        channels: Number of channels.

    Returns:
        The samples, two bytes each.
    """
    import numpy as np

    floats = np.frombuffer(samples, np.float32).reshape(-1, channels)
    with np.errstate(invalid="ignore", over="ignore"):
        mono = mean_of(floats, 32768)
        if not np.isfinite(mono.max(initial=0) - mono.min(initial=0)):  # fast for all samples
            mono = mean_of(np.nan_to_num(floats, posinf=1.0, neginf=-1.0), 32768)
    return scaled_to_s16le(mono)


def integers_to_s16le(samples: "NDArray[np.int16]") -> bytes:
    """Return the mean of the channels of *samples*, of shape [samples, channels], rounded."""
    import numpy as np

    if samples.shape[1] == 1:
        return samples.astype("<i2", copy=False).tobytes()
    return rounded_to_s16le(mean_of(samples.astype(np.float32)))


def scaled_to_s16le(samples: "NDArray[np.float32]") -> bytes:
    """Return samples of the scale of int16, clipped and rounded. Overwrites *samples*."""
    return rounded_to_s16le(samples.clip(-32768, 32767, out=samples))


def rounded_to_s16le(samples: "NDArray[np.float32]") -> bytes:
    """Return samples in the range of int16, rounded. Overwrites *samples*."""
    import numpy as np

    return np.rint(samples, out=samples).astype("<i2").tobytes()


def mean_of(
    samples: "NDArray[np.float32]",
    scale: float = 1.0,
    out: "NDArray[np.float32] | None" = None,
) -> "NDArray[np.float32]":
    """Return the mean of the channels of *samples*, of shape [samples, channels], times *scale*."""
    import numpy as np

    channels: int = samples.shape[1]
    factor = np.float32(scale / channels)
    if channels == 1:
        return np.multiply(samples[:, 0], factor, out=out)
    mono = np.add(samples[:, 0], samples[:, 1], out=out)  # many times as fast as `mean(axis=1)`
    for channel in samples.T[2:]:
        mono += channel
    return np.multiply(mono, factor, out=mono)


def open_sequential(source: Any) -> "SoundFile":
    """
    Open a path or file object to be read from its start to its end with `buffer_read_into`.

    soundfile seeks to the position where it is after each read. In MP3 that empties the decoder's
    bit reservoir and distorts the samples around it, so this one declares that it cannot seek.
    """
    import soundfile

    if isinstance(source, Path):
        # As bytes, because on POSIX a name may not be valid text.
        source = os.fsencode(source) if os.name == "posix" else str(source)
    file: SoundFile = soundfile.SoundFile(source)
    file.seekable = lambda: False
    return file
