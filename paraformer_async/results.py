"""
The nouns of an answer: what a recognition gives back.

Ground floor: imports nothing of ours. All times are milliseconds from the start of the
audio that the user gave. All types are frozen and hashable by value, and the service's own
field names are kept (`Alibaba Cloud Model Studio, Paraformer real-time API`).
"""

from msgspec import Struct

__all__ = ["AudioGap", "Latency", "RecognitionResult", "Sentence", "Usage", "Word"]


class Word(Struct, frozen=True, gc=False):
    """
    One recognized word and where it was said.

    Attributes:
        begin_time: Start of the word in ms.
        end_time: End of the word in ms.
        text: The word without its punctuation.
        punctuation: The punctuation that follows the word, often empty.
        fixed: Whether the service will still change the word; `None` when it does not say.
    """

    begin_time: int = 0
    end_time: int = 0
    text: str = ""
    punctuation: str = ""
    fixed: bool | None = None


class Sentence(Struct, frozen=True, gc=False):
    """
    One sentence, as far as it is known.

    Attributes:
        begin_time: Start of the sentence in ms.
        end_time: End of the sentence in ms; `None` while the sentence is still being spoken.
        text: The text with punctuation.
        words: The words with their times.
        sentence_end: What the service said about the end; see `is_final`.
        heartbeat: The service's sign of life, not a result. Never reaches a user's loop.
        emo_tag: `positive`, `negative` or `neutral`, on final sentences of the 8 kHz v2 model.
        emo_confidence: Confidence of `emo_tag`, 0.0 to 1.0.
        sentence_id: The service's number of the sentence.
        speaker_id: The speaker, when the service tells speakers apart.
        channel_id: The channel of the audio, when the service tells.
        stash: The unsettled rest after a semantic sentence break.
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
        Whether this sentence is settled.

        The service documents `sentence_end`, its own client looks for an `end_time`, and
        its documents show final sentences without one: either sign counts.
        """
        return self.sentence_end is True or self.end_time is not None


class Usage(Struct, frozen=True, gc=False):
    """
    What the service bills.

    Attributes:
        duration: Whole seconds of audio billed so far in this task.
    """

    duration: int = 0


class RecognitionResult(Struct, frozen=True, gc=False):
    """
    One result of a recognition: a sentence that is still growing, or a final one.

    Attributes:
        sentence: The sentence, with times in ms of the user's audio.
        request_id: Id of the task that recognized it; quote it to the service's support.
        usage: What is billed so far; `None` on most partial results.
    """

    sentence: Sentence
    request_id: str
    usage: Usage | None = None

    @property
    def text(self) -> str:
        """The text of the sentence so far."""
        return self.sentence.text

    @property
    def is_final(self) -> bool:
        """Whether the text will not change any more."""
        return self.sentence.is_final


class Latency(Struct, frozen=True, gc=False):
    """
    How long the service took, in seconds of a monotonic clock.

    Attributes:
        first_packet: From the first audio sent to the first result with text; `None` until known.
        last_packet: From the end of the audio (`finish-task`) to the last result; `None` until
            known.
    """

    first_packet: float | None = None
    last_packet: float | None = None


class AudioGap(RecognitionResult, frozen=True, gc=False):
    """
    A stretch of audio that was lost when the connection broke, in the place of its results.

    Comes only with `Reconnect(lost="gap")`. Its sentence has no text, and the times of the gap in
    ms of the user's audio. It is final.
    """

    @classmethod
    def between(cls, begin_time: int, end_time: int) -> "AudioGap":
        """Make the gap from *begin_time* to *end_time*."""
        return cls(Sentence(begin_time, end_time, sentence_end=True), request_id="")
