"""
Whether, and when, a recognition that failed is tried again.

Not I/O: setbacks come in, a decision goes out. The budget counts failures in a row; a result that
reaches further than any before, or a connection that held for 5 s, gives it back: a stream of hours
may survive any number of drops, a service that always fails ends soon. A handshake that succeeds is
no success: three connections in a row that bring neither end it too, and so does five times the
budget without any result, however long the connections held. A service that asks to be left alone
for more than a minute is not waited for.
"""

from msgspec import Struct

from paraformer_async.errors import ConnectionLostError, ServiceError
from paraformer_async.options.policies import Reconnect

__all__ = ["Retries", "Setback"]

_STABLE = 5.0
_FRUITLESS = 3
_PATIENCE = 5
# Longest Retry-After to honor, in seconds; beyond it the error is raised.
_LONGEST_WAIT = 60.0


class Setback(Struct, frozen=True):
    """
    How an attempt ended.

    Attributes:
        failure: Why.
        was_connected: Whether there was a connection.
        was_stale: Whether the connection had waited in the pool, and broke before the task started.
        ran_for: Seconds from `task-started` to the end.
        progressed: Whether results reached further into the audio than before.
    """

    failure: ServiceError
    was_connected: bool = False
    was_stale: bool = False
    ran_for: float = 0.0
    progressed: bool = False


class Retries:
    """The budget of one recognition."""

    def __init__(self, policy: Reconnect | None) -> None:
        self._policy = policy
        self._fruitless = 0
        self._barren = 0
        self.failures = 0

    def delay(self, setback: Setback) -> float | None:
        """Give the seconds to wait before another attempt; `None` when there shall be none."""
        failure = setback.failure
        if self._policy is None:
            return None
        if setback.was_stale:
            return 0.0  # whatever the failure was: it says nothing about this recognition
        if not failure.retryable:
            return None
        was_stable = setback.ran_for >= _STABLE and isinstance(failure, ConnectionLostError)
        self._barren = 0 if setback.progressed else self._barren + 1
        if setback.progressed or was_stable:
            self.failures = self._fruitless = 0
        elif setback.was_connected and not failure.is_throttled:
            self._fruitless += 1
        self.failures += 1
        is_spent = self.failures > self._policy.attempts or self._fruitless >= _FRUITLESS
        if is_spent or self._barren > self._policy.attempts * _PATIENCE:
            return None
        if failure.retry_after > _LONGEST_WAIT:
            return None
        return max(self._policy.backoff(self.failures), failure.retry_after)
