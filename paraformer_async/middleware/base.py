"""
What a middleware is, and how several work as one.

A middleware sees both directions of one recognition. It never waits: the time comes in as `now`
(seconds of a monotonic clock), and what it wants to do later it asks for through `deadline`.
What must wait (pacing, resampling, a remote voice detector) belongs into an audio source.
"""

from collections.abc import Iterable, Sequence

from paraformer_async._core.wire import Command, Event

__all__ = ["Middleware", "Stack"]


class Middleware:
    """
    One behaviour of a recognition: may watch, change, drop or add messages of both directions.

    Override what is needed; each method lets everything pass as it is. An instance serves one
    recognition, so it may keep state. Times that results carry are already the user's.

        class Loud(Middleware):
            def incoming(self, event, now):
                if isinstance(event, ResultGenerated) and event.sentence:
                    print(event.sentence.text)
                yield event
    """

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
    """

    def __init__(self, middlewares: Sequence[Middleware]) -> None:
        self._outgoing = [one.outgoing for one in middlewares if _overrides(one, "outgoing")]
        self._incoming = [
            one.incoming for one in reversed(middlewares) if _overrides(one, "incoming")
        ]
        self._timed = [
            (
                one,
                [
                    inner.outgoing
                    for inner in middlewares[place + 1 :]
                    if _overrides(inner, "outgoing")
                ],
            )
            for place, one in enumerate(middlewares)
            if _overrides(one, "deadline")
        ]

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Take a command of the user's; give what is to be sent."""
        commands: Iterable[Command] = (command,)
        for step in self._outgoing:
            commands = [passed for each in commands for passed in step(each, now)]
        return commands

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Take an event of the service's; give what the user is to see."""
        events: Iterable[Event] = (event,)
        for step in self._incoming:
            events = [passed for each in events for passed in step(each, now)]
        return events

    def deadline(self) -> float | None:
        """When `expired` is to be called next; `None` for not at all."""
        deadlines = [when for one, _ in self._timed if (when := one.deadline()) is not None]
        return min(deadlines, default=None)

    def expired(self, now: float) -> Sequence[Command]:
        """Give what those want sent whose deadline has come. It passes those further in."""
        sent: list[Command] = []
        for one, inner in self._timed:
            when = one.deadline()
            if when is None or when > now:
                continue
            commands: Iterable[Command] = one.expired(now)
            for step in inner:
                commands = [passed for each in commands for passed in step(each, now)]
            sent.extend(commands)
        return sent


def _overrides(middleware: Middleware, method: str) -> bool:
    return getattr(type(middleware), method) is not getattr(Middleware, method)
