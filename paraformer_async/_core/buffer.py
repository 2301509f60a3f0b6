"""The user's audio that has not been sent yet, cut into frames, with marks in between."""

from collections import deque
from enum import Enum
from typing import TypeAlias

from paraformer_async._core.framing import SAMPLE_WIDTH, Framer, Splitter
from paraformer_async._core.packets import PacketFramer, Packets
from paraformer_async._core.task_log import TaskLog
from paraformer_async._core.wav import WavHeader
from paraformer_async.options.options import Options

__all__ = ["AudioBuffer", "Frame", "Item", "Mark", "NewInput", "Seam"]

Frame: TypeAlias = bytes | memoryview


class Mark(Enum):
    """A position between frames at which something has to be done."""

    TIMER = "the deadline of a middleware has passed"
    END = "the end of the audio"
    ROLLOVER = "the task is long enough, and another one continues"
    RESUMED = "the end of the audio that is sent again after a failure"


class Seam:
    """
    The position at which one task ends and the next begins.

    Args:
        options: The options that apply from here on; `None` if they do not change.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options


class NewInput:
    """
    The position from which the running task has another input.

    Args:
        options: The options with the input, which differ from those before in nothing else.
    """

    def __init__(self, options: Options) -> None:
        self.options = options


Item: TypeAlias = Frame | Packets | Mark | Seam | NewInput


class AudioBuffer:
    """
    A queue of frames and marks.

    Args:
        framer: Cuts chunks into frames.
        limit: Capacity in bytes. A chunk is accepted whole as long as the size is below it.
        is_wav: Whether the audio begins with a WAV header.
        log: The log of the recognition.

    Attributes:
        limit: Capacity in bytes.
        items: Frames and marks, in order. The caller that removes a frame subtracts its length from
            `size`.
        size: Bytes in the buffered frames.
        header: The header of a WAV stream, as far as it has been received; `None` for other
            formats.
        frame_size: Length of a chunk that is a frame as it is if *rest* is empty; see `Framer`.
        joinable: Bytes of chunks that may be joined to one; 0 if they have to be kept apart.
        rest: Audio that does not fill a frame yet.
        is_ended: Whether the end of the audio has been marked.
        has_timer: Whether the items include `Mark.TIMER`.
    """

    def __init__(
        self,
        framer: Framer | PacketFramer | Splitter,
        limit: int,
        *,
        is_wav: bool = False,
        log: TaskLog | None = None,
    ) -> None:
        self._framer = framer
        self.limit: int = limit
        self.items: deque[Item] = deque()
        self.size: int = 0
        self.header: WavHeader | None = WavHeader() if is_wav else None
        self.frame_size: int = -1 if is_wav else framer.size
        self.joinable: int = framer.largest if isinstance(framer, Framer) and not is_wav else 0
        self._fed = 0
        self._log = TaskLog() if log is None else log
        self.rest: bytearray = framer.rest
        self.is_ended: bool = False
        self.has_timer: bool = False

    @property
    def has_room(self) -> bool:
        """Whether waiting senders can continue: half of the limit is free, to limit wake-ups."""
        return self.size * 2 <= self.limit

    def add(self, chunk: bytes) -> None:
        """Add audio."""
        self._fed += len(chunk)
        left: Frame = chunk
        if self.header is not None and not self.header.is_complete:
            left = self._add_header(self.header, chunk)
        for frame in self._framer.feed(left):
            self._append(frame)

    def _add_header(self, header: WavHeader, chunk: bytes) -> Frame:
        """Let frames end with a sample, of 24 bits, too; return what is left of *chunk* to add."""
        samples = header.feed(chunk)
        align = header.block_align
        if not header.is_complete or not (self._framer.size % align or len(header.data) % align):
            return chunk
        for frame in self._framer.feed(chunk[: len(chunk) - len(samples)]):
            self._append(frame)
        if rest := self._framer.flush():
            self._append(rest)
        self._framer.align(align)
        return samples

    def _append(self, frame: Frame | Packets) -> None:
        self.items.append(frame)
        self.size += len(frame)

    def clear(self) -> None:
        """Discard all items and the end: the audio will be sent again, from after the header on."""
        self.items.clear()
        self.rest.clear()
        self.size = 0
        self._fed = len(self.header.data) if self.header else 0
        self.is_ended = self.has_timer = False

    def flush(self) -> None:
        """Make a frame of the audio that does not fill one, up to the last whole sample."""
        if rest := self._framer.flush(self._part_of_a_sample()):
            self._append(rest)

    def mark_timer(self) -> None:
        """Mark that middleware acts after the buffered audio, up to its last whole sample."""
        if not self.has_timer:
            self.has_timer = True
            self.flush()
            self.items.append(Mark.TIMER)

    def mark_seam(self, seam: Seam) -> None:
        """Mark where the next task begins; no sample is divided between two tasks."""
        self.flush()
        self.items.append(seam)

    def mark_end(self) -> None:
        """
        Mark the end of the audio. May be called twice.

        Bytes at the end that are no whole sample are dropped: the service would take them for one.
        """
        if self.is_ended:
            return
        self.is_ended = True
        surplus = self._surplus()
        if rest := self._framer.flush(surplus):
            self._append(rest)
        if surplus:
            self.rest.clear()
            self._log.left_out(
                "the audio ends within a sample: its last %d byte(s) are left out", surplus
            )
        self.items.append(Mark.END)

    def _surplus(self) -> int:
        """Return how many bytes at the end of the audio are no whole sample."""
        header = self.header
        if header is None:
            return self._part_of_a_sample()
        samples = self._fed - len(header.data)
        is_beyond = header.data_size is not None and samples >= header.data_size
        return self._part_of_a_sample() if header.is_complete and not is_beyond else 0

    def _part_of_a_sample(self) -> int:
        """Return how many bytes at the end are part of an incomplete sample, over all channels."""
        if self.header is None:
            return len(self.rest) % SAMPLE_WIDTH
        if not self.header.is_complete:
            return len(self.rest)
        return (self._fed - len(self.header.data)) % (self.header.block_align or SAMPLE_WIDTH)
