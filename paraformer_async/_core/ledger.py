"""
Accounts for the audio of one recognition, over all its tasks.

Audio that no final sentence covers yet is kept, so that a new task can receive it again if the
connection of the old one is lost: no final sentence is repeated, no audio is left out, and times
are continuous. Finals may come in any order, be corrected, or never come.

The service's times are not trusted: a final that ends beyond the audio that was sent covers
nothing, a later begin passes over no sentence that is still open, and no time that is returned lies
beyond the user's audio.
"""

from typing import cast

from paraformer_async._core.coverage import Coverage, Span
from paraformer_async._core.framing import SAMPLE_WIDTH
from paraformer_async._core.gaps import Data, cut
from paraformer_async._core.messages import Audio
from paraformer_async._core.packets import Packets
from paraformer_async._core.timeline import Timeline, end_of
from paraformer_async._core.wav import WavHeader
from paraformer_async.results import Overhead, Sentence, Translation

__all__ = ["Ledger", "Span"]

# How far the end of a final may lie beyond the audio that was sent, in ms: services pad and round.
_TOLERANCE = 100


class Ledger(Coverage):
    """
    Records what was sent, settled and kept, and translates times to the user's timeline.

    Args:
        bytes_per_second: Of the audio; `None` for compressed audio, whose bytes cannot be converted
            to time: until `measure`, it is not kept, and no silence is injected into it.
        keep: Seconds of audio that are kept at most; 0 to keep none.
        is_wav: Whether the audio begins with a WAV header. The header has no duration, and each new
            task receives it again.
    """

    def __init__(
        self, bytes_per_second: int | None, *, keep: float = 0.0, is_wav: bool = False
    ) -> None:
        super().__init__()
        self._header = WavHeader() if is_wav else None
        self._header_again: Audio | None = None  # as the latest restart returned it
        self._seconds = keep
        self._is_empty = True
        self._injected = 0
        self._replayed = 0  # bytes that were sent again
        self._furthest = 0  # the largest `size` before a rewind
        self._sent = 0  # in the current task, bytes of the service's audio
        self._begins: int | None = None  # last sentence that has begun, in the service's time
        self._bytes_per_ms: float | None = None
        self._timeline: Timeline | None = None
        if bytes_per_second and not is_wav:  # otherwise the header decides
            self._use(bytes_per_second, SAMPLE_WIDTH)

    @property
    def given(self) -> float | None:
        """Milliseconds of the user's audio that were sent; `None` for compressed audio."""
        return self.size / self._bytes_per_ms if self._bytes_per_ms else None

    @property
    def injected(self) -> float:
        """Milliseconds of injected silence that were sent, repetitions not counted."""
        return self._injected / self._bytes_per_ms if self._bytes_per_ms else 0.0

    @property
    def overhead(self) -> Overhead:
        """What was sent in addition to the user's audio, each byte of it once."""
        if self._bytes_per_ms is None:
            return Overhead()
        per_second = self._bytes_per_ms * 1000
        return Overhead(self._replayed / per_second, self._injected / per_second)

    @property
    def settled(self) -> int:
        """End of the last final sentence, in ms of the user's audio."""
        return round(self._settled / self._bytes_per_ms) if self._bytes_per_ms else 0

    @property
    def unsettled(self) -> float | None:
        """Seconds of the user's audio that no final sentence covers yet; `None` if compressed."""
        if self._bytes_per_ms is None:
            return None
        size = max(0, self.size - self._front) + self._gaps.extent
        return (size + self._unread.extent) / self._bytes_per_ms / 1000

    @property
    def to_replay(self) -> float | None:
        """Seconds of the user's audio that the next task receives again; `None` if compressed."""
        if self._bytes_per_ms is None:
            return None
        begin = max(self._kept.begin, self._passed - self._lengths.margin)
        size = max(0, max(self.size, self._furthest) - begin) + self._gaps.kept
        return (size + self._unread.extent) / self._bytes_per_ms / 1000

    @property
    def has_header(self) -> bool:
        """Whether the whole header was sent, if this is a WAV stream."""
        return self._header is None or self._header.is_complete

    @property
    def is_resumable(self) -> bool:
        """Whether a new task can receive all unsettled audio, or nothing was sent yet."""
        if self._is_empty:
            return True
        return self._seconds > 0 and self._bytes_per_ms is not None and self.has_header

    @property
    def is_settled(self) -> bool:
        """Whether none of the user's audio that was sent is left for a new task to receive."""
        is_kept = self._kept.size > self._kept.silence
        is_covered = not (self.lost or is_kept or self._gaps.in_order or self._unread.gaps)
        return self.is_resumable and not self._is_empty and is_covered

    @property
    def sent(self) -> float:
        """Milliseconds of audio that the current task was sent; 0 for compressed audio."""
        return self._sent / self._bytes_per_ms if self._bytes_per_ms else 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether no audio was sent to the current task."""
        return self._sent == 0

    @property
    def is_kept(self) -> bool:
        """Whether a restart would leave out nothing that no final covers, speech or not."""
        return not self.lost and self._gaps.are_kept

    @property
    def lost(self) -> tuple[Span, ...]:
        """Unsettled speech that exceeded what is kept, so that a restart would leave it out."""
        scale = self._bytes_per_ms
        if scale is None:
            return ()
        spans = (Span(round(begin / scale), round(end / scale)) for begin, end in self._lost())
        return tuple(span for span in spans if span.begin_time < span.end_time)

    def measure(self, bytes_per_second: int) -> None:
        """Set the rate of audio in packets; it was not known before."""
        self._use(bytes_per_second, 0)

    def open_span(self, waiting: int) -> Span | None:
        """
        Return from where to where no final covers the user's audio, except what was passed over.

        Args:
            waiting: Bytes of further audio, which were not sent.

        Returns:
            The range; `None` if there is none, or the audio is compressed.
        """
        scale = self._bytes_per_ms
        if scale is None:
            return None
        begin = self._gaps.begin(self._unread.begin(max(self._front, self._passed)))
        span = Span(round(begin / scale), round((self.size + waiting) / scale))
        return span if span.begin_time < span.end_time else None

    def record(self, audio: Audio) -> None:
        """Enter audio that is being sent."""
        size = len(audio.data)
        if not 0 < size <= self._largest or audio.injected or self._header is not None:
            self._record_other(audio)
            return
        kept = self._kept  # nearly always
        self.size += size
        self._sent += size
        kept.pieces.append(audio)
        kept.size += size
        if kept.size > self._room:
            self._make_room()

    def _record_other(self, audio: Audio) -> None:
        """Enter audio that is injected, of a WAV stream, not kept, or the largest piece so far."""
        size, injected = len(audio.data), audio.injected
        if injected:
            self._injected += size
            if self._timeline is not None:
                self._timeline.inject(self._sent, size)
        else:
            if self._header is not None:
                audio = self._without_header(self._header, audio)
                size = len(audio.data)
            self.size += size
        self._sent += size
        kept = self._kept
        if not self._limit:
            self._is_empty = False
            kept.begin = self.size
        elif size:  # a header has none, and middleware may send nothing
            self._is_empty = False
            kept.pieces.append(audio)
            kept.size += size
            kept.silence += size if injected else 0
            self._largest = max(self._largest, size)
            self._move_horizon()
            self._make_room()

    def reread(self, audio: Audio) -> list[Audio]:
        """Enter audio that may be delivered again; return what of it the task has to receive."""
        if audio.injected or self.size >= self._front or self._timeline is None:
            if not audio.injected:
                self._replayed += max(0, min(len(audio.data), self._furthest - self.size))
            self.record(audio)
            return [audio]
        beyond = max(0, self.size + len(audio.data) - self._front)
        data = audio.data
        again: list[Audio] = []
        for part in self._fill(cut(data, 0, len(data) - beyond)):
            self._timeline.jump(self._sent, part.begin)
            self._sent += part.end - part.begin
            self._replayed += part.end - part.begin
            again += map(Audio, part.pieces)
        if self.size == self._front:
            self._timeline.jump(self._sent, self._front)
        if beyond:
            again += self.reread(Audio(cut(data, len(data) - beyond)))
        return again

    def settle(self, sentence: Sentence, *, is_final: bool) -> Sentence:
        """
        Note what a sentence settles.

        Args:
            sentence: As the service sent it.
            is_final: Whether it is final, and no sign of life.

        Returns:
            The sentence with the user's times; itself when they are the same.
        """
        timeline, scale = self._timeline, self._bytes_per_ms
        if timeline is None or scale is None:
            return sentence
        begin, end = sentence.begin_time, sentence.end_time
        if end is None:
            end = sentence.words[-1].end_time if sentence.words else begin
        sent = self._sent / scale
        is_beyond = not 0 <= begin <= end <= sent
        if is_final:
            if not is_beyond or begin <= end <= sent + _TOLERANCE:
                self._enter(sentence, timeline)
        elif begin != self._begins and not is_beyond:  # otherwise it is open already
            self._begins = None if sentence.heartbeat else begin
            self._pass_over(sentence, int(timeline.position(begin)))
        if not (timeline.is_shifted or is_beyond) or sentence.heartbeat:
            return sentence
        return timeline.translated(sentence, self.size / scale)

    def placed(self, translation: Translation) -> Translation:
        """Return a translation with the user's times; it settles nothing."""
        if self._timeline is None or self._bytes_per_ms is None:
            return translation
        return self._timeline.translated(translation, self.size / self._bytes_per_ms)

    def seal(self) -> None:
        """Settle all audio that was sent, covered by a result or not: the task is complete."""
        self._sent = 0
        self._begins = None
        if self._bytes_per_ms is None:
            self._is_empty = True
        else:
            self._settle_all()

    def close_gaps(self, held: Sentence | None) -> None:
        """
        Settle what lies between the finals of a task that is finished: none of them is late.

        Only the gap in which *held* begins stays: the next task recognizes that sentence.
        """
        if self._timeline is None or self._unread.gaps:
            return
        at = -1 if held is None else int(self._timeline.position(held.begin_time))
        self._gaps.keep(at)
        self._move_horizon()

    def rewind(self) -> int:
        """
        Discard audio that was sent and is not settled; the source delivers it to `reread`.

        Returns:
            Where the source has to continue, in bytes from the beginning, a header included.
        """
        self._furthest = max(self._furthest, self.size)
        self._read_again()
        return self.size + (len(self._header.data) if self._header else 0)

    def restart(self) -> list[Audio]:
        """
        Begin a new task: return all audio that it must receive again, recorded as sent.

        The caller sends it, in order, before any other audio, and calls this again if that task
        fails, too.
        """
        if self._bytes_per_ms is None:
            return []
        timeline = self._timeline = Timeline(self._bytes_per_ms, self._leave_out())
        self._begins = None
        again: list[Audio] = []
        self._sent = 0
        for gap in self._gaps.in_order:
            timeline.jump(self._sent, gap.begin)
            again += self._lead(gap.pieces[0], timeline)
            again += map(Audio, gap.pieces)
            self._sent += gap.end - gap.begin
        timeline.jump(self._sent, self.size if self._unread.gaps else self._kept.begin)
        if self._kept.pieces:
            again += self._lead(self._kept.pieces[0].data, timeline)
        for audio in self._kept.pieces:
            if audio.injected:
                timeline.inject(self._sent, len(audio.data))
            self._sent += len(audio.data)
        if self._header is None or not self._header.data:
            return [*again, *self._kept.pieces]
        self._header_again = Audio(self._header.data)
        return [self._header_again, *again, *self._kept.pieces]

    def replayed(self, audio: Audio) -> None:
        """Count audio of `restart` that is being sent; the header is none."""
        if audio is not self._header_again:
            self._replayed += len(audio.data)

    def _lead(self, data: Data, timeline: Timeline) -> list[Audio]:
        """Return the silence that must precede audio that follows other audio than before."""
        lead = data.lead if isinstance(data, Packets) else None
        if lead is None:
            return []
        timeline.inject(self._sent, len(lead))
        self._sent += len(lead)
        return [Audio(lead, injected=True)]

    def _enter(self, sentence: Sentence, timeline: Timeline) -> None:
        """Enter what a final covers, in positions of the user's audio."""
        end = min(int(timeline.position(end_of(sentence), is_end=True)), self.size)
        begin = min(int(timeline.position(sentence.begin_time)), end)
        begin, end = self._whole(begin), self._whole(end)
        self._begins = None
        self._cover(sentence, begin, end)
        if timeline.is_shifted:
            oldest = end - max(self._limit, self._lengths.latest_correction)
            timeline.forget_before(min(self._gaps.begin(begin), begin, oldest))

    def _without_header(self, header: WavHeader, audio: Audio) -> Audio:
        given = cast("bytes | memoryview", audio.data)  # packets are of no WAV stream
        data = header.feed(given)
        if self._timeline is None and header.is_complete:
            self._use(header.bytes_per_second, header.block_align or SAMPLE_WIDTH)
        return audio if data is given else Audio(data)

    def _use(self, bytes_per_second: int, align: int) -> None:
        self._bytes_per_ms = bytes_per_second / 1000
        self._timeline = Timeline(self._bytes_per_ms)
        self._keep(self._seconds, bytes_per_second, align)
