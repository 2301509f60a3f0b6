"""Samples around another middle than zero, as broken sound cards and conversions make them."""

from math import fsum, isfinite, sqrt
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from soundfile import SoundFile

    from paraformer_async.audio.plain import PlainSound

__all__ = ["offsets"]

_LONGEST = 60  # seconds from the beginning: an offset that lasts as long is one of all samples
_LEAST = 0.1  # seconds; less may be anything
_LARGE = 0.05  # of full scale
_STEP = 7  # samples: a look at some of them is enough to find none
_RATIO = 3.0  # to the deviation: an offset dominates what it carries


def offsets(sound: "SoundFile | PlainSound", dtype: Literal["int16", "float32"]) -> list[float]:
    """
    Return the offset of each channel, in units of *dtype*; nothing if all are usual ones.

    An offset of half of full scale is noise to an engine: the words are lost. One that passes, as
    while a sound card settles, is left as it is. Reads *sound* on. Needs no numpy.

    Args:
        sound: A file at its beginning.
        dtype: `int16` or `float32`, in which it is read.
    """
    scale = 1.0 if dtype == "float32" else 32768.0
    channels = sound.channels
    samples = _second(sound, dtype)
    count = len(samples) // channels
    if count < _LEAST * sound.samplerate:
        return []
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
    return found if is_large and _lasts(sound, dtype, found) else []


def _second(sound: "SoundFile | PlainSound", dtype: Literal["int16", "float32"]) -> Any:
    """Return the interleaved samples of the next second; fewer at the end, or at damage."""
    from soundfile import LibsndfileError

    width = 4 if dtype == "float32" else 2
    buffer = bytearray(min(sound.samplerate, sound.frames) * sound.channels * width)
    try:
        count = sound.buffer_read_into(buffer, dtype)
    except LibsndfileError:  # reading it says so
        count = 0
    view = memoryview(buffer)[: count * sound.channels * width]
    return view.cast("f") if dtype == "float32" else view.cast("h")


def _lasts(
    sound: "SoundFile | PlainSound", dtype: Literal["int16", "float32"], found: list[float]
) -> bool:
    """Whether the offsets that were *found* in the first second are those of the next ones."""
    means: list[list[float]] = [[] for _ in found]
    for _ in range(1, _LONGEST):
        samples = _second(sound, dtype)
        if len(samples) < _LEAST * sound.samplerate * len(found):
            break
        for channel, of_channel in enumerate(means):
            of_channel.append(fmean(samples[channel :: len(found)].tolist()))
    return all(
        not later or abs(median(later) - first) <= abs(first) / 2
        for first, later in zip(found, means, strict=True)
    )


def _is_large(samples: Any, scale: float) -> bool:
    """Whether the mean of *samples* may be that of an offset."""
    total: float = sum(samples.tolist())
    return abs(total) > _LARGE / 2 * scale * len(samples)
