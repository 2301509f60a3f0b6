"""What the decoders of the local service have in common."""

from typing import Final, Protocol

from paraformer_async.errors import AudioError

__all__ = ["RATES", "Stage", "UndecodableAudio", "UnsupportedFormat"]

RATES: Final = range(1_000, 384_001)
"""Sample rates in Hz that are taken; outside of it resampling would expand without bounds."""


class UnsupportedFormat(AudioError):
    """The format is a known one, or its name is not, and nothing here can decode it."""


class UndecodableAudio(AudioError):
    """The bytes that came are not audio in the declared format."""


class Stage(Protocol):
    """
    Turns encoded bytes into s16le mono. Called from one thread at a time; never awaits.

    Attributes:
        rate: Rate in Hz of the PCM; known when the first PCM is given.
        cheap: Whether the next call may run in the event loop, since it loads and computes nothing.
        more: Whether the last call left PCM that needs no further bytes.
    """

    @property
    def rate(self) -> int: ...

    @property
    def cheap(self) -> bool: ...

    @property
    def more(self) -> bool: ...

    def push(self, data: bytes) -> bytes:
        """Take more bytes and return the PCM that they made available."""
        ...

    def end(self) -> bytes:
        """Return more of the rest; empty when nothing is left."""
        ...

    def close(self) -> None:
        """Let go of what is held. Does not wait; may be called from any thread, and twice."""

    def join(self) -> None:
        """Wait until everything that `close` let go has ended."""
