"""
Compares how fast audio is accepted with real time.

Audio in real time is never ahead. It is measured where it is accepted, not where it is sent: after
an outage, what a live source has buffered meanwhile is sent fast, and is not ahead. Nor does a
source that was idle earn the right to be ahead: only time in which it had to wait counts.
"""

from math import inf

__all__ = ["Pace"]

# How far audio in real time may be ahead of the clock, in seconds: sources deliver unevenly.
_LEAD = 1.0
# How much further than that audio may be behind before the rest is forgotten, as a multiple of it.
_SLACK = 1.5
# How much faster than real time a live source may be, for hours: no two clocks agree.
_DRIFT = 1.02


class Pace:
    """
    Compares the duration of accepted audio with the clock.

    Args:
        bytes_per_second: Of the audio; `None` for compressed audio, which is never ahead.
        keep: Seconds of audio that are kept: audio that is no more ahead than this allows for, and
            all that may be sent before it counts as ahead, is kept.

    Attributes:
        held_until: When held-back audio is no longer ahead; infinity if none is held back.
    """

    def __init__(self, bytes_per_second: int | None, keep: float = 60.0) -> None:
        self._lead = min(_LEAD, keep / 8)
        self._tolerated = self._lead * _SLACK
        self._longest = keep * 3 / 4 - self._lead
        # When all accepted audio can have been recorded; at first, long ago.
        self._end = -1e9
        self._accepted_at = -inf
        self._was_full = False
        self._seconds_per_byte = 0.0  # of a source whose clock is fast
        self.use(bytes_per_second)
        self.held_until = inf

    def use(self, bytes_per_second: int | None) -> None:
        """Measure audio of another rate from here on; `None` while it is unknown."""
        self._seconds_per_byte = 1 / (bytes_per_second * _DRIFT) if bytes_per_second else 0.0

    def accept(self, size: int, now: float, *, is_full: bool) -> None:
        """
        Note that *size* bytes have been accepted.

        Args:
            size: Bytes of the user's audio.
            now: The time.
            is_full: Whether the source has to wait from here on. Live audio gathers meanwhile.
        """
        seconds, end = size * self._seconds_per_byte, self._end
        if now - end > self._tolerated:
            end = now - self._credited(now - end, seconds)
        self._end = end + seconds
        self._accepted_at = now
        self._was_full = is_full

    def _credited(self, behind: float, seconds: float) -> float:
        """Return how much of the time that audio is *behind* counts."""
        if not self._was_full:  # an idle source is only late by its latest chunk
            earned = self._accepted_at - self._end
            behind = max(earned, min(behind, max(seconds, self._lead)))
        return min(behind, self._longest)

    def is_ahead(self, waiting: int, now: float) -> bool:
        """Return whether audio is ahead after which *waiting* more bytes have been accepted."""
        if not self._seconds_per_byte:
            return False
        later = waiting * self._seconds_per_byte
        due = self._end - later - self._lead
        self.held_until = due if due > now else inf
        return due > now

    def release(self, now: float) -> None:
        """Stop holding audio back if it is no longer ahead."""
        if self.held_until <= now:
            self.held_until = inf
