"""What the decoders of single formats have in common."""

from typing import Final, Protocol

from paraformer_async.errors import AudioError

__all__ = ["RATES", "Stage", "UndecodableAudio", "UnsupportedFormat"]

RATES: Final = range(1_000, 384_001)
"""Supported sample rates in Hz; beyond them resampling would expand without bounds."""


class UnsupportedFormat(AudioError):
    """Nothing here can decode the format, or it is unknown."""


class UndecodableAudio(AudioError):
    """The received bytes are not audio in the declared format."""


class Stage(Protocol):
    """Decodes one format to s16le mono. Called from one thread at a time."""

    @property
    def rate(self) -> int:
        """Rate in Hz of the PCM that was returned last."""
        ...

    @property
    def cheap(self) -> bool:
        """Whether the next call may run in the event loop: it loads and computes nothing."""
        ...

    @property
    def more(self) -> bool:
        """Whether the last call left PCM that needs no further bytes."""
        ...

    @property
    def is_running(self) -> bool:
        """Whether `join` has something to wait for."""
        ...

    def push(self, data: bytes) -> bytes:
        """Decode more bytes, and return the PCM that they made available."""
        ...

    def end(self) -> bytes:
        """Return more of the rest; empty if nothing is left."""
        ...

    def close(self) -> None:
        """Release what is held, without waiting; may be called from any thread, and twice."""

    def join(self) -> None:
        """Wait until everything that `close` stops has ended."""
