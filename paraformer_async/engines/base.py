"""
The contract of a recognition engine for the local service.

An engine is shared by all tasks of a server; each task opens an `EngineStream` that only it uses.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.service import DEFAULT_SENTENCE_SILENCE
from paraformer_async.results import Sentence

__all__ = ["Engine", "EngineBusy", "EngineStream", "StreamSettings", "require_whole"]


def require_whole(option: str, value: object, *, least: int) -> None:
    """Raise `InvalidOptionError` unless *value* is a whole number, at least *least*."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidOptionError(option, f"must be a whole number, {least} or above")


class EngineBusy(Exception):
    """All streams that the engine can serve are open; the task is throttled."""


class StreamSettings(Struct, frozen=True):
    """
    The parameters of a task that concern an engine.

    Attributes:
        max_sentence_silence: A pause of this many ms ends a sentence.
        language_hints: Languages that may be spoken; empty if the task named none.
        punctuation: Whether results have punctuation.
    """

    max_sentence_silence: int = DEFAULT_SENTENCE_SILENCE
    language_hints: tuple[str, ...] = ()
    punctuation: bool = True


class EngineStream(Protocol):
    """
    One recognition in an engine.

    Results are sentences in the order of speech, with times in ms from the first sample fed: any
    number of partial ones (`end_time` is `None`), then one final one (`end_time` is set), then
    those of the next sentence.
    """

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        """
        Recognize more audio.

        Args:
            pcm: s16le mono at the engine's `sample_rate`; any length, whole samples.

        Returns:
            New results, in order.
        """
        ...

    async def finish(self) -> Sequence[Sentence]:
        """End the audio; return the results that are left, all of them final."""
        ...

    async def aclose(self) -> None:
        """Release what the stream holds, whether finished or not. May be called twice."""
        ...


class Engine(Protocol):
    """A recognition engine for the local service."""

    @property
    def sample_rate(self) -> int:
        """Rate in Hz of the audio that its streams are fed."""
        ...

    async def open(self, settings: StreamSettings) -> EngineStream:
        """
        Open a stream for one task. The first call loads the model.

        Raises:
            EngineBusy: All streams that the engine can serve are open.
        """
        ...

    async def aclose(self) -> None:
        """Release the model and its workers. May be called twice."""
        ...
