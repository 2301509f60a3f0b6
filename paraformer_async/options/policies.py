"""
How the client behaves: its bounds, its patience with a failing service, its connections.

Ground floor: imports only the checks of ours. All are frozen, and checked on creation.
"""

import random
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_count, require_function, require_positive

__all__ = ["PoolLimits", "Reconnect", "Timeouts", "full_jitter"]


class Timeouts(Struct, frozen=True, kw_only=True):
    """
    A bound for every wait, in seconds. What runs out raises `DeadlineError` with its name.

    Attributes:
        connect: Name resolution, TCP, TLS and the WebSocket handshake together.
        started: From `run-task` to the service's `task-started`.
        send: How long audio may wait to be written for a peer that takes nothing.
        finish: After the end of the audio, how long the service may say nothing.
        close: How long closing may take; what is not closed by then is cut off.
        ping: A peer from which nothing came for this long (at most twice as long) is pinged; when
            nothing comes within half of it, the connection is lost. The vendor's client pings, too.
            `None`: no pings.
    """

    connect: float = 10.0
    started: float = 10.0
    send: float = 10.0
    finish: float = 30.0
    close: float = 2.0
    ping: float | None = 20.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if name != "ping" or self.ping is not None:
                require_positive(f"timeouts.{name}", getattr(self, name))


def full_jitter(attempt: int) -> float:
    """
    Give a random time up to an exponential bound: 0.5 s after one failure in a row, 8 s at most.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
    """
    return random.uniform(0, min(8.0, 0.25 * 2**attempt))  # noqa: S311 - no secret


class Reconnect(Struct, frozen=True, kw_only=True):
    """
    What happens when a connection breaks, or the service fails in a way that is worth another try.

    A new task hears all audio again that no final result covers. Authentication and parameter
    errors are never tried again.

    Attributes:
        attempts: Failures in a row that are put up with. Progress gives the budget back; three
            connections in a row that bring nothing end it early.
        backoff: Gives the seconds to wait after that many failures in a row.
        keep: Seconds of audio that are kept for this at most.
        lost: What is done when more than that is unsettled: `raise` an `AudioLostError`, or go on
            with an `AudioGap` in the results (`gap`).
    """

    attempts: int = 6
    backoff: Callable[[int], float] = full_jitter
    keep: float = 60.0
    lost: Literal["raise", "gap"] = "raise"

    def __post_init__(self) -> None:
        require_count("reconnect.attempts", self.attempts)
        require_function("reconnect.backoff", self.backoff, "the failures in a row")
        require_positive("reconnect.keep", self.keep)
        if self.lost not in ("raise", "gap"):
            raise InvalidOptionError(
                "reconnect.lost", f"{self.lost!r} is neither 'raise' nor 'gap'"
            )


class PoolLimits(Struct, frozen=True, kw_only=True):
    """
    How many connections a recognizer holds, and how fast it submits tasks.

    Attributes:
        connections: Recognitions that may run at once; further ones wait.
        wait: Seconds that they wait at most.
        idle: Connections that may wait for their next task.
        idle_seconds: How long they wait. The service closes them after 60 s.
        tasks_per_second: Tasks submitted within any second. The service's quota for a model is 20.
    """

    connections: int = 1000
    wait: float = 60.0
    idle: int = 20
    idle_seconds: float = 50.0
    tasks_per_second: int = 20

    def __post_init__(self) -> None:
        for name in ("connections", "idle", "tasks_per_second"):
            require_count(f"pool.{name}", getattr(self, name))
        for name in ("wait", "idle_seconds"):
            require_positive(f"pool.{name}", getattr(self, name))
