"""
Observations: everything about a recognition except its audio and its results.

    def print_retries(event: Observation) -> None:
        if isinstance(event, RetryScheduled):
            print(f"retrying in {event.delay:.1f} s: {event.failure}")

    AsyncRecognizer(observe=print_retries)

An observer is a callable with one argument. It is called at once, in the event loop, so it must not
block, and it cannot be asynchronous. An exception that it raises ends the recognition that it
observes. Durations are in seconds of a monotonic clock. No observation contains a key, a header or
an address, except that `EndpointSwitched` has hosts. Raw messages are observed only with
`observe_messages=True`.
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from paraformer_async.errors import ParaformerError, UsageError
from paraformer_async.results import Latency, Overhead, Usage

__all__ = [
    "AttemptStarted",
    "Began",
    "Connected",
    "Ended",
    "EndpointSwitched",
    "LatencySummary",
    "MessageReceived",
    "MessageSent",
    "Observation",
    "Observer",
    "Percentiles",
    "PoolWaited",
    "QuotaWaited",
    "RetryScheduled",
    "Statistics",
]


class Began(Struct, frozen=True):
    """
    A recognition has begun. This is the first observation of each, and `Ended` the last.

    Attributes:
        recognition: Id of the recognition, which is that of its first task.
        model: The model.
    """

    recognition: str
    model: str


class PoolWaited(Struct, frozen=True):
    """
    The pool has admitted another connection.

    Attributes:
        recognition: Id of the recognition.
        seconds: Duration of the wait.
    """

    recognition: str
    seconds: float


class Connected(Struct, frozen=True):
    """
    A connection has been opened, or taken from the pool.

    Attributes:
        recognition: Id of the recognition.
        seconds: Duration of name resolution, TCP, TLS, proxy and WebSocket handshake together; 0
            for a connection from the pool.
        is_reused: Whether it was idle in the pool.
    """

    recognition: str
    seconds: float
    is_reused: bool


class EndpointSwitched(Struct, frozen=True):
    """
    Another one of several endpoints is used from now on, by all recognitions.

    Attributes:
        recognition: Id of the recognition that noticed it.
        previous: Host of the endpoint that was used before.
        host: Host of the endpoint that is used now.
        failure: Why the previous one is not used any longer; `None` if a preferred one has
            recovered.
    """

    recognition: str
    previous: str
    host: str
    failure: Exception | None


class QuotaWaited(Struct, frozen=True):
    """
    Another task may be submitted. This precedes its connection, unless the previous task's is used.

    Attributes:
        recognition: Id of the recognition.
        seconds: Duration of the wait for the quota, and for a service that throttles.
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
    An attempt has failed, and another one follows.

    Attributes:
        recognition: Id of the recognition.
        failure: Why the last attempt ended, with all facts.
        failures: Consecutive failures so far.
        delay: Seconds until the next attempt.
        replayed: Seconds of audio that will be sent again; `None` if it is compressed, and
            sent as it is.
    """

    recognition: str
    failure: Exception
    failures: int
    delay: float
    replayed: float | None


class MessageSent(Struct, frozen=True):
    """
    A message has been written to the connection.

    Attributes:
        recognition: Id of the recognition.
        message: The text of a command, or the audio.
    """

    recognition: str
    message: str | bytes


class MessageReceived(Struct, frozen=True):
    """
    A message has been received.

    Attributes:
        recognition: Id of the recognition.
        message: The message as received, but without the API key if it quotes that; text may be
            `bytes` in UTF-8.
    """

    recognition: str
    message: str | bytes


class Ended(Struct, frozen=True):
    """
    The recognition has ended.

    Attributes:
        recognition: Id of the recognition.
        request_ids: Ids of all its tasks.
        seconds: Duration of the recognition.
        finals: Number of final results received.
        usage: What the service bills for all tasks.
        overhead: What was sent in addition to the user's audio.
        error: Why it failed; `None` if it is complete.
        latency: What was measured.
    """

    recognition: str
    request_ids: tuple[str, ...]
    seconds: float
    finals: int
    usage: Usage | None
    overhead: Overhead
    error: BaseException | None
    latency: Latency

    @property
    def has_failed(self) -> bool:
        """Whether it failed: not if it was closed early, or ended by an exception of your code."""
        error = self.error
        return isinstance(error, ParaformerError) and not isinstance(error, UsageError)


Observation: TypeAlias = (
    Began
    | PoolWaited
    | Connected
    | EndpointSwitched
    | QuotaWaited
    | AttemptStarted
    | RetryScheduled
    | MessageSent
    | MessageReceived
    | Ended
)

Observer: TypeAlias = Callable[[Observation], object]
"""A callable with one argument. Its result is ignored."""


class Percentiles(Struct, frozen=True):
    """
    How one latency is distributed, over the latest 1000 measurements.

    Attributes:
        count: Measurements so far, older ones included.
        p50: Half of them are at most this.
        p90: 90 % of them are at most this.
        p99: 99 % of them are at most this.
        maximum: The largest.
    """

    count: int
    p50: float
    p90: float
    p99: float
    maximum: float


class LatencySummary(Struct, frozen=True):
    """
    The latencies of the recognitions that have ended; see `Latency` for each.

    In seconds, but for the real-time factor; `None` while nothing was measured.
    """

    connect: Percentiles | None = None
    started: Percentiles | None = None
    first_packet: Percentiles | None = None
    first_partial: Percentiles | None = None
    first_final: Percentiles | None = None
    utterance: Percentiles | None = None
    last_packet: Percentiles | None = None
    real_time_factor: Percentiles | None = None


class Statistics(Struct, frozen=True):
    """
    The state of a recognizer at one moment, and what it has done so far.

    Attributes:
        recognitions: Running recognitions.
        active: Connections that recognitions use, open, or are about to replace.
        idle: Connections in the pool that are ready for another task.
        waiting: Recognitions waiting for a connection.
        waiting_for_quota: Recognitions waiting to submit a task.
        tasks: Tasks submitted so far.
        ended: Recognitions that have ended so far; each channel is one.
        failed: Those of them that have failed; see `Ended.has_failed`.
        latency: The latencies of the recognitions that have ended.
    """

    recognitions: int
    active: int
    idle: int
    waiting: int
    waiting_for_quota: int
    tasks: int
    ended: int
    failed: int
    latency: LatencySummary
