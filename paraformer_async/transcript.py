"""The whole of one recognition, when it is over."""

import unicodedata

from msgspec import Struct

from paraformer_async.captions.subrip import to_srt
from paraformer_async.results import Latency, Sentence, Word

__all__ = ["Transcript", "join"]


class Transcript(Struct, frozen=True):
    """
    What was said in a file.

    Attributes:
        sentences: The final sentences, with times in ms of the file.
        duration: Length of the audio in seconds.
        latency: How long the service took.
        request_id: Id of the task; quote it to the service's support.
        billed: Seconds that the service bills; `None` when it did not say.
    """

    sentences: tuple[Sentence, ...]
    duration: float
    latency: Latency
    request_id: str
    billed: int | None = None

    @property
    def text(self) -> str:
        """All that was said, as one text."""
        return join([sentence.text for sentence in self.sentences])

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all sentences."""
        return tuple(word for sentence in self.sentences for word in sentence.words)

    def to_srt(self) -> str:
        """The sentences as SubRip captions."""
        return to_srt(self.sentences)


def join(texts: list[str]) -> str:
    """Put sentences together: with a space, but none beside Chinese or Japanese characters."""
    joined = ""
    for text in filter(None, (text.strip() for text in texts)):
        between = "" if not joined or _is_unspaced(joined[-1]) or _is_unspaced(text[0]) else " "
        joined += between + text
    return joined


def _is_unspaced(character: str) -> bool:
    is_wide = unicodedata.east_asian_width(character) in ("W", "F")
    return is_wide and not unicodedata.name(character, "").startswith("HANGUL")
