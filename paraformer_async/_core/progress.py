"""How far a recognition has come: its text, its reach into the audio, and what it costs."""

from paraformer_async._core.timeline import end_of
from paraformer_async.results import Sentence, Usage

__all__ = ["Progress"]


class Progress:
    """
    What all tasks of a recognition have brought.

    Attributes:
        text: Final sentences, one entry each.
        last: The last sentence that was received, final or not.
        has_started: Whether a task has started.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self.has_started = False
        self.last: Sentence | None = None
        self._reached = 0  # before the current task
        self._billed: Usage | None = None  # in the current task
        self._billed_before: int | float = 0  # in the tasks before

    @property
    def reach(self) -> int:
        """How far into the user's audio results have come, in ms."""
        return max(self._reached, end_of(self.last) if self.last else 0)

    @property
    def usage(self) -> Usage | None:
        """What the service bills for all tasks so far; `None` until it has reported any."""
        if self._billed is None and not self._billed_before:
            return None
        return Usage(self._billed_before + (self._billed.duration if self._billed else 0))

    def note_usage(self, usage: Usage | None) -> None:
        """Note what the service bills for the current task, if it reported that."""
        self._billed = usage or self._billed

    def begin_task(self) -> None:
        """Another task begins: what the one before was billed stays, and so does its reach."""
        self._reached = self.reach
        self._billed_before += self._billed.duration if self._billed else 0
        self._billed = None
