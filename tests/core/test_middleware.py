"""Several middlewares as one: order, what is dropped and added, deadlines."""

from collections.abc import Iterable
from math import nan
from typing import Any

import pytest

from paraformer_async.errors import UsageError
from paraformer_async.middleware import (
    Audio,
    Command,
    Event,
    FinishTask,
    Heartbeat,
    LatencyMeter,
    Middleware,
    ResultGenerated,
    RunTask,
    Stack,
    TaskFinished,
    TaskStarted,
)
from paraformer_async.results import Sentence


class Named(Middleware):
    """Writes its name on whatever passes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Write on audio."""
        if isinstance(command, Audio):
            command = Audio(bytes(command.data) + self.name.encode(), injected=command.injected)
        yield command

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Write on results."""
        if isinstance(event, ResultGenerated) and event.sentence:
            event = ResultGenerated(Sentence(text=event.sentence.text + self.name))
        yield event


class Timer(Middleware):
    """Wants to send its name at one time."""

    def __init__(self, name: str, when: float | None) -> None:
        self.name = name
        self.when = when

    def deadline(self) -> float | None:
        """Return the one time."""
        return self.when

    def expired(self, now: float) -> Iterable[Command]:
        """Send the name, once."""
        self.when = None
        yield Audio(self.name.encode(), injected=True)


class Doubler(Middleware):
    """Lets audio pass twice and the end of the task not at all."""

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Double."""
        return [command, command] if isinstance(command, Audio) else [command]

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Drop."""
        return [] if isinstance(event, TaskFinished) else [event]


class Clock(Middleware):
    """Notes the time that is passed to it."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def outgoing(self, command: Command, now: float) -> Iterable[Command]:
        """Note."""
        self.seen.append(now)
        return (command,)

    def incoming(self, event: Event, now: float) -> Iterable[Event]:
        """Note."""
        self.seen.append(now)
        return (event,)


COMMANDS = [RunTask("m"), Audio(b"x"), FinishTask()]
EVENTS = [TaskStarted(), ResultGenerated(Sentence(text="x")), TaskFinished()]


@pytest.mark.parametrize("stack", [Stack([]), Stack([Middleware(), Middleware()])])
def test_what_overrides_nothing_changes_nothing(stack: Stack) -> None:
    """An empty stack, and a stack of middlewares without behavior, let everything pass."""
    assert COMMANDS == [passed for each in COMMANDS for passed in stack.outgoing(each, 0.0)]
    assert EVENTS == [passed for each in EVENTS for passed in stack.incoming(each, 0.0)]
    assert stack.deadline() is None
    assert [] == stack.expired(1e9)


def test_the_defaults_of_a_middleware() -> None:
    """Each method of the base lets everything pass, and wants nothing."""
    middleware = Middleware()
    assert FinishTask() == middleware.outgoing(FinishTask(), 0.0)
    assert TaskStarted() == middleware.incoming(TaskStarted(), 0.0)
    assert middleware.deadline() is None
    assert [] == list(middleware.expired(0.0))


def test_commands_go_in_and_events_come_out() -> None:
    """Commands pass from the outermost to the innermost, events the other way."""
    stack = Stack([Named("1"), Named("2"), Named("3")])
    assert [Audio(b"x123")] == list(stack.outgoing(Audio(b"x"), 0.0))
    result = ResultGenerated(Sentence(text="x"))
    assert [ResultGenerated(Sentence(text="x321"))] == list(stack.incoming(result, 0.0))


class Quieter(Middleware):
    """Returns single messages, not iterables of them: audio halved, all else as it is."""

    def outgoing(self, command: Command, now: float) -> Command:
        """Halve audio."""
        return Audio(command.data[::2]) if isinstance(command, Audio) else command


class Plain(Quieter):
    """The same, without context variables."""

    uses_context = False


@pytest.mark.parametrize("kind", [Quieter, Plain])
def test_a_middleware_may_return_one_message(kind: type[Middleware]) -> None:
    """A message that is returned as it is, is passed on like an iterable with it alone."""
    stack = Stack([Named("1"), kind(), Named("2")])
    assert [Audio(b"x12")] == list(stack.outgoing(Audio(b"xy"), 0.0))
    assert [FinishTask()] == list(stack.outgoing(FinishTask(), 0.0))


class Forgetful(Middleware):
    """Forgets to return anything."""

    def outgoing(self, command: Command, now: float) -> Command:
        """Forget."""
        return None  # type: ignore[return-value]


class Mistaken(Middleware):
    """Returns what is no message."""

    def __init__(self, returned: Any) -> None:
        self.returned = returned

    def outgoing(self, command: Command, now: float) -> Any:
        """Return it."""
        return self.returned


