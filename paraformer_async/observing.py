"""
What an observer sees: everything about a recognition that is no audio and no result.

    def print_retries(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            print(f"again in {event.delay:.1f} s after: {event.failure}")

    AsyncRecognizer(observe=print_retries)

An observer is a callable of one event. It is called in the step in which something happens, in the
event loop, so it must not block, and it cannot be asynchronous. What it raises ends the recognition
that it observes. Durations are seconds of a monotonic clock. Nothing here carries a key, a header
or an address. Raw messages come only with `observe_messages=True`.
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from paraformer_async.results import Usage

__all__ = [
    "AttemptStarted",
    "Connected",
    "Ended",
    "MessageReceived",
    "MessageSent",
    "Observation",
    "Observer",
    "PoolWaited",
    "QuotaWaited",
    "RetryScheduled",
    "Statistics",
]


class PoolWaited(Struct, frozen=True):
    """
    There is a place for a connection.

    Attributes:
        recognition: Id of the recognition: that of its first task.
        seconds: How long it waited.
    """

    recognition: str
    seconds: float


class Connected(Struct, frozen=True):
    """
    There is a connection.

    Attributes:
        recognition: Id of the recognition.
        seconds: For name resolution, TCP, TLS, proxy and WebSocket handshake together; 0 when the
            connection was idle in the pool.
        is_reused: Whether it has carried a task before, or was made ahead.
    """

    recognition: str
    seconds: float
    is_reused: bool


class QuotaWaited(Struct, frozen=True):
    """
    A task may be submitted.

    Attributes:
        recognition: Id of the recognition.
        seconds: How long it waited.
    """

    recognition: str
    seconds: float


class AttemptStarted(Struct, frozen=True):
    """
    A task is being submitted.

    Attributes:
        recognition: Id of the recognition.
        request_id: Id of the task.
        number: 1 for the first task of the recognition.
    """

    recognition: str
    request_id: str
    number: int


class RetryScheduled(Struct, frozen=True):
    """
    An attempt has failed, and another follows.

    Attributes:
        recognition: Id of the recognition.
        failure: Why the last one ended, with all facts.
        failures: Consecutive failures so far.
        delay: Seconds until the next attempt.
        unsettled: Seconds of audio that will be sent again; `None` for compressed audio.
    """

    recognition: str
    failure: Exception
    failures: int
    delay: float
    unsettled: float | None


class MessageSent(Struct, frozen=True):
    """
    A message was handed to the connection.

    Attributes:
        recognition: Id of the recognition.
        message: The text of a command, or the audio.
    """

    recognition: str
    message: str | bytes


class MessageReceived(Struct, frozen=True):
    """
    A message was received.

    Attributes:
        recognition: Id of the recognition.
        message: As it came; text in UTF-8.
    """

    recognition: str
    message: str | bytes


class Ended(Struct, frozen=True):
    """
    The recognition has ended.

    Attributes:
        recognition: Id of the recognition.
        request_ids: Ids of all its tasks.
        seconds: From its begin to here.
        finals: Final results that were received.
        usage: What the service bills for all tasks.
        error: Why it ended before it was done; `None` when it is complete.
    """

    recognition: str
    request_ids: tuple[str, ...]
    seconds: float
    finals: int
    usage: Usage | None
    error: BaseException | None


Observation: TypeAlias = (
    PoolWaited
    | Connected
    | QuotaWaited
    | AttemptStarted
    | RetryScheduled
    | MessageSent
    | MessageReceived
    | Ended
)

Observer: TypeAlias = Callable[[Observation], object]
"""A callable of one event. It is not awaited."""


class Statistics(Struct, frozen=True):
    """
    A recognizer at one moment.

    Attributes:
        recognitions: Recognitions that run.
        active: Connections that are lent to a recognition, or being made for one.
        idle: Connections that wait for their next task.
        waiting: Recognitions that wait for a connection.
        waiting_for_quota: Recognitions that wait to submit a task.
        tasks: Tasks submitted so far.
    """

    recognitions: int
    active: int
    idle: int
    waiting: int
    waiting_for_quota: int
    tasks: int
