"""
What is needed of PyAV: open a file so that it opens nothing else, and frames to s16le mono.

PyAV and numpy are imported inside functions: they are slow to load, and PyAV is an extra.
"""

from collections.abc import Callable, Iterable, Iterator
from errno import EINVAL
from itertools import groupby, islice
from typing import IO, TYPE_CHECKING, Any

from paraformer_async.audio.decoding.mixing import Mixer
from paraformer_async.audio.decoding.pcm import Resampler

if TYPE_CHECKING:
    import numpy as np
    from av import AudioFrame
    from av.container import InputContainer
    from numpy.typing import NDArray

__all__ = ["open_container", "to_pcm"]

_BEYOND = 1 << 40  # bytes: no recording is as long
_FRAMES = 32  # at once; a frame has 20 to 100 ms
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_FULL_SCALE = {"u8": 1 << 7, "s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63}


def open_container(file: IO[bytes], demuxer: str) -> "InputContainer":
    """
    Open a file of a known container; nothing that it refers to is opened.

    Raises:
        av.error.FFmpegError, ValueError: The container cannot be read.
    """
    import av

    # Titles may be in any encoding; since 19.0, they are read only when they are asked for.
    is_strict = int(av.__version__.split(".")[0]) < 19
    lenient: dict[str, Any] = {"metadata_errors": "replace"} if is_strict else {}
    open_file: Callable[..., InputContainer] = av.open
    return open_file(_Input(file), format=demuxer, io_open=_refuse, **lenient)


def to_pcm(
    frames: "Iterable[AudioFrame]", rate: int, mixer: Mixer, channels: int = 1
) -> Iterator[bytes]:
    """
    Yield the samples of *frames* as s16le.

    Args:
        frames: Frames of any format, whose rate may change.
        rate: Sample rate in Hz to yield.
        mixer: Mixes their channels, or interleaves them.
        channels: Number of channels that *mixer* returns.

    Raises:
        MissingExtraError: The rate changes, and soxr is not installed.
    """
    resampler: Resampler | None = None
    current = rate
    for block, block_rate in _blocks(frames):
        if block_rate != current:
            if resampler:
                yield resampler.resample(b"", last=True)
            current = block_rate
            resampler = None if current == rate else _resampler(current, rate, channels)
        pcm = mixer.mix(block, current)
        yield resampler.resample(pcm) if resampler else pcm
    if resampler:
        yield resampler.resample(b"", last=True)


def _resampler(from_rate: int, to_rate: int, channels: int) -> Resampler:
    return Resampler(from_rate, to_rate, channels=channels, extra="av")


def _blocks(frames: "Iterable[AudioFrame]") -> "Iterator[tuple[NDArray[np.float32], int]]":
    """Yield the samples of several frames of one kind at once, and their rate: that is faster."""
    for (rate, *_), alike in groupby(frames, _kind):
        while some := list(islice(alike, _FRAMES)):
            yield _samples(some), rate


def _kind(frame: "AudioFrame") -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.format.name


def _samples(frames: "list[AudioFrame]") -> "NDArray[np.float32]":
    """Return the samples of frames as float32 in [-1, 1], of shape [samples, channels]."""
    import numpy as np

    channels = frames[0].layout.nb_channels
    is_planar = frames[0].format.is_planar
    name = frames[0].format.name.removesuffix("p")
    dtype = _TYPES[name]
    width = 1 if is_planar else channels
    size = sum(one.samples for one in frames) * width
    planes = np.empty((channels if is_planar else 1, size), dtype)
    for number, plane in enumerate(planes):
        parts = [_plane(one, number, dtype, one.samples * width) for one in frames]
        np.concatenate(parts, out=plane)
    samples: Any = planes.T if is_planar else planes[0].reshape(-1, channels)
    scale = _FULL_SCALE.get(name)
    if scale is None:
        return np.asarray(samples, np.float32)
    middle = 128.0 if samples.dtype == np.uint8 else 0.0
    floats: NDArray[np.float32] = ((samples - middle) / scale).astype(np.float32)
    return floats


def _plane(frame: Any, number: int, dtype: str, count: int) -> "NDArray[Any]":
    """Return what `to_ndarray` returns of a plane, at a fraction of its cost."""
    import numpy as np
    from av.audio.plane import AudioPlane

    plane: Any = AudioPlane(frame, number)
    return np.frombuffer(plane, dtype, count)  # a plane may be longer


def _refuse(*_: object) -> Any:
    """Open none of the files that a file refers to."""
    raise PermissionError("a reference to another file is not followed")


class _Input:
    """A file without a name, which PyAV would take for an address."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.read = file.read
        self.tell = file.tell
        self.seek(0)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position, or return the code of an error, if a damaged file leads nowhere."""
        return self._file.seek(offset, whence) if offset < _BEYOND else -EINVAL
