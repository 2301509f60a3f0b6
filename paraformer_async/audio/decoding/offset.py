"""Samples around another middle than zero, as broken sound cards and conversions make them."""

from math import fsum, isfinite, sqrt
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from soundfile import SoundFile

    from paraformer_async.audio.plain import PlainSound

__all__ = ["offsets"]

_SECONDS = 1  # from the beginning
_LEAST = 0.1  # seconds; less may be anything
_LARGE = 0.05  # of full scale
_STEP = 7  # samples: a look at some of them is enough to find none
_RATIO = 3.0  # to the deviation: an offset dominates what it carries


def offsets(sound: "SoundFile | PlainSound", dtype: Literal["int16", "float32"]) -> list[float]:
    """
    Return the offset of each channel, in units of *dtype*; nothing if all are usual ones.

    An offset of half of full scale is noise to an engine: the words are lost. Reads *sound* on.
    Needs no numpy.

    Args:
        sound: A file at its beginning.
        dtype: `int16` or `float32`, in which it is read.
    """
    from soundfile import LibsndfileError

    width, scale = (4, 1.0) if dtype == "float32" else (2, 32768.0)
    channels = sound.channels
    frames = min(_SECONDS * sound.samplerate, sound.frames)
    buffer = bytearray(frames * channels * width)
    try:
        count = sound.buffer_read_into(buffer, dtype)
    except LibsndfileError:  # it is damaged, or cut off: reading it says so
        return []
    if count < _LEAST * sound.samplerate:
        return []
    view = memoryview(buffer)[: count * channels * width]
    samples: Any = view.cast("f") if dtype == "float32" else view.cast("h")
    if not any(
        _is_large(samples[channel :: channels * _STEP], scale) for channel in range(channels)
    ):
        return []
    found = []
    is_large = False
    for channel in range(channels):
        some = samples[channel::channels].tolist()
        mean = sum(some) / count
        if not isfinite(mean):
            return []
        found.append(mean)
        if abs(mean) > _LARGE * scale:
            deviation = sqrt(fsum((one - mean) ** 2 for one in some) / count)
            is_large = is_large or abs(mean) > _RATIO * deviation > 0
    return found if is_large else []


def _is_large(samples: Any, scale: float) -> bool:
    """Whether the mean of *samples* may be that of an offset."""
    total: float = sum(samples.tolist())
    return abs(total) > _LARGE / 2 * scale * len(samples)
