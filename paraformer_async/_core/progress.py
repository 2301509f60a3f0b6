"""The progress of a recognition: its text, how far results reach into the audio, its usage."""

from collections.abc import Callable
from operator import add
from typing import Any

from msgspec.structs import astuple

from paraformer_async._core.timeline import end_of
from paraformer_async.results import Sentence, Translation, Usage

__all__ = ["Progress"]


class Progress:
    """
    The results of all tasks of a recognition.

    Attributes:
        text: Texts of the final sentences.
        last: The last sentence received, final or not.
        translations: The translations received last.
        has_started: Whether a task has started.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self.has_started = False
        self.last: Sentence | None = None
        self.translations: tuple[Translation, ...] | None = None
        self._reached = 0  # before the current task
        self._billed: Usage | None = None  # in the current task
        self._billed_before: Usage | None = None  # in earlier tasks

    @property
    def reach(self) -> int:
        """How far results reach into the user's audio, in ms."""
        return max(self._reached, end_of(self.last) if self.last else 0)

    @property
    def usage(self) -> Usage | None:
        """What the service bills for all tasks so far; `None` until it has reported any."""
        return _combined(add, self._billed_before, self._billed)

    def note_usage(self, usage: Usage | None) -> None:
        """Record what the service bills for the current task so far, if it was reported."""
        # Each value is the sum of the task: a smaller one is missing, or late.
        self._billed = _combined(max, self._billed, usage)

    def begin_task(self) -> None:
        """Begin another task; the usage and the reach of the last one are kept."""
        self._reached = self.reach
        self._billed_before = self.usage
        self._billed = None


def _combined(
    combine: Callable[[Any, Any], Any], one: Usage | None, other: Usage | None
) -> Usage | None:
    """Combine two usages field by field."""
    if one is None or other is None:
        return one or other
    return Usage(*map(combine, astuple(one), astuple(other)))
