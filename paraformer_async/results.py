"""
Result types: what a recognition returns.

Imports nothing from the rest of the package but `jsonable`. All times are in milliseconds from the
start of the user's audio. All types are immutable and hashable by value. Field names are the
service's own (see "Paraformer real-time API" in Alibaba Cloud's Model Studio documentation).
"""

from typing import ClassVar

from paraformer_async.jsonable import Jsonable

__all__ = ["AudioGap", "Latency", "RecognitionResult", "Sentence", "Usage", "Word"]


class Word(Jsonable, frozen=True, gc=False):
    """
    One recognized word and its position in the audio.

    Attributes:
        begin_time: Start of the word in ms.
        end_time: End of the word in ms.
        text: The word, without punctuation.
        punctuation: The punctuation after the word; often empty.
        fixed: The service's undocumented `fixed` flag for this word; `None` if absent.
    """

    begin_time: int = 0
    end_time: int = 0
    text: str = ""
    punctuation: str = ""
    fixed: bool | None = None


class Sentence(Jsonable, frozen=True, gc=False):
    """
    One sentence: all of it, or what has been recognized so far.

    Attributes:
        begin_time: Start of the sentence in ms.
        end_time: End of the sentence in ms; `None` while the sentence is in progress.
        text: The text, with punctuation.
        words: The words, with their times.
        sentence_end: The service's end-of-sentence flag; see `is_final`.
        heartbeat: Marks a keepalive message. Such messages are filtered out and never returned.
        emo_tag: `positive`, `negative` or `neutral`, on final sentences of the 8 kHz v2 model.
        emo_confidence: Confidence of `emo_tag`, from 0.0 to 1.0.
        sentence_id: The service's identifier of the sentence.
        speaker_id: The speaker, if the service distinguishes speakers.
        channel_id: The audio channel, if the service reports it.
        stash: The start of the next sentence, not yet final, after a semantic sentence break.
    """

    begin_time: int = 0
    end_time: int | None = None
    text: str = ""
    words: tuple[Word, ...] = ()
    sentence_end: bool | None = None
    heartbeat: bool = False
    emo_tag: str | None = None
    emo_confidence: float | None = None
    sentence_id: int | str | None = None
    speaker_id: int | str | None = None
    channel_id: int | None = None
    stash: "Sentence | None" = None

    @property
    def is_final(self) -> bool:
        """
        Whether this sentence is final, that is, will not change.

        `sentence_end` decides where the service sends it, true or false: partial sentences may have
        an `end_time` that grows. Where it is missing, an `end_time` means final.
        """
        if self.sentence_end is not None:
            return self.sentence_end
        return self.end_time is not None


class Usage(Jsonable, frozen=True, gc=False):
    """
    Billing information.

    Attributes:
        duration: Audio billed so far in this task, in whole seconds.
    """

    duration: int | float = 0


class RecognitionResult(Jsonable, frozen=True, gc=False):
    """
    One result of a recognition: a partial result, still subject to change, or a final one.

    A service may correct a final result: another one follows, with other text or times, that
    `replaces` the last one of the same `request_id` and `sentence.sentence_id`. Each task numbers
    its sentences anew. `Transcript` contains the corrected sentence only.

    Attributes:
        sentence: The sentence, with times in ms from the start of the user's audio.
        request_id: Id of the task that produced it; include it when contacting the service's
            support.
        usage: Audio billed so far; `None` on most partial results.
        replaces: Whether this final result corrects an earlier one, instead of adding to the text.
    """

    _derived: ClassVar[tuple[str, ...]] = ("text", "is_final")

    sentence: Sentence
    request_id: str
    usage: Usage | None = None
    replaces: bool = False

    @property
    def text(self) -> str:
        """The text of the sentence so far."""
        return self.sentence.text

    @property
    def is_final(self) -> bool:
        """Whether this is a final result: only a correction can change it; see `replaces`."""
        return self.sentence.is_final


class Latency(Jsonable, frozen=True, gc=False):
    """
    Latency of the service, in seconds, measured on a monotonic clock.

    Attributes:
        first_packet: From sending the first audio to the first result with text; `None` until
            known.
        last_packet: From the end of the audio (`finish-task`) to the last result with text;
            `None` until known.
    """

    first_packet: float | None = None
    last_packet: float | None = None


class AudioGap(RecognitionResult, frozen=True, gc=False):
    """
    A range of audio lost with a connection, in place of its results.

    Only occurs with `Reconnect(lost="gap")`. Its sentence has no text; `begin_time` and `end_time`
    are those of the gap, in ms from the start of the user's audio. It is final.
    """

    @classmethod
    def between(cls, begin_time: int, end_time: int) -> "AudioGap":
        """Return the gap from *begin_time* to *end_time*, in ms."""
        return cls(Sentence(begin_time, end_time, sentence_end=True), request_id="")
