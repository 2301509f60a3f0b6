"""The audio of one sentence, in frames of 512 samples: what the Silero VAD hears at a time."""

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]

__all__ = ["FRAME_BYTES", "FRAME_MS", "SAMPLE_RATE", "Frame", "Segment", "quietest_place"]

SAMPLE_RATE = 16000
FRAME_BYTES = 1024
FRAME_MS = 32
_SHORTEST = 300  # ms of voice; the recognizer invents words for less
_CUT_REACH = 160  # frames before the cap in which a cut is looked for (5 s)
_CUT_REST = 16  # frames that a cut leaves for the next sentence, so that it is not too short


class Frame(NamedTuple):
    """
    One step of the VAD.

    Attributes:
        begin: Its start in ms from the first sample of the recognition.
        samples: 512 samples, float32, -1 to 1, 16 kHz mono.
        voiced: Whether it holds speech.
    """

    begin: int
    samples: "Samples"
    voiced: bool


class Segment:
    """
    The audio of one sentence. Frames are only ever added at its end.

    Attributes:
        frames: Its frames in order, with longer pauses left out.
    """

    def __init__(self, frames: list[Frame]) -> None:
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
        """How much audio it holds, in ms."""
        return len(self.frames) * FRAME_MS

    @property
    def voiced(self) -> int:
        """How much of it is speech, in ms."""
        return sum(frame.voiced for frame in self.frames) * FRAME_MS

    @property
    def worth_hearing(self) -> bool:
        """Whether it holds enough speech to be recognized."""
        return self.voiced >= _SHORTEST


def quietest_place(frames: list[Frame]) -> int:
    """
    Where to cut a sentence that has grown too long: the quietest place in its last 5 s.

    Returns:
        How many frames to leave in the first part; the others begin the next sentence.
    """
    import numpy as np

    last = len(frames) - _CUT_REST
    first = max(1, last - _CUT_REACH)
    power = [float(np.square(frame.samples).mean()) for frame in frames[first - 1 : last + 1]]
    # A frame alone may be quiet between two sounds of a word: weigh its neighbors too.
    smooth = [sum(power[at - 1 : at + 2]) for at in range(1, len(power) - 1)]
    return first + smooth.index(min(smooth)) + 1
