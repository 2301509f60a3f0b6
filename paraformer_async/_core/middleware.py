"""
The interface of middleware, and the stack that combines several.

A middleware sees both directions of one recognition. It never waits: the time is passed as `now`
(seconds of a monotonic clock), and `deadline` schedules what is to be done later. Whatever has to
wait (pacing, resampling, a remote voice detector) belongs in an audio source.
"""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import Context, copy_context
from functools import partial
from math import isnan, nan
from typing import Any, ClassVar, TypeAlias, TypeVar

from msgspec import Struct

from paraformer_async._core.messages import Command, Event
from paraformer_async._core.verdict import RaisedByUser
from paraformer_async.errors import ServiceError, UsageError
from paraformer_async.options.checks import shown

__all__ = ["Middleware", "Stack", "passed", "through"]

Message = TypeVar("Message", Command, Event)


class Middleware:
    """
    One behavior of a recognition: may observe, replace, drop or add messages in both directions.

    Override what is needed; by default, each method passes everything on unchanged. A method
    returns what is passed on in place of its message: that message or another one, or an iterable
    of messages, empty to drop it. An instance serves one recognition, so it may keep state. Times
    in results are already on the user's timeline. An exception raised by a method ends the
    recognition, and is raised to the user.

        class Loud(Middleware):
            def incoming(self, event, now):
                if isinstance(event, ResultGenerated) and event.sentence:
                    print(event.sentence.text)
                return event

    Attributes:
        hurries: Whether a message may bring the deadline forward. `False`, for a middleware whose
            deadline is only postponed by audio and results, except by the first audio after
            `expired`, saves checking it after each message.
        uses_context: Whether the methods, except `deadline`, see the context variables of the
            caller that opened the stream. `False`, for a middleware that needs none, saves a
            context switch per message.
    """

    hurries: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True

    def outgoing(self, command: Command, now: float) -> Command | Iterable[Command]:
        """Return what is passed on to the service in place of *command*."""
        del now
        return command

    def incoming(self, event: Event, now: float) -> Event | Iterable[Event]:
        """Return what is passed on to the user in place of *event*."""
        del now
        return event

    def resumed(self, now: float) -> None:
        """Note that audio which had already passed was sent again, until *now*: an outage ended."""

    def deadline(self) -> float | None:
        """Return when to call `expired`, on the clock of `now`; `None` for never."""
        return None

    def expired(self, now: float) -> Iterable[Command]:
        """Return commands to send now that the deadline has passed."""
        del now
        return ()


Step: TypeAlias = Callable[[Message, float], Message | Iterable[Message]]


class Stack:
    """
    Several middlewares combined, listed outermost (nearest to the user) first.

    Commands pass from the outermost to the innermost, events in reverse. A method that a middleware
    does not override costs nothing.

    Attributes:
        outgoing_steps: Methods that a command passes through, in order.
        incoming_steps: Methods that an event passes through, in order.
        hurries: Whether audio or a result may bring the deadline forward.
        is_plain: Whether none changes audio: all that see commands are built in.
    """

    def __init__(self, middlewares: Sequence[Middleware]) -> None:
        context = copy_context()
        self.outgoing_steps: list[Step[Command]] = _steps(middlewares, "outgoing", context)
        self.incoming_steps: list[Step[Event]] = _steps(middlewares[::-1], "incoming", context)
        self._timed = [
            (
                one,
                _guarded(one.expired, one, context),
                _steps(middlewares[place:], "outgoing", context),
            )
            for place, one in enumerate(middlewares, 1)
            if _overrides(one, "deadline")
        ]
        self._resumed = [
            _guarded(one.resumed, one, context) for one in middlewares if _overrides(one, "resumed")
        ]
        self.hurries: bool = any(one.hurries for one, _, _ in self._timed)
        self.is_plain: bool = all(
            _is_built_in(one) for one in middlewares if _overrides(one, "outgoing")
        )

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Pass a command of the user through all middleware; return the commands to send."""
        return through(self.outgoing_steps, (command,), now)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Pass an event of the service through all middleware; return the events for the user."""
        return through(self.incoming_steps, (event,), now)

    def resumed(self, now: float) -> None:
        """Notify all middleware that audio was sent again, until *now*."""
        for resumed in self._resumed:
            resumed(now)

    def deadline(self) -> float | None:
        """Return when to call `expired`; `None` for never."""
        soonest: float | None = None
        for one, _, _ in self._timed:
            when = _deadline_of(one)
            if when is not None and (soonest is None or when < soonest):
                soonest = when
        return soonest

    def expired(self, now: float) -> Sequence[Command]:
        """Return the commands of middleware whose deadline has passed, as passed further inward."""
        sent: list[Command] = []
        for one, expired, inner in self._timed:
            when = _deadline_of(one)
            if when is None or when > now:
                continue
            sent.extend(through(inner, passed(expired(now)), now))
        return sent


