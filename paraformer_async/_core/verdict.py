"""The state of an attempt, and the decision after it has ended."""

from typing import TypeAlias

from msgspec import Struct

from paraformer_async.errors import ServiceError, TaskFailedError
from paraformer_async.options.service import NO_SPEECH
from paraformer_async.results import RecognitionResult

__all__ = ["Again", "Attempt", "Over", "RaisedByUser", "Verdict", "found_no_speech"]


class Again(Struct, frozen=True):
    """
    Another attempt follows.

    Attributes:
        after: Seconds to wait before it.
        failure: Why the last one ended; `None` at a seam.
        failures: Consecutive failures so far.
        rewind_to: Position in bytes from which the source has to deliver the audio again; `None`
            if it just continues.
    """

    after: float
    failure: ServiceError | None = None
    failures: int = 0
    rewind_to: int | None = None


class Over(Struct, frozen=True):
    """
    The recognition has ended.

    Attributes:
        error: Why it failed, with all facts; `None` if it is complete.
        results: What middleware has returned at the end, for the user.
    """

    error: BaseException | None = None
    results: tuple[RecognitionResult, ...] = ()


class RaisedByUser(Exception):
    """
    A `ServiceError` that middleware or an observer of the user has raised.

    It is no failure of the service, and is not retried.

    Attributes:
        error: What the user receives.
    """

    def __init__(self, error: ServiceError) -> None:
        super().__init__()
        self.error = error


class Attempt:
    """The current task: when it started, and how far results reached before it."""

    __slots__ = ("is_connected", "is_retry", "is_reused", "reach", "started_at")

    def __init__(
        self,
        reach: int = 0,
        *,
        is_connected: bool = False,
        is_reused: bool = False,
        is_retry: bool = False,
    ) -> None:
        self.reach = reach
        self.is_connected = is_connected
        self.is_reused = is_reused
        self.is_retry = is_retry
        self.started_at: float | None = None


Verdict: TypeAlias = Again | Over


def found_no_speech(failure: BaseException | None) -> bool:
    """Return whether the service failed the task because it found no speech in its audio."""
    if not isinstance(failure, TaskFailedError):
        return False
    reason = f"{failure.error_code} {failure.error_message}".upper()  # some codes are generic
    return any(code in reason for code in NO_SPEECH)
