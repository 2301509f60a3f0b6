"""The two clocks of a stream: that of its audio, and that of the wall."""

from bisect import bisect_right
from collections.abc import Callable

from msgspec.structs import replace

from paraformer_async.options.checks import require_function, require_number
from paraformer_async.results import Sentence

__all__ = ["WallClock", "on_clock"]

# Changes in ms between the clocks that are not noted: the jitter of sources.
_JITTER = 50


class WallClock:
    """
    Converts times of the audio to the time that has passed since its beginning.

    Both are the same while audio arrives in real time. After a pause of the source, the clock of
    the audio is behind: it stands still meanwhile.

        clock = WallClock(time.monotonic)
        captions = CaptionWriter("show.vtt", clock=clock)
        async for frame in source:
            await stream.send(frame)
            clock.arrived(len(frame) / 32)  # ms of s16le mono at 16000 Hz

    Args:
        now: Returns seconds that never go back.

    Raises:
        InvalidOptionError: *now* is no function.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        require_function("now", now, "no arguments")
        self._now = now
        self._start: float | None = None
        self._audio = 0.0  # ms that have arrived
        self._places = [0.0]  # ms of audio, each with the delay from there on
        self._delays = [0]

    def arrived(self, ms: float) -> None:
        """Note that the next *ms* of audio have arrived just now."""
        if self._start is None:
            self._start = self._now() - ms / 1000
        delay = round((self._now() - self._start) * 1000 - self._audio - ms)
        place = self._audio
        while delay < self._delays[-1] - _JITTER and len(self._delays) > 1:
            self._delays.pop()  # there was no pause: that audio came late, and the rest is in time
            place = self._places.pop()
        if delay > self._delays[-1] + _JITTER:
            self._places.append(place)
            self._delays.append(delay)
        self._audio += ms

    def __call__(self, ms: int) -> int:
        """Return when the audio at *ms* was recorded, in ms since the beginning."""
        return ms + self._delays[max(bisect_right(self._places, ms) - 1, 0)]


def on_clock(sentence: Sentence, clock: Callable[[int], int]) -> Sentence:
    """
    Return *sentence* with all times converted by *clock*.

    Raises:
        InvalidOptionError: *clock* has returned something else than a number.
    """

    def on(ms: int) -> int:
        return round(require_number("clock", clock(ms), "a number of ms"))

    words = tuple(
        replace(word, begin_time=on(word.begin_time), end_time=on(word.end_time))
        for word in sentence.words
    )
    end = None if sentence.end_time is None else on(sentence.end_time)
    return replace(sentence, begin_time=on(sentence.begin_time), end_time=end, words=words)
