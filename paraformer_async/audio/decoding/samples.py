"""
What the two readers of encoded audio (files, streams) need of soundfile.

soundfile and numpy are imported inside functions: they are slow to load, and raw PCM needs neither.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = ["float_to_s16le", "native_dtype", "open_sequential"]

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
    flat = floats.reshape(-1)
    if not np.isfinite(np.dot(flat, flat)):  # in one pass, unlike a look at each sample
        floats = np.nan_to_num(floats, posinf=1.0, neginf=-1.0)
    mono = floats.mean(axis=1, dtype=np.float64) if channels > 1 else floats[:, 0]
    scaled = mono * 32768.0
    np.rint(scaled, out=scaled)
    pcm: bytes = np.clip(scaled, -32768, 32767, out=scaled).astype("<i2").tobytes()
    return pcm


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
