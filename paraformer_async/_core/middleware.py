"""
What a middleware is, and how several work as one.

A middleware sees both directions of one recognition. It never waits: the time comes in as `now`
(seconds of a monotonic clock), and what it wants to do later it asks for through `deadline`.
What must wait (pacing, resampling, a remote voice detector) belongs into an audio source.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, TypeVar

from paraformer_async._core.wire import Command, Event

__all__ = ["Middleware", "Stack"]

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
    """

    hurries: ClassVar[bool] = True

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


class Stack:
    """
    Several middlewares as one, listed outermost (nearest to the user) first.

    Commands pass from the outermost to the innermost, events the other way. A method that a
    middleware does not override costs nothing.

    Attributes:
        outgoing: Takes a command of the user's and the time; gives what is to be sent.
        incoming: Takes an event of the service's and the time; gives what the user is to see.
        hurries: Whether audio or a result that passes may bring the deadline nearer.
    """

    def __init__(self, middlewares: Sequence[Middleware]) -> None:
        self.outgoing = _chain([one.outgoing for one in middlewares if _overrides(one, "outgoing")])
        self.incoming = _chain(
            [one.incoming for one in reversed(middlewares) if _overrides(one, "incoming")]
        )
        self._timed = [
            (
                one,
                _chain(
                    [
                        inner.outgoing
                        for inner in middlewares[place + 1 :]
                        if _overrides(inner, "outgoing")
                    ]
                ),
            )
            for place, one in enumerate(middlewares)
            if _overrides(one, "deadline")
        ]
        self.hurries = any(one.hurries for one, _ in self._timed)

    def deadline(self) -> float | None:
        """When `expired` is to be called next; `None` for not at all."""
        soonest: float | None = None
        for one, _ in self._timed:
            when = one.deadline()
            if when is not None and (soonest is None or when < soonest):
                soonest = when
        return soonest

    def expired(self, now: float) -> Sequence[Command]:
        """Give what those want sent whose deadline has come. It passes those further in."""
        sent: list[Command] = []
        for one, inner in self._timed:
            when = one.deadline()
            if when is None or when > now:
                continue
            for command in one.expired(now):
                sent.extend(inner(command, now))
        return sent


def _chain(
    steps: Sequence[Callable[[Message, float], Iterable[Message]]],
) -> Callable[[Message, float], Iterable[Message]]:
    """Make one step of *steps*."""
    if not steps:
        return _unchanged
    first = steps[0]
    if len(steps) == 1:
        return first
    then = _chain(steps[1:])

    def pass_through(message: Message, now: float) -> Iterable[Message]:
        messages = tuple(first(message, now))
        if len(messages) == 1:  # nearly always
            return then(messages[0], now)
        return [passed for each in messages for passed in then(each, now)]

    return pass_through


def _unchanged(message: Message, now: float) -> Iterable[Message]:
    del now
    return (message,)


def _overrides(middleware: Middleware, method: str) -> bool:
    return getattr(type(middleware), method) is not getattr(Middleware, method)
