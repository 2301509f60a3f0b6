"""The results of several recognitions, in the order of their arrival, each with its channel."""

from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from paraformer_async._client.begin import Begin
from paraformer_async._client.inbox import Inbox, Signal
from paraformer_async._core.timeline import Placed, Timeline
from paraformer_async.results import RecognitionResult

__all__ = ["Lane", "MergedInbox"]


class MergedInbox:
    """
    The inboxes of several recognitions, as one; see `Inbox`.

    Attributes:
        results: For each unread result, the inbox that holds it, oldest first.
        is_ended: Whether no further results follow; unread ones can still be read.
        changed: Notified of each result, and of the end.
    """

    def __init__(self) -> None:
        self.results: deque[Inbox] = deque()
        self.is_ended: bool = False
        self.changed: Signal = Signal()

    def take(self) -> RecognitionResult:
        """Remove and return the oldest result; there must be one."""
        return self.results.popleft().take()

    def end(self) -> None:
        """Mark the end of the results; unread ones can still be read."""
        self.is_ended = True
        self.changed.notify()


class Lane(Inbox):
    """
    The inbox of one of several recognitions.

    Args:
        on_full: See `Inbox`.
        merged: Where its results are read.
        label: Its channel; `None` to leave that of the service.
        begin: Where its audio begins on the timeline of all.

    Attributes:
        label: Its channel.
    """

    def __init__(
        self,
        on_full: Callable[[bool], object],
        *,
        merged: MergedInbox,
        label: int | str | None,
        begin: Begin | None = None,
    ) -> None:
        super().__init__(on_full)
        self.label: int | str | None = label
        self._merged = merged
        self._begin = begin

    def put(self, result: RecognitionResult) -> None:
        """Add a result, with its channel and on the timeline of all; see `Inbox.put`."""
        unread = len(self.results)
        translations = tuple(self._placed(one) for one in result.translations)
        super().put(
            replace(result, sentence=self._placed(result.sentence), translations=translations)
        )
        if len(self.results) > unread:
            self._merged.results.append(self)
        self._merged.changed.notify()

    def _placed(self, sentence: Placed) -> Placed:
        if self._begin is not None and self._begin.ms:
            sentence = Timeline(1.0, self._begin.ms).translated(sentence)
        if self.label is None:
            return sentence
        stash = sentence.stash
        return replace(
            sentence,
            channel_id=self.label,
            stash=stash and replace(stash, channel_id=self.label),
        )
