"""
Where the audio of a video is in time: what its packets say, kept by silence where there is none.

Sound may begin later than the picture, a recorder may pause, packets may be lost: samples that were
simply joined would be early from there on, and so would captions.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av import AudioFrame

__all__ = ["LONGEST", "TOLERANCE", "Timing"]

TOLERANCE: Final = 0.2  # seconds; codecs delay, and containers round
_RESTART: Final = 1.0  # seconds back: the times begin anew, as where two recordings were joined
LONGEST: Final = 3600.0  # seconds of silence in a file: a damaged time may claim a missing day
_PIECES: Final = 10  # in a second of silence


class Timing:
    """
    Puts silence between the frames of one file, so that each is at its time.

    What begins before its predecessor has ended follows it at once.

    Attributes:
        position: Seconds of audio so far, silence included.
        filled: Seconds of silence between frames, not counting what is before the first one.
        unfilled: Seconds that would have been too many: what follows them follows at once.

    Args:
        start: The time in seconds at which the file begins, with its sound or its picture.
        longest: Seconds between frames that are a gap; more are another clock.
    """

    def __init__(self, start: float, longest: float = LONGEST) -> None:
        self.filled: float = 0.0
        self.unfilled: float = 0.0
        self._origin = start  # the time of the first sample
        self.position: float = 0.0
        self._longest = longest
        self._silence = 0.0
        self._last: float | None = None

    def placed(self, frames: "Iterable[AudioFrame]") -> "Iterator[AudioFrame]":
        """Yield *frames*, and frames of silence of the same kind where something is missing."""
        for frame in frames:
            if frame.time is not None:
                gap = self._gap(frame.time)
                if gap:
                    yield from _silence(frame, gap)
                    self.position += gap
                self._last = frame.time
            yield frame
            self.position += frame.samples / frame.sample_rate

    def _gap(self, time: float) -> float:
        """Return the seconds of silence before a frame of this time."""
        gap = time - self._origin - self.position
        is_first = self._last is None
        longest = LONGEST if is_first else self._longest
        is_jump = gap > TOLERANCE and gap > min(longest, LONGEST - self._silence)
        if is_jump:
            self.unfilled += gap
        elif gap > TOLERANCE:
            self._silence += gap
            self.filled += 0.0 if is_first else gap
            return gap
        if is_first or is_jump or time < (self._last or 0.0) - _RESTART:
            self._origin += gap
        return 0.0


def _silence(like: "AudioFrame", seconds: float) -> "Iterator[AudioFrame]":
    """Yield frames of silence: one frame again and again, since they may be many."""
    rate = like.sample_rate
    left = round(seconds * rate)
    piece = _frame_of_silence(like, min(left, max(1, rate // _PIECES)))
    while left >= piece.samples:
        yield piece
        left -= piece.samples
    if left:
        yield _frame_of_silence(like, left)


def _frame_of_silence(like: "AudioFrame", samples: int) -> "AudioFrame":
    from av import AudioFrame
    from av.audio.plane import AudioPlane

    frame = AudioFrame(like.format, like.layout, samples)
    frame.sample_rate = like.sample_rate
    middle = b"\x80" if like.format.name.startswith("u8") else b"\0"
    count = like.layout.nb_channels if like.format.is_planar else 1
    for number in range(count):  # `planes` are wrong from 8 channels on
        plane = AudioPlane(frame, number)
        plane.update(middle * plane.buffer_size)
    return frame
