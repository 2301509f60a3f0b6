"""
What the local service asks of a recognition engine.

An engine is shared by all tasks of a server; each task opens a `Listener` of its own. A listener
is used by one task at a time, never concurrently.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from paraformer_async.options.service import DEFAULT_SENTENCE_SILENCE
from paraformer_async.results import Sentence

__all__ = ["Engine", "EngineBusy", "Listener", "ListenerSettings"]


class EngineBusy(Exception):
    """The engine has as many listeners as it can serve; the task is throttled."""


class ListenerSettings(Struct, frozen=True):
    """
    What a task asked for, as far as it concerns an engine.

    Attributes:
        max_sentence_silence: A pause of this many ms ends a sentence.
        language_hints: Languages that may be spoken; empty when the task did not say.
        punctuation: Whether punctuation is wanted.
    """

    max_sentence_silence: int = DEFAULT_SENTENCE_SILENCE
    language_hints: tuple[str, ...] = ()
    punctuation: bool = True


class Listener(Protocol):
    """
    One recognition in an engine.

    Results are sentences in the order of speech, with times in ms from the first sample fed: any
    number of partial ones (`end_time` is `None`), then one final one (`end_time` is set), then
    those of the next sentence.
    """

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        """
        Take the next audio, and return what it made known.

        Args:
            pcm: s16le mono at the engine's `sample_rate`; any length, whole samples.
        """
        ...

    async def finish(self) -> Sequence[Sentence]:
        """No more audio comes: return what is still unsaid, all of it final."""
        ...

    async def aclose(self) -> None:
        """Free what the listener holds, finished or not. May be called twice."""
        ...


class Engine(Protocol):
    """A recognition engine for the local service."""

    @property
    def sample_rate(self) -> int:
        """The rate in Hz at which listeners want their audio."""
        ...

    async def open(self, settings: ListenerSettings) -> Listener:
        """
        Open a listener for one task. Loads the model at the first call.

        Raises:
            EngineBusy: All listeners that the engine can serve are taken.
        """
        ...

    async def aclose(self) -> None:
        """Free the model and its workers. May be called twice."""
        ...
