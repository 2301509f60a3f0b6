"""The audio of one sentence, in frames of 512 samples: the input size of the Silero VAD."""

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]

__all__ = ["FRAME_BYTES", "FRAME_MS", "SAMPLE_RATE", "Segment", "VadFrame", "quietest_place"]

SAMPLE_RATE = 16000
FRAME_BYTES = 1024
FRAME_MS = 32
_SHORTEST = 300  # ms of voice; with less, a recognizer invents words
_CUT_REACH = 160  # frames before the limit that are searched for a cut (5 s)
_CUT_REST = 16  # least number of frames that a cut leaves to the next sentence


class VadFrame(NamedTuple):
    """
    One step of the VAD.

    Attributes:
        begin: Start in ms from the first sample of the recognition.
        samples: 512 samples, float32, -1 to 1, 16 kHz mono.
        voiced: Whether it is speech.
    """

    begin: int
    samples: "Samples"
    voiced: bool


class Segment:
    """
    The audio of one sentence. Frames are only appended.

    Attributes:
        frames: Its frames in order, without longer pauses.
    """

    def __init__(self, frames: list[VadFrame]) -> None:
        self.frames = frames

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The voiced parts as (begin, end) in ms."""
        spans: list[tuple[int, int]] = []
        for frame in self.frames:
            if not frame.voiced:
                continue
            begin, end = frame.begin, frame.begin + FRAME_MS
            if spans and spans[-1][1] == begin:
                begin = spans.pop()[0]
            spans.append((begin, end))
        return spans

    @property
    def samples(self) -> "Samples":
        """Its audio in one piece: float32, -1 to 1, 16 kHz mono."""
        import numpy as np

        return np.concatenate([frame.samples for frame in self.frames])

    @property
    def length(self) -> int:
        """Length of its audio in ms."""
        return len(self.frames) * FRAME_MS

    @property
    def voiced(self) -> int:
        """Length of its speech in ms."""
        return sum(frame.voiced for frame in self.frames) * FRAME_MS

    @property
    def is_recognizable(self) -> bool:
        """Whether it has enough speech to be recognized."""
        return self.voiced >= _SHORTEST


def quietest_place(frames: list[VadFrame]) -> int:
    """
    Return where to cut a sentence that is too long: the quietest place in its last 5 s.

    Returns:
        Number of frames of the first part; the others begin the next sentence.
    """
    import numpy as np

    last = len(frames) - _CUT_REST
    first = max(1, last - _CUT_REACH)
    power = [float(np.square(frame.samples).mean()) for frame in frames[first - 1 : last + 1]]
    # A single frame may be quiet between two sounds of a word: its neighbors count as well.
    smooth = [sum(power[at - 1 : at + 2]) for at in range(1, len(power) - 1)]
    return first + smooth.index(min(smooth)) + 1