def through(
    steps: Sequence[Step[Message]], messages: Iterable[Message], now: float
) -> Iterable[Message]:
    """Pass *messages* through all *steps*."""
    for step in steps:
        messages = [each for one in messages for each in passed(step(one, now))]
    return messages


def passed(returned: Message | Iterable[Message]) -> Iterable[Message]:
    """
    Return the messages in what a step has *returned*: one, or an iterable of them.

    Raises:
        UsageError: It returned `None`.
    """
    if isinstance(returned, Struct):
        return (returned,)
    if returned is None:
        raise UsageError(
            "a method of a middleware returned None", hint="return the message, or () to drop it"
        )
    return returned


def _deadline_of(middleware: Middleware) -> float | None:
    """
    Return the deadline of one middleware.

    Raises:
        UsageError: It is no time; one timer serves all recognitions, and relies on it.
    """
    try:
        when: Any = middleware.deadline()
    except ServiceError as error:
        raise RaisedByUser(error) from None
    if when is None:
        return None
    try:
        seconds = nan if isinstance(when, str) else float(when)
    except (TypeError, ValueError, OverflowError):
        seconds = nan
    if isnan(seconds):
        raise UsageError(
            f"deadline() of the middleware {type(middleware).__name__} returned {shown(when)}",
            hint="return seconds on the clock of now, or None for never",
        )
    return seconds


def _steps(middlewares: Sequence[Middleware], method: str, context: Context) -> list[Step[Any]]:
    """Return the methods named *method*."""
    return [
        _guarded(getattr(one, method), one, context)
        for one in middlewares
        if _overrides(one, method)
    ]


def _guarded(function: Callable[..., Any], one: Middleware, context: Context) -> Callable[..., Any]:
    """Return a method of *one* that runs in *context*, and whose failure is not the service's."""
    if _is_built_in(one):
        return function

    def run(*arguments: Any) -> Any:
        try:
            returned = function(*arguments)
            if returned is None or isinstance(returned, Struct):
                return returned
            return _messages(returned, one)  # a generator's code runs here, too
        except ServiceError as error:
            raise RaisedByUser(error) from None

    return partial(context.run, run) if one.uses_context else run


def _messages(returned: object, one: Middleware) -> list[Struct]:
    """
    Return the messages in what a method of *one* has returned, which is not a message itself.

    Raises:
        UsageError: It is no iterable of messages, such as the coroutine of an async method.
    """
    if isinstance(returned, Coroutine):
        returned.close()
    messages: list[Struct] = []
    for message in returned if isinstance(returned, Iterable) else (returned,):
        if not isinstance(message, Struct):
            raise UsageError(
                f"a method of the middleware {type(one).__name__} returned {shown(message)}",
                hint="it must not be async, and returns a message, or an iterable of messages",
            )
        messages.append(message)
    return messages


def _is_built_in(one: Middleware) -> bool:
    return type(one).__module__.partition(".")[0] == __name__.partition(".")[0]


def _overrides(middleware: Middleware, method: str) -> bool:
    return getattr(type(middleware), method) is not getattr(Middleware, method)
