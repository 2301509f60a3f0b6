"""
The faults of the scripted service, as data.

A fault happens to one task, or, for `Refuse`, to one handshake. Most of them have a *moment*:

    Drop(after_ms=2300)                     # when 2300 ms of the task's audio were received
    Drop(at="finish")                       # when finish-task was received
    Drop(after_ms=2300, before_final=True)  # instead of the first final sentence after that

All durations are milliseconds of audio (`…_ms`) or seconds of the clock (`seconds`).
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import is_whole, require_number

__all__ = [
    "Drop",
    "FailTask",
    "Fault",
    "HalfClose",
    "Late",
    "Malformed",
    "Moment",
    "NeverFinish",
    "NeverStart",
    "Refuse",
    "SlowClose",
    "Stall",
    "Throttle",
    "TimedFault",
    "Unknown",
]

Moment: TypeAlias = Literal["run-task", "started", "finish", "finished", "idle"]
_MOMENTS: tuple[str, ...] = get_args(Moment)


class TimedFault(Struct, frozen=True, kw_only=True):
    """
    A fault that has a moment: either *after_ms* or *at*.

    A fault whose moment never comes (the audio is shorter than *after_ms*) does not happen; see
    `ScriptedServer.happened`.

    Attributes:
        after_ms: When this many ms of the task's audio were received. A frame that extends beyond
            counts up to there.
        at: `run-task`: before task-started is sent; `started`: after that; `finish`: when
            finish-task was received, before the last results; `finished`: after the last results,
            instead of task-finished; `idle`: after task-finished.
        before_final: `None`: at that moment. Otherwise at the next final sentence from then on:
            `True`: instead of sending it, `False`: directly after it was sent; if there is none,
            instead of task-finished.

    Raises:
        ValueError: Both or neither of *after_ms* and *at* are set, or one of them cannot be. Of
            every fault: a value can never work.
    """

    after_ms: int | None = None
    at: Moment | None = None
    before_final: bool | None = None

    def __post_init__(self) -> None:
        self._require_moment(is_needed=True)

    def _require_moment(self, *, is_needed: bool) -> None:
        name, given = type(self).__name__, (self.after_ms is not None) + (self.at is not None)
        if given > 1 or (is_needed and not given):
            raise ValueError(f"{name}: set either after_ms= or at=")
        if self.at is not None and self.at not in _MOMENTS:
            allowed = ", ".join(map(repr, _MOMENTS))
            raise ValueError(f"{name}: at={self.at!r} is not one of {allowed}")
        if self.after_ms is not None and not (is_whole(self.after_ms) and self.after_ms >= 0):
            raise ValueError(f"{name}: after_ms={self.after_ms!r} is not a whole number of ms")

    @property
    def moment(self) -> Moment | None:
        """The moment; `None` when it is a length of audio."""
        return self.at


class Drop(TimedFault, frozen=True, kw_only=True):
    """
    The connection ends.

    Attributes:
        code: The WebSocket close code; `None`: the connection is cut, without a close frame.
        reason: The reason in the close frame.
    """

    code: int | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code is not None and not (is_whole(self.code) and 1000 <= self.code < 5000):
            raise ValueError(f"Drop: code={self.code!r} is not a close code, 1000 to 4999")


class FailTask(TimedFault, frozen=True):
    """
    The service sends task-failed, and closes the connection; at run-task by default.

    Attributes:
        code: `error_code`.
        message: `error_message`.
    """

    code: str
    message: str = ""

    def __post_init__(self) -> None:
        self._require_moment(is_needed=False)

    @property
    def moment(self) -> Moment | None:
        """The moment; `None` when it is a length of audio."""
        return self.at or ("run-task" if self.after_ms is None else None)


class Throttle(FailTask, frozen=True):
    """The account's quota is used up: task-failed with the real service's code and message."""

    code: str = "Throttling.RateQuota"
    message: str = "Requests rate limit exceeded, please try again later."


class Stall(TimedFault, frozen=True, kw_only=True):
    """The service stops reading and writing; the connection is open until the server closes."""


class HalfClose(TimedFault, frozen=True, kw_only=True):
    """The service ends its direction of the TCP connection without a close frame, and reads on."""


class Malformed(TimedFault, frozen=True, kw_only=True):
    """
    The service sends a text frame that is not an event, and continues.

    Attributes:
        text: The frame.
    """

    text: str = '{"header": {"event": "result-gen'


class Unknown(TimedFault, frozen=True, kw_only=True):
    """The service sends an event of an unknown kind, and from then on unknown fields everywhere."""


class NeverStart(Struct, frozen=True):
    """The service does not respond to run-task."""


class NeverFinish(Struct, frozen=True):
    """The service sends the last results, but never task-finished."""


class SlowClose(Struct, frozen=True):
    """
    The service responds late to the client's close frame.

    Attributes:
        seconds: The delay.
    """

    seconds: float

    def __post_init__(self) -> None:
        _require_delay(self, self.seconds)


class Late(Struct, frozen=True):
    """
    Results and task-finished are sent late; audio is received without delay.

    Attributes:
        seconds: The delay.
    """

    seconds: float

    def __post_init__(self) -> None:
        _require_delay(self, self.seconds)


class Refuse(Struct, frozen=True):
    """
    The service refuses the WebSocket handshake with an HTTP error.

    Attributes:
        status: The HTTP status.
        body: The body of the response.
        headers: Further headers, for example `{"Retry-After": "3"}`.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        if not is_whole(self.status) or not 200 <= self.status < 600:
            raise ValueError(f"Refuse: status={self.status!r} is not 200 to 599")


Fault: TypeAlias = TimedFault | NeverStart | NeverFinish | SlowClose | Late | Refuse


def _require_delay(fault: Struct, seconds: object) -> None:
    name, allowed = f"{type(fault).__name__}.seconds", "a number of seconds, from 0"
    if require_number(name, seconds, allowed) < 0:
        raise InvalidOptionError(name, f"{seconds} is not {allowed}")
