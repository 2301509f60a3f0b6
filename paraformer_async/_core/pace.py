"""Compares how fast audio is sent with real time."""

from math import inf

__all__ = ["Pace"]

# How far audio in real time may be ahead of the clock, in seconds: sources deliver unevenly.
_LEAD = 1.0


class Pace:
    """
    Compares the duration of audio with the clock.

    Args:
        bytes_per_second: Of the audio; `None` for compressed audio, which is never ahead.
        keep: Seconds of audio that are kept; half of them may be ahead, if that is less.

    Attributes:
        held_until: When held-back audio is no longer ahead; infinity if none is held back.
    """

    def __init__(self, bytes_per_second: int | None, keep: float = 60.0) -> None:
        self._bytes_per_second = bytes_per_second
        self._lead = min(_LEAD, keep / 2)
        self._began: float | None = None
        self.held_until = inf

    def begin(self, now: float) -> None:
        """Note that recording can have begun at *now*; the first call counts."""
        if self._began is None:
            self._began = now

    def is_ahead(self, size: int, now: float) -> bool:
        """Return whether *size* bytes are more than can have been recorded by *now*."""
        if self._bytes_per_second is None or self._began is None:
            return False
        due = self._began + size / self._bytes_per_second - self._lead
        self.held_until = due if due > now else inf
        return due > now

    def release(self, now: float) -> None:
        """Stop holding audio back if it is no longer ahead."""
        if self.held_until <= now:
            self.held_until = inf
