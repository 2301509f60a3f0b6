"""
What a middleware is, and how several work as one.

A middleware sees both directions of one recognition. It never waits: the time comes in as `now`
(seconds of a monotonic clock), and what it wants to do later it asks for through `deadline`.
What must wait (pacing, resampling, a remote voice detector) belongs into an audio source.
"""

from collections.abc import Callable, Iterable, Sequence
from contextvars import Context, copy_context
from typing import Any, ClassVar, TypeVar

from paraformer_async._core.wire import Command, Event

__all__ = ["Middleware", "Stack", "through"]

Message = TypeVar("Message", Command, Event)


class Middleware:
    """
    One behavior of a recognition: may watch, change, drop or add messages of both directions.

    Override what is needed; each method lets everything pass as it is. An instance serves one
    recognition, so it may keep state. Times that results carry are already the user's.

        class Loud(Middleware):
            def incoming(self, event, now):
                if isinstance(event, ResultGenerated) and event.sentence:
                    print(event.sentence.text)
                yield event

    Attributes:
        hurries: Whether a message that passes may bring the deadline nearer. A middleware whose
            deadline audio and results only put off says `False`, which spares a look after each.
        uses_context: Whether its methods see the context variables of who opened the stream. A
            middleware that needs none says `False`, which spares a switch for each message.
    """

    hurries: ClassVar[bool] = True
    uses_context: ClassVar[bool] = True

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Take a command on its way to the service; give what goes on in its place."""
        del now
        return (command,)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Take an event on its way to the user; give what goes on in its place."""
        del now
        return (event,)

    def deadline(self) -> float | None:
        """When `expired` is to be called next, on the clock of `now`; `None` for not at all."""
        return None

    def expired(self, now: float) -> Iterable[Command]:
        """The deadline has come: give commands to send now."""
        del now
        return ()


Step = Callable[[Message, float], Iterable[Message]]


class Stack:
    """
    Several middlewares as one, listed outermost (nearest to the user) first.

    Commands pass from the outermost to the innermost, events the other way. A method that a
    middleware does not override costs nothing.

    Attributes:
        outgoing_steps: What a command passes, one after the other.
        incoming_steps: What an event passes.
        hurries: Whether audio or a result that passes may bring the deadline nearer.
        is_plain: Whether none of them changes audio: there are only those that are built in.
    """

    def __init__(self, middlewares: Sequence[Middleware]) -> None:
        context = copy_context()
        self.outgoing_steps: list[Step[Command]] = _steps(middlewares, "outgoing", context)
        self.incoming_steps: list[Step[Event]] = _steps(middlewares[::-1], "incoming", context)
        self._timed = [
            (one, _steps(middlewares[place:], "outgoing", context))
            for place, one in enumerate(middlewares, 1)
            if _overrides(one, "deadline")
        ]
        self.hurries: bool = any(one.hurries for one, _ in self._timed)
        self.is_plain: bool = not any(
            one.uses_context for one in middlewares if _overrides(one, "outgoing")
        )

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Take a command of the user; return what is to be sent."""
        return through(self.outgoing_steps, (command,), now)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Take an event of the service; return what the user is to see."""
        return through(self.incoming_steps, (event,), now)

    def deadline(self) -> float | None:
        """Return when `expired` is to be called next; `None` for not at all."""
        soonest: float | None = None
        for one, _ in self._timed:
            when = one.deadline()
            if when is not None and (soonest is None or when < soonest):
                soonest = when
        return soonest

    def expired(self, now: float) -> Sequence[Command]:
        """Return what those want sent whose deadline has come. It passes those further in."""
        sent: list[Command] = []
        for one, inner in self._timed:
            when = one.deadline()
            if when is None or when > now:
                continue
            sent.extend(through(inner, one.expired(now), now))
        return sent


def through(
    steps: Sequence[Step[Message]], messages: Iterable[Message], now: float
) -> Iterable[Message]:
    """Return what is left of *messages* after all *steps*."""
    for step in steps:
        messages = [each for one in messages for each in step(one, now)]
    return messages


def _steps(middlewares: Sequence[Middleware], method: str, context: Context) -> list[Step[Any]]:
    """Return the methods of that name, those that want it within *context*."""
    return [
        _within(context, getattr(one, method)) if one.uses_context else getattr(one, method)
        for one in middlewares
        if _overrides(one, method)
    ]


def _within(context: Context, step: Step[Message]) -> Step[Message]:
    def run(message: Message, now: float) -> Iterable[Message]:
        return context.run(lambda: tuple(step(message, now)))  # it may be a generator

    return run


def _overrides(middleware: Middleware, method: str) -> bool:
    return getattr(type(middleware), method) is not getattr(Middleware, method)
