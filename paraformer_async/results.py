"""
Result types: what a recognition returns.

Imports nothing from the rest of the package but `jsonable`. All times are in milliseconds from the
start of the user's audio. All types are immutable and hashable by value. Field names are the
service's own (see "Paraformer real-time API" in Alibaba Cloud's Model Studio documentation).
"""

from typing import ClassVar

from paraformer_async.jsonable import Jsonable

__all__ = [
    "AudioGap",
    "Latency",
    "Overhead",
    "RecognitionResult",
    "Sentence",
    "Translation",
    "Usage",
    "Word",
]


class Word(Jsonable, frozen=True, gc=False):
    """
    One recognized word and its position in the audio.

    Attributes:
        begin_time: Start of the word in ms.
        end_time: End of the word in ms.
        text: The word, without punctuation.
        punctuation: The punctuation after the word; often empty.
        fixed: Whether the service will not change this word; `None` if it does not mark words. The
            service does not document it; see `RecognitionResult.stable_text`.
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
        channel_id: The audio channel: its number, from 0, in audio that is not mixed
            (`channels=`), or the label of its source (`stream_many`); otherwise that of the
            service, if it reports one.
        stash: The start of the next sentence, not yet final, after a semantic sentence break.
        sentence_begin: Whether it is the first result of the sentence, on models that mark it; see
            `RecognitionResult.begins`.
        vad_pre_end: Whether the service guesses, early, that the sentence ends here; see
            `RecognitionResult.pre_end`.
        pre_end_failed: Whether it withdraws that guess.
        pre_end_timemillis: When the service made the guess, as it reports it.
        pre_end_start_time: Start of the pause that led to the guess, in ms.
        pre_end_end_time: End of that pause in ms.
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
    channel_id: int | str | None = None
    stash: "Sentence | None" = None
    sentence_begin: bool | None = None
    vad_pre_end: bool | None = None
    pre_end_failed: bool | None = None
    pre_end_timemillis: int | None = None
    pre_end_start_time: int | None = None
    pre_end_end_time: int | None = None

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


class Translation(Sentence, frozen=True, gc=False):
    """
    A translation of a sentence, by a model that translates (Gummy).

    Its fields are those of a sentence, with text and words in the other language, and times in ms
    from the start of the user's audio. It may become final earlier or later than its sentence.

    Attributes:
        lang: The language of the translation, such as `en`.
    """

    lang: str = ""


class Usage(Jsonable, frozen=True, gc=False):
    """
    What the service bills, as it reports it.

    Models are billed either by the duration of the audio or by tokens; the fields of the other kind
    are 0. What was sent beyond the user's audio is included; see `Overhead`.

    Attributes:
        duration: Audio, in seconds; most models report whole ones.
        input_tokens: Tokens of the audio and the context.
        output_tokens: Tokens of the text.
        total_tokens: Both.
    """

    duration: int | float = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


class Overhead(Jsonable, frozen=True, gc=False):
    """
    Audio that was sent, and is billed, in addition to the user's own.

    0 for compressed audio that is sent as it is, with `reconnect=None`.

    Attributes:
        replayed: Seconds of audio that was sent again to tasks that continued after a failure,
            injected silence included.
        injected: Seconds of silence that `heartbeat=True` or other middleware injected, the first
            time that it was sent.
    """

    replayed: float = 0.0
    injected: float = 0.0


class RecognitionResult(Jsonable, frozen=True, gc=False):
    """
    One result of a recognition: a partial result, still subject to change, or a final one.

    A final result ends its sentence. Final means neither that the speaker has stopped nor that the
    text is right.
    A service may correct a final result: another one follows, with other text or times, that
    `replaces` the last one of the same `request_id` and `sentence.sentence_id`. Each task numbers
    its sentences anew. `Transcript` contains the corrected sentence only.

    Attributes:
        sentence: The sentence, with times in ms from the start of the user's audio.
        request_id: Id of the task that produced it; include it when contacting the service's
            support.
        usage: What the service bills for this task so far; `None` on most partial results. For all
            tasks, see `RecognitionStream.usage`.
        begins: Whether it is the first result of its sentence: somebody has begun to speak. True
            once for each sentence, also if the connection is lost in it.
        pre_end: Whether the service guesses that the sentence ends here, before it is final; false
            again in a later result if it withdraws the guess. Always false on final results, and
            on models that do not guess.
        stable_text: The part of `text` that will not change, for output that cannot be taken back,
            such as speech. In one sentence it only grows, and it begins a text that was received.
            Of a final result, it is the text. Where the service marks words as fixed, it is these
            words; otherwise the whole words, without the last, on which four partial results have
            agreed for at least 0.3 s. Such an agreement is sometimes wrong: in 1 % of generated and
            4 % of recorded sentences, measured as docs/results.md says.
        translations: The translations of the sentence so far, by models that translate. If the
            service sends translations alone, the sentence has their times, but no text.
        replaces: Whether this final result corrects an earlier one, instead of adding to the text.
    """

    _derived: ClassVar[tuple[str, ...]] = ("text", "is_final")

    sentence: Sentence
    request_id: str
    usage: Usage | None = None
    begins: bool = False
    pre_end: bool = False
    stable_text: str = ""
    translations: tuple[Translation, ...] = ()
    replaces: bool = False

    @property
    def text(self) -> str:
        """The text of the sentence so far."""
        return self.sentence.text

    @property
    def channel_id(self) -> int | str | None:
        """The channel of the sentence."""
        return self.sentence.channel_id

    @property
    def is_final(self) -> bool:
        """Whether this is a final result: only a correction can change it; see `replaces`."""
        return self.sentence.is_final


class Latency(Jsonable, frozen=True, gc=False):
    """
    Latency of one recognition, in seconds, measured on a monotonic clock; `None` until known.

    Attributes:
        first_packet: From sending the first audio to the first result with text.
        last_packet: From the end of the audio (`finish-task`) to the last result with text, or to
            the end of the task if no result follows.
        utterance: Of the latest final result: from the end of speech to the result. Speech ends
            where the service places its end in the audio, and when that audio was sent; so it
            includes the pause that ends the sentence, and is exact to the length of a frame.
            Reconnections in between count. `None` for all formats but PCM.
        utterances: That of each final result, oldest first; the latest 100.
        connect: Duration of name resolution, TCP, TLS, proxy and WebSocket handshake of the first
            connection; 0 for one from the pool.
        started: From `run-task` to the first `task-started`, reconnections in between included.
        first_partial: From sending the first audio to the first partial result with text.
        first_final: From sending the first audio to the first final result with text.
        real_time_factor: From sending the first audio to the end of the task, divided by the
            duration of the audio: a little more than 1 for live audio, less for files. `None` for
            all formats but PCM.
    """

    first_packet: float | None = None
    last_packet: float | None = None
    utterance: float | None = None
    utterances: tuple[float, ...] = ()
    connect: float | None = None
    started: float | None = None
    first_partial: float | None = None
    first_final: float | None = None
    real_time_factor: float | None = None


class AudioGap(RecognitionResult, frozen=True, gc=False):
    """
    A range of audio lost with a connection, in place of its results.

    Only occurs with `Reconnect(lost="gap")`. Its sentence has no text; `begin_time` and `end_time`
    are those of the gap, in ms from the start of the user's audio. It is final.
    """

    @classmethod
    def between(cls, begin_time: int, end_time: int) -> "AudioGap":
        """Return the gap from *begin_time* to *end_time*, in ms."""
        return cls(Sentence(begin_time, end_time, sentence_end=True), request_id="", begins=True)
