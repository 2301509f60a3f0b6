"""Whatever holds samples, as bytes."""

import sys
from typing import Any

from paraformer_async.errors import InvalidOptionError

__all__ = ["immutable", "is_buffer"]

# Element types of buffers: bytes, and signed 16-bit samples.
_BYTES = ("B", "b", "c", "<B", "<b", "<c")
_SAMPLES = ("<h", "h", "=h", "@h") if sys.byteorder == "little" else ("<h",)
_FLOATS = ("f", "d", "e", "g")
_HINT = "audio is 16-bit little-endian mono PCM; convert an int16 array with .tobytes()"
_FLOAT_HINT = 'convert floats in [-1, 1] with (samples.clip(-1, 1) * 32767).astype("<i2")'


def is_buffer(source: object) -> bool:
    """Return whether *source* is a buffer, such as bytes, an array, or one of a C library."""
    try:
        memoryview(source)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        return False
    return True


def immutable(chunk: object) -> bytes:
    """
    Return *chunk* as bytes, copying anything but bytes: a buffer may be reused by its owner.

    Takes all buffers (`bytearray`, `memoryview`, `array.array`, numpy arrays, buffers of cffi and
    ctypes) whose elements are bytes or int16, contiguous or not. Floats and other integers are
    refused, not converted.

    Raises:
        InvalidOptionError: *chunk* is not a buffer, or one of another element type, or of several
            channels.
    """
    if type(chunk) is bytes:
        return chunk
    if isinstance(chunk, bytes | bytearray):
        return bytes(chunk)
    view: memoryview[Any]
    try:
        view = memoryview(chunk)  # type: ignore[arg-type]
    except (TypeError, ValueError, BufferError):
        raise InvalidOptionError(
            "audio", f"must be bytes, not {type(chunk).__name__}", hint=_HINT
        ) from None
    if view.format.endswith(_FLOATS):
        raise InvalidOptionError(
            "audio", f"a {type(chunk).__name__} of floats is not accepted", hint=_FLOAT_HINT
        )
    if view.format not in (*_BYTES, *_SAMPLES):
        raise InvalidOptionError(
            "audio",
            f"a {type(chunk).__name__} of elements {view.format!r} is neither bytes nor int16",
            hint=_HINT,
        )
    if (
        view.ndim != 1
        and view.shape is not None
        and max(view.shape, default=1) != view.nbytes // view.itemsize
    ):
        raise InvalidOptionError(
            "audio",
            f"a {type(chunk).__name__} of shape {view.shape} has several channels",
            hint="recognition needs mono audio: pass one channel",
        )
    return view.tobytes()