class Waiting(Middleware):
    """Is asynchronous, by mistake."""

    async def outgoing(self, command: Command, now: float) -> Any:  # type: ignore[override]
        """Wait."""


@pytest.mark.parametrize(
    "middleware", [Mistaken("text"), Mistaken([Audio(b"x"), None]), Mistaken(7), Waiting()]
)
def test_what_is_no_message_is_refused(middleware: Middleware) -> None:
    """Text, a list of something else or a coroutine is named in the error; nothing is dropped."""
    name = type(middleware).__name__
    with pytest.raises(UsageError, match=f"the middleware {name} returned .*must not be async"):
        Stack([middleware]).outgoing(Audio(b"x"), 0.0)


class Careless(Forgetful):
    """The same, without context variables."""

    uses_context = False


@pytest.mark.parametrize("kind", [Forgetful, Careless])
def test_a_middleware_that_returns_nothing_is_refused(kind: type[Middleware]) -> None:
    """`None` is neither a message nor a decision to drop one: the error says what to return."""
    with pytest.raises(UsageError, match=r"returned None.*or \(\) to drop it"):
        list(Stack([kind()]).outgoing(FinishTask(), 0.0))


def test_a_middleware_may_drop_and_add() -> None:
    """What a middleware adds passes all that are further on, what it drops passes none."""
    stack = Stack([Doubler(), Named("1"), Doubler()])
    assert [Audio(b"x1")] * 4 == list(stack.outgoing(Audio(b"x"), 0.0))
    assert [] == list(stack.incoming(TaskFinished(), 0.0))


def test_the_time_is_handed_through() -> None:
    """Each middleware sees the time that was passed to the stack."""
    clock = Clock()
    stack = Stack([Named("1"), clock])
    list(stack.outgoing(FinishTask(), 1.5))
    list(stack.incoming(TaskStarted(), 2.5))
    assert [1.5, 2.5] == clock.seen


@pytest.mark.parametrize(
    ("whens", "expected"),
    [([], None), ([None, None], None), ([None, 3.0], 3.0), ([5.0, 3.0, None, 4.0], 3.0)],
)
def test_the_earliest_deadline_counts(whens: list[float | None], expected: float | None) -> None:
    """The stack's deadline is the earliest that a middleware has."""
    assert expected == Stack([Timer("t", when) for when in whens]).deadline()


@pytest.mark.parametrize("when", [nan, 10**400, "12", 1j, ()])
def test_a_deadline_that_is_no_time_is_refused(when: Any) -> None:
    """What cannot be compared with the clock ends the recognition; it stops no timer."""
    stack = Stack([Timer("t", when), Timer("u", 1.0)])
    with pytest.raises(UsageError, match=r"deadline\(\) of the middleware Timer returned"):
        stack.deadline()
    with pytest.raises(UsageError, match="return seconds on the clock of now, or None for never"):
        stack.expired(1.0)


def test_a_timer_may_return_one_message() -> None:
    """At a deadline, too, one message is passed on as it is, and nothing at all is refused."""

    class Alone(Timer):
        def expired(self, now: float) -> Any:
            return Audio(b"x", injected=True) if self.name else None

    assert [Audio(b"x", injected=True)] == Stack([Alone("t", 1)]).expired(1.0)
    with pytest.raises(UsageError, match="returned None"):
        Stack([Alone("", 1.0)]).expired(1.0)


def test_only_those_are_called_whose_deadline_has_come() -> None:
    """At a deadline, those that wait for a later one, or for none, are left alone."""
    stack = Stack([Timer("a", 2.0), Timer("b", 1.0), Timer("c", None), Timer("d", 1.5)])
    assert [Audio(b"b", injected=True), Audio(b"d", injected=True)] == stack.expired(1.5)
    assert 2.0 == stack.deadline()
    assert [] == stack.expired(1.9)
    assert [Audio(b"a", injected=True)] == stack.expired(2.0)
    assert stack.deadline() is None


def test_what_a_timer_sends_passes_those_further_in() -> None:
    """What is sent at a deadline passes the inner middlewares, and not those outside of it."""
    stack = Stack([Named("1"), Timer("t", 1.0), Named("2"), Middleware(), Doubler()])
    assert [Audio(b"t2", injected=True)] * 2 == stack.expired(1.0)


def test_who_puts_its_deadline_only_off_spares_the_looks() -> None:
    """A stack is looked at after each message only if one of its deadlines may come nearer."""

    class Timed(Middleware):
        def deadline(self) -> float | None:
            return 1.0

    class Patient(Timed):
        hurries = False

    assert not Stack([]).hurries
    assert not Stack([Middleware()]).hurries
    assert not Stack([Patient(), Heartbeat(), LatencyMeter()]).hurries
    assert Stack([Patient(), Timed()]).hurries
