"""
Decides whether, and when, a failed recognition is retried.

Sans-I/O: setbacks and the time are arguments, the decision is returned. There are two budgets:

- Failures: consecutive ones are counted; results that reach half a second further, a task that was
  finished at a seam, or a connection that held for 5 s, reset the count. A handshake alone is no
  success: three consecutive connections without results end the recognition, too, and so do five
  times the budget of connections that held and never returned a result.
- Seconds: once the service has accepted a connection of the recognition, a failure is an outage: it
  is retried for as long as the audio is kept, however many attempts that takes. Before there were
  results, or a connection that held, three consecutive connections without results still end it;
  after a task has started, only those count whose task has started, too.

Waiting for a service that throttles does not count as a failure, but has a limit of its own. A
Retry-After of more than a minute is not honored: the error is raised.
"""

from msgspec import Struct

from paraformer_async.errors import ConnectionLostError, ServiceError, TaskFailedError
from paraformer_async.options.checks import require_seconds
from paraformer_async.options.policies import Reconnect

__all__ = ["Retries", "Setback", "is_of_silence"]

# The codes of a task that was sent no audio, or no speech, for too long.
_SILENCE = ("CLIENT_ERROR", "ResponseTimeout")
_STABLE = 5.0
_FRUITLESS = 3
_PATIENCE = 5
# Progress that justifies another task, in ms: repeated smaller steps cost more than they gain.
_WORTHWHILE = 500
# Longest Retry-After to honor, in seconds; beyond it the error is raised.
_LONGEST_WAIT = 60.0


class Setback(Struct, frozen=True):
    """
    How an attempt ended.

    Attributes:
        failure: Why.
        was_connected: Whether there was a connection.
        was_stale: Whether the connection had been idle, and was lost before the task started.
        has_started: Whether the task had started.
        ran_for: Seconds from `task-started` to the end.
        gained: How much further results reached into the audio than before, in ms.
    """

    failure: ServiceError
    was_connected: bool = False
    was_stale: bool = False
    has_started: bool = False
    ran_for: float = 0.0
    gained: int = 0

    @property
    def has_progressed(self) -> bool:
        """Whether the attempt was worth its connection."""
        return self.gained >= _WORTHWHILE or self.ran_for >= _STABLE


class Retries:
    """
    The budget of one recognition.

    Attributes:
        failures: Consecutive failures so far.
        is_outlasted: Whether the last failure ended an outage as long as audio is kept.
    """

    def __init__(self, policy: Reconnect | None) -> None:
        self._policy = policy
        self._fruitless = 0
        self._barren = 0
        self._gained = 0  # since the budget was given back
        self._has_held = False
        self._has_connected = False
        self._has_started = False
        self._outage_began: float | None = None
        self._throttled_since: float | None = None
        self._throttled = 0
        self.failures = 0
        self.is_outlasted = False

    def delay(self, setback: Setback, now: float) -> float | None:
        """
        Return the seconds to wait before another attempt; `None` for no further attempt.

        Raises:
            InvalidOptionError: The user's backoff returned no number of seconds.
        """
        failure, policy = setback.failure, self._policy
        self._has_connected |= setback.was_connected
        if setback.was_stale:
            return 0.0  # whatever the failure and the policy: it is not about this recognition
        if policy is None:
            return None
        if not failure.retryable or failure.retry_after > _LONGEST_WAIT:
            return None
        self._note_progress(setback)
        if failure.is_throttled:
            return self._wait_for_turn(failure, policy, now)
        self._throttled_since, self._throttled = None, 0
        self.failures += 1
        began = self._outage_began = now if self._outage_began is None else self._outage_began
        if self._is_spent(policy, now - began, is_silence=is_of_silence(failure)):
            return None
        return max(_backoff(policy, self.failures), failure.retry_after)

    def finished(self) -> None:
        """Note that a task was finished, and that another one follows: the budget is given back."""
        self._barren = 0
        self._throttled_since, self._throttled = None, 0
        self._give_back()

    def _give_back(self) -> None:
        self.failures = self._fruitless = self._gained = 0
        self._has_held = True
        self._outage_began = None

    def _note_progress(self, setback: Setback) -> None:
        was_stable = setback.ran_for >= _STABLE
        self._has_started |= setback.has_started
        self._gained += setback.gained
        if setback.gained:
            self._barren = 0
        elif was_stable:
            self._barren += 1
        if self._gained >= _WORTHWHILE or (
            was_stable and isinstance(setback.failure, ConnectionLostError)
        ):
            self._give_back()
        elif setback.was_connected and not setback.failure.is_throttled:
            self._fruitless += setback.has_started or not self._has_started

    def _is_spent(self, policy: Reconnect, outage: float, *, is_silence: bool) -> bool:
        if self._barren > policy.attempts * _PATIENCE:
            return True
        is_in_vain = self._fruitless >= _FRUITLESS
        was_there = self._has_held or (self._has_connected and not is_in_vain)
        is_outage = was_there and not is_silence
        if is_outage and outage < policy.keep:
            return False
        is_spent = self.failures > policy.attempts or is_in_vain
        self.is_outlasted = is_outage and is_spent
        return is_spent

    def _wait_for_turn(self, failure: ServiceError, policy: Reconnect, now: float) -> float | None:
        if self._throttled_since is None:
            self._throttled_since = now
        if now - self._throttled_since >= policy.busy:
            return None
        self._throttled += 1
        return max(_backoff(policy, self._throttled), failure.retry_after)


def _backoff(policy: Reconnect, failures: int) -> float:
    seconds = policy.backoff(failures)
    if seconds != 0:
        require_seconds("reconnect.backoff", seconds)
    return seconds


def is_of_silence(failure: ServiceError) -> bool:
    """Return whether the service failed the task because nothing was sent: that is no outage."""
    return isinstance(failure, TaskFailedError) and failure.error_code in _SILENCE
