"""
Voice activity: which parts of the audio are speech, and where a sentence ends.

Works on frames of 512 samples (32 ms at 16 kHz), the input size of the Silero VAD. A sentence keeps
its voiced frames and a little of the audio around them; longer pauses inside it are left out, so
they cost neither memory nor recognition.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from paraformer_async.engines._segment import (
    FRAME_BYTES,
    FRAME_MS,
    Segment,
    VadFrame,
    quietest_place,
)

if TYPE_CHECKING:
    from paraformer_async.engines._segment import Samples

__all__ = ["Segmenter"]

_SPEECH_ABOVE = 0.5  # probability that starts speech …
_SPEECH_UNTIL = 0.35  # … and the one that it must fall below to end
_PADDING = 8  # frames kept before and after speech: the VAD detects weak first sounds late


class Segmenter:
    """
    Cuts audio into sentences at pauses.

    Args:
        voice: Returns the probability, 0 to 1, that 512 samples are speech; called in order.
        pause: A pause of this many ms ends a sentence.
        longest: Longest sentence in ms; a longer one is cut in two.
        cut: Returns where; see `quietest_place`.

    Attributes:
        open: The current sentence; `None` in a pause between sentences.
    """

    def __init__(
        self,
        voice: Callable[["Samples"], float],
        *,
        pause: int,
        longest: int,
        cut: Callable[[list[VadFrame]], int] = quietest_place,
    ) -> None:
        self.open: Segment | None = None
        self._voice = voice
        self._pause = pause
        self._longest = longest // FRAME_MS
        self._cut = cut
        self._pending = bytearray()
        self._ended = False
        self._clock = 0  # ms of the next frame
        self._silence = 0  # ms since the last voiced frame
        self._before: deque[VadFrame] = deque(maxlen=_PADDING)

    def push(self, pcm: bytes) -> None:
        """Add audio, s16le mono at 16 kHz, of any length."""
        self._pending += pcm

    def end(self) -> None:
        """End the audio: `next` returns the current sentence, too."""
        if self.open is not None and self._pending:
            # Less than a frame, but the end of a word may be in it.
            self._pending += bytes(FRAME_BYTES - len(self._pending) % FRAME_BYTES)
        self._ended = True

    def next(self) -> Segment | None:
        """Return the next sentence that has ended; `None` if there is none in the audio so far."""
        while len(self._pending) >= FRAME_BYTES:
            segment = self._step(self._take())
            if segment is not None and segment.is_recognizable:
                return segment
        if not self._ended or self.open is None:
            return None
        segment, self.open = self.open, None
        return segment if segment.is_recognizable else None

    def _take(self) -> VadFrame:
        import numpy as np

        pcm = bytes(self._pending[:FRAME_BYTES])
        del self._pending[:FRAME_BYTES]
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        threshold = _SPEECH_UNTIL if self.open is not None and not self._silence else _SPEECH_ABOVE
        # The frame that `end` pads extends beyond the audio, but no word may.
        voiced = self._voice(samples) > threshold and not self._ended
        frame = VadFrame(self._clock, samples, voiced)
        self._clock += FRAME_MS
        return frame

    def _step(self, frame: VadFrame) -> Segment | None:
        if frame.voiced:
            return self._speech(frame)
        self._silence += FRAME_MS
        if self.open is not None and self._silence <= _PADDING * FRAME_MS:
            self.open.frames.append(frame)
        else:
            self._before.append(frame)
        if self.open is None or self._silence < self._pause:
            return None
        ended, self.open = self.open, None
        return ended

    def _speech(self, frame: VadFrame) -> Segment | None:
        self._silence = 0
        if self.open is None:
            self.open = Segment([])
        self.open.frames += [*self._before, frame]
        self._before.clear()
        if len(self.open.frames) <= self._longest:
            return None
        place = self._cut(self.open.frames)
        ended, self.open = Segment(self.open.frames[:place]), Segment(self.open.frames[place:])
        return ended
