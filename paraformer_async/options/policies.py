"""
How the client behaves: time limits, reconnection, length of tasks, and limits of connections.

Imports only checks and facts from this package. All are frozen, and checked on creation.
"""

import random
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import (
    require_choice,
    require_count,
    require_function,
    require_seconds,
)

__all__ = ["PoolLimits", "Reconnect", "Rollover", "Timeouts", "full_jitter"]


class Timeouts(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """
    A limit for every wait, in seconds. A wait that exceeds it raises `DeadlineError` with its name.

    Attributes:
        connect: Name resolution, TCP, TLS and the WebSocket handshake together.
        started: From `run-task` to the service's `task-started`.
        reused: From `run-task` on a connection that was idle to anything that is received. Such a
            connection may have been lost without notice; then a fresh one is used instead, which
            counts as no failure.
        send: How long audio may wait to be written because the peer reads nothing. A slow peer
            shows that it reads in steps of many seconds: its system announces room in large pieces.
        finish: After the end of the audio, the longest time between two messages of the service.
        close: How long closing may take; afterwards the connection is aborted.
        ping: A peer from which nothing was received for this long (at most twice as long) is
            pinged; if nothing is received, and none of the audio that waits is taken, within half
            of that time, the connection is lost. `None`: no pings.
    """

    connect: float = 10.0
    started: float = 10.0
    reused: float = 3.0
    send: float = 30.0
    finish: float = 30.0
    close: float = 2.0
    ping: float | None = 20.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if name != "ping" or self.ping is not None:
                require_seconds(f"timeouts.{name}", getattr(self, name))


def full_jitter(attempt: int) -> float:
    """
    Return a random number of seconds up to an exponential bound.

    The bound is 0.5 s after one failure, doubles with each consecutive failure, and is 8 s at most.
    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    return random.uniform(0, min(8.0, 0.25 * 2 ** min(attempt, 5)))  # noqa: S311 - no secret


class Reconnect(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """
    What happens when a connection is lost, or the service fails in a way that is worth a retry.

    All audio that no final result covers is sent again in a new task. Files on disk and audio in
    memory are read again for that, however much is needed; audio from any other source is kept, at
    most *keep* seconds of it. Authentication and parameter errors are never retried.

    Attributes:
        attempts: Consecutive failures that are tolerated. Progress resets the count, and so does
            a connection that lasts 5 s; three consecutive connections without any progress end the
            recognition early. Once the service has accepted a connection, attempts continue for
            *keep* seconds, however many there are; then an `AudioLostError` names the live audio
            that is lost.
        backoff: Returns the seconds to wait after the given number of consecutive failures.
        keep: Seconds of audio that are kept, at most, and that an outage is survived. Silence that
            the service has passed over is not counted. A source that is faster than real time waits
            while more than this is unsettled.
        busy: Longest wait, in seconds, for a service that throttles, over all attempts until a task
            starts; it does not count as a failure.
        lost: What to do if the connection is lost while more live audio than *keep* is unsettled:
            `raise` an `AudioLostError`, or continue with an `AudioGap` in the results (`gap`).
    """

    attempts: int = 6
    backoff: Callable[[int], float] = full_jitter
    keep: float = 60.0
    busy: float = 300.0
    lost: Literal["raise", "gap"] = "raise"

    def __post_init__(self) -> None:
        require_count("reconnect.attempts", self.attempts)
        require_function("reconnect.backoff", self.backoff, "the number of consecutive failures")
        require_seconds("reconnect.keep", self.keep)
        require_seconds("reconnect.busy", self.busy)
        require_choice("reconnect.lost", self.lost, ("raise", "gap"))


class Rollover(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """
    When a stream continues in a fresh task, on the same connection: for streams of hours.

    It continues where the last whole sentence has ended; times are continuous, and nothing is lost
    or repeated. What the task had begun to recognize is recognized again by the next, and billed
    again. Only a sentence that is longer than *seconds* and *grace* together is divided.

    Attributes:
        seconds: Audio of a task after which it ends with the next sentence; `None` for any length.
        tokens: The same for the tokens that the service reports (`Usage.total_tokens`).
        grace: Seconds of audio in which a sentence may end by itself; then the task ends anyway.

    Raises:
        InvalidOptionError: A value cannot work, or neither *seconds* nor *tokens* is set.
    """

    seconds: float | None = None
    tokens: int | None = None
    grace: float = 30.0

    def __post_init__(self) -> None:
        if self.seconds is None and self.tokens is None:
            raise InvalidOptionError("rollover", "needs seconds= or tokens=, or both")
        if self.seconds is not None:
            require_seconds("rollover.seconds", self.seconds)
        if self.tokens is not None:
            require_count("rollover.tokens", self.tokens)
        require_seconds("rollover.grace", self.grace)


class PoolLimits(Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """
    How many connections a recognizer holds, and how fast it submits tasks.

    Attributes:
        connections: Recognitions that may run at once; others wait.
        wait: Longest wait, in seconds, for a connection, and for the quota.
        idle: Connections that are kept open for the next tasks.
        idle_seconds: How long they are kept. The service closes them after 60 s.
        tasks_per_second: Tasks submitted within any second, in the order of arrival; a tenth of a
            second more passes, because arrivals are less even than submissions. By default as
            many as the model allows: 20 for most, see `options.models`. All recognizers of the
            process with the same key, address and model share them. The service counts the whole
            account: divide the number among processes, or let them share a `quota=`.
    """

    connections: int = 1000
    wait: float = 60.0
    idle: int = 20
    idle_seconds: float = 50.0
    tasks_per_second: int | None = None

    def __post_init__(self) -> None:
        for name in ("connections", "idle", "tasks_per_second"):
            if name != "tasks_per_second" or self.tasks_per_second is not None:
                require_count(f"pool.{name}", getattr(self, name))
        for name in ("wait", "idle_seconds"):
            require_seconds(f"pool.{name}", getattr(self, name))
