"""The complete result of one recognition."""

from collections.abc import Sequence
from itertools import groupby
from typing import ClassVar

from paraformer_async.captions import to_srt, to_vtt
from paraformer_async.jsonable import Jsonable
from paraformer_async.results import Latency, Overhead, Sentence, Translation, Usage, Word
from paraformer_async.text import is_unspaced

__all__ = ["Transcript", "join", "lines_of"]


class Transcript(Jsonable, frozen=True):
    """
    The transcript of an audio file.

    Attributes:
        sentences: The final sentences, with times in ms from the start of the file; the last one is
            partial if the service never finalized it. Those of several channels are in order of
            their begin, each with its `channel_id`.
        duration: Length of the audio in seconds, as it was decoded.
        latency: First-packet and last-packet latency, in seconds; of several channels, to the first
            result of any, and to the last.
        request_id: Id of the task; include it when contacting the service's support.
        usage: What the service bills for all tasks; `None` if it did not report it.
        overhead: Audio that was sent, and is billed, in addition to the file.
        translations: The final translations in all languages, by models that translate. A task that
            only translates has no sentences.
        request_ids: Ids of all tasks: of all channels, and those after lost connections.
        remarks: What is odd about the file, and may explain what is missing from the text: that it
            "ends early: it declares 60.00 s of audio but contains 12.40 s", for example.
    """

    _derived: ClassVar[tuple[str, ...]] = ("text", "billed", "is_silent")

    sentences: tuple[Sentence, ...]
    duration: float
    latency: Latency
    request_id: str
    usage: Usage | None = None
    overhead: Overhead = Overhead()
    translations: tuple[Translation, ...] = ()
    request_ids: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of all sentences; of several channels, a line for each turn, `[0] Hello.`."""
        return "\n".join(lines_of(self.sentences))

    @property
    def billed(self) -> int | float | None:
        """Seconds of audio billed; `None` if the service did not report any usage."""
        return self.usage.duration if self.usage else None

    @property
    def is_silent(self) -> bool:
        """Whether nothing was recognized, though nothing failed: perhaps nothing was spoken."""
        return not self.text and not any(one.text for one in self.translations)

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all sentences, in order."""
        return tuple(word for sentence in self.sentences for word in sentence.words)

    def to_srt(self) -> str:
        """Return the sentences as SubRip (.srt) captions; see `text` for several channels."""
        return to_srt(self.sentences)

    def to_vtt(self) -> str:
        """Return the sentences as WebVTT (.vtt) captions; see `text` for several channels."""
        return to_vtt(self.sentences)


def lines_of(sentences: Sequence[Sentence]) -> list[str]:
    """Return the text: one line, or a labeled one for each turn of several channels."""
    if len({sentence.channel_id for sentence in sentences}) < 2:
        text = join([sentence.text for sentence in sentences])
        return [text] if text else []
    turns = groupby(sentences, lambda sentence: sentence.channel_id)
    texts = [(channel, join([sentence.text for sentence in turn])) for channel, turn in turns]
    return [f"[{channel}] {text}" for channel, text in texts if text]


def join(texts: list[str]) -> str:
    """Join sentences with spaces, but without one next to Chinese or Japanese characters."""
    joined = ""
    for text in filter(None, (text.strip() for text in texts)):
        separator = "" if not joined or is_unspaced(joined[-1]) or is_unspaced(text[0]) else " "
        joined += separator + text
    return joined
