"""Whatever holds samples, as bytes."""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from paraformer_async.audio.decoding.mixing import Downmix
from paraformer_async.audio.decoding.samples import float_to_s16le
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.service import MOST_CHANNELS

__all__ = ["channels_in", "has_samples", "immutable", "is_buffer", "taker"]

# Element types of buffers: bytes, signed 16-bit samples, and floats.
_BYTES = ("B", "b", "c", "<B", "<b", "<c")
_SAMPLES = ("<h", "h", "=h", "@h") if sys.byteorder == "little" else ("<h",)
_FLOATS = ("f", "d", "e", "<f", "<d", "<e")
_HINT = "audio is 16-bit little-endian PCM, or an array of int16 or of floats in [-1, 1]"
_USUAL = 8  # channels, those of 7.1
_LOUDEST = 2.0  # of full scale: louder floats are of another scale


def is_buffer(source: object) -> bool:
    """Return whether *source* is a buffer, such as bytes, an array, or one of a C library."""
    try:
        memoryview(source)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        return False
    return True


def has_samples(chunk: object) -> bool:
    """Return whether *chunk* is a buffer of int16 or floats, not of bytes."""
    return type(chunk) is not bytes and _view_of(chunk).format not in _BYTES


def taker(encoding: str | None, channels: int | None = None) -> Callable[[object], bytes]:
    """
    Return the function that takes chunks of audio of *encoding*: `immutable`, if it is `None`.

    With an encoding, it takes buffers whose elements are bytes, and raises `InvalidOptionError` for
    all others: int16 and floats are decoded already. With a number of channels, what it returns is
    interleaved, and not mixed; arrays are of shape [samples, channels], or interleaved.
    """
    if channels is not None:
        return partial(_interleaved, encoding, channels)
    return immutable if encoding is None else partial(_codes, encoding)


def channels_in(source: object) -> int | None:
    """Return the channels of an array of shape [samples, channels]; `None` for all else."""
    if not is_buffer(source):
        return None
    shape: tuple[int, ...] = memoryview(source).shape or (0,)  # type: ignore[arg-type]
    return shape[-1] if _has_channels(shape) else None


def immutable(chunk: object) -> bytes:
    """
    Return *chunk* as bytes, copying anything but bytes: a buffer may be reused by its owner.

    Takes all buffers (`bytearray`, `memoryview`, `array.array`, numpy arrays, buffers of cffi and
    ctypes) whose elements are bytes, int16, or floats in [-1, 1], contiguous or not. Samples of
    shape [samples, channels] are mixed to mono. Floats and channels need numpy.

    Raises:
        InvalidOptionError: *chunk* is not a buffer, or one of another element type, shape or scale.
    """
    if type(chunk) is bytes:
        return chunk
    if isinstance(chunk, bytes | bytearray):
        return bytes(chunk)
    view = _view_of(chunk)
    shape: tuple[int, ...] = view.shape or ()
    is_mono = max(shape, default=1) == view.nbytes // view.itemsize
    if is_mono and view.format not in _FLOATS:
        return view.tobytes()
    if view.format in _BYTES or not (is_mono or _has_channels(shape)):
        raise InvalidOptionError(
            "audio",
            f"an array of shape {shape} is not of shape [samples, channels]",
            hint="pass its transpose, or one channel",
        )
    return _mono(view, is_mono=is_mono)


def _codes(encoding: str, chunk: object) -> bytes:
    _require_codes(encoding, chunk)
    return immutable(chunk)


def _interleaved(encoding: str | None, channels: int, chunk: object) -> bytes:
    if type(chunk) is bytes:
        return chunk
    view = _view_of(chunk)
    shape: tuple[int, ...] = view.shape or ()
    if encoding is not None:
        _require_codes(encoding, chunk)
    if len(shape) > 1 and shape[1:] != (channels,):
        raise InvalidOptionError(
            "audio",
            f"an array of shape {shape} is not of shape [samples, {channels}]",
            hint="pass its transpose, or set input_channels= to the number of its channels",
        )
    if view.format not in _FLOATS:
        return view.tobytes()
    import numpy as np

    return float_to_s16le(_scaled(np.asarray(view)).reshape(-1))


def _require_codes(encoding: str, chunk: object) -> None:
    if has_samples(chunk):
        raise InvalidOptionError(
            "audio",
            f"{encoding} has one byte a sample, and an array of int16 or floats is decoded already",
            hint="pass the bytes of the frames, or decoded samples without encoding=",
        )


def _view_of(chunk: object) -> "memoryview[Any]":
    """Return a view of a buffer of bytes or samples, or raise."""
    try:
        view: memoryview[Any] = memoryview(chunk)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        raise InvalidOptionError(
            "audio", f"must be bytes, not {type(chunk).__name__}", hint=_HINT
        ) from None
    if view.format not in (*_BYTES, *_SAMPLES, *_FLOATS):
        raise InvalidOptionError(
            "audio",
            f"a buffer of elements {view.format!r} is neither bytes, int16 nor floats",
            hint=_HINT,
        )
    return view


def _has_channels(shape: tuple[int, ...]) -> bool:
    most = max(shape[0], _USUAL)  # a last block may have fewer samples than channels
    return len(shape) == 2 and 1 <= shape[1] <= min(MOST_CHANNELS, most)


def _mono(view: "memoryview[Any]", *, is_mono: bool) -> bytes:
    """Return samples as s16le mono; those of several channels have two dimensions."""
    import numpy as np

    samples: Any = np.asarray(view)
    if is_mono:
        samples = samples.reshape(-1, 1)
    return Downmix().mix(_scaled(samples) if view.format in _FLOATS else samples, 1)


def _scaled(samples: Any) -> Any:
    """Return floats as float32, or raise if they are of another scale."""
    import numpy as np

    loudest = np.abs(samples[np.isfinite(samples)]).max(initial=0)
    if loudest > _LOUDEST:
        raise InvalidOptionError(
            "audio",
            f"floats must be in [-1, 1], and one is {loudest:g}",
            hint="divide samples of the scale of int16 by 32768",
        )
    return samples.astype(np.float32)
