"""
Rolling over: a stream of hours continues in a fresh task, with nothing lost and nothing repeated.

    sentence │ sentence │ sentence beg…      the task ends: at a sentence's end, or at its limit
                        ↑          ↑ finish-task
                        └ the next task begins here, where the last whole sentence has ended

When the task is finished, the service makes a final of whatever it has of the sentence that has
begun. Only the last final can be such a piece, so each final is held until another sentence begins.
The one that is left is dropped, and its audio is sent to the next task. It is accepted only if that
would not help: the sentence is as long as a task may be.
"""

from math import inf

from paraformer_async._core.messages import ResultGenerated
from paraformer_async._core.timeline import end_of, overlap, span_of
from paraformer_async.options.policies import Rollover
from paraformer_async.results import Sentence, Usage

__all__ = ["Rollovers"]

# The next task can begin before a sentence that begins later than this, in ms: see the margin of
# the ledger. An earlier one can only be repeated from the beginning of its task.
_LATE = 1500


class Rollovers:
    """
    The rollovers of one recognition. Times are the service's, in ms of the task's audio.

    Args:
        policy: When a task is long enough; `None` for never.

    Attributes:
        is_on: Whether there is a policy.
        limit: How much audio the task may be sent, to within a batch; 0 when it ends now.
        held: The final that may be a piece of a sentence; `None` if there is none.
    """

    def __init__(self, policy: Rollover | None) -> None:
        self.is_on: bool = policy is not None
        self._seconds = policy.seconds if policy else None
        self._tokens = policy.tokens if policy else None
        self._grace = policy.grace * 1000 if policy else 0.0
        self._due = inf
        self.limit: float = inf
        self.held: ResultGenerated | None = None
        self.begin(0)

    def begin(self, size: int) -> None:
        """Begin a task, after *size* bytes of the user's audio."""
        self._size = size
        self._due = inf if self._seconds is None else self._seconds * 1000
        self.limit = self._due + self._grace
        self._has_finals = False
        self.held = None

    def note_usage(self, usage: Usage | None, sent: float) -> None:
        """Note what the task has used so far, after *sent* ms of audio."""
        if usage is None or self._tokens is None or usage.total_tokens < self._tokens:
            return
        self._due = 0.0
        self.limit = min(self.limit, sent + self._grace)

    def note_final(self, sentence: Sentence) -> bool:
        """Note a final; return whether the task ends with it."""
        self._has_finals = True
        if end_of(sentence) < self._due:
            return False
        self.limit = 0.0
        return True

    def sort(self, result: ResultGenerated, sentence: Sentence) -> list[ResultGenerated]:
        """Return what is known to be whole now that *result*, with its *sentence*, was received."""
        held, whole = self.held, list[ResultGenerated]()
        before = held.sentence if held else None
        number = sentence.sentence_id
        has_its_number = before and number is not None and number == before.sentence_id
        # Some services give all sentences the same number: another version is at the same time.
        is_same = before and has_its_number and overlap(span_of(before), span_of(sentence))
        begin = before.begin_time if before else 0
        if held is not None and sentence.begin_time > begin and not is_same:
            self.held = None
            whole.append(held)
        if sentence.is_final and (is_same or sentence.begin_time >= begin):
            self.held = result  # in place of an earlier version of it, if that was held
        else:
            whole.append(result)
        return whole

    def is_due(self, sent: float, size: int) -> bool:
        """
        Return whether the task ends now, after *sent* ms and *size* bytes of the user's audio.

        Not before it was sent more than repetitions, or no task would come further than the last.
        """
        return sent >= self.limit and size > self._size

    def can_repeat(self, held: Sentence) -> bool:
        """
        Return whether the next task can have the audio of the final that is *held*.

        Not if it would begin no later than this one, and be the same again.
        """
        return self._has_finals or held.begin_time >= _LATE
