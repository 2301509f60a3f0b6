"""Mistakes in a test of a service: they do not look like failures of the service under test."""

from collections.abc import Callable
from typing import Any

import pytest

from paraformer_async import AsyncRecognizer, Reconnect, Sentence, TaskFailedError
from paraformer_async.testing import (
    Drop,
    Late,
    Refuse,
    ScriptedServer,
    SlowClose,
    Stall,
    marked,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


class Run:
    """A script with functions of a test."""

    def __init__(self, feed: Callable[[bytes], Any], finish: Callable[[], Any]) -> None:
        self.feed = feed
        self.finish = finish


def raising(*_: Any) -> Any:
    """Raise what a test has not expected."""
    raise KeyError("mine")


def nothing(*_: Any) -> Any:
    """Return no results."""
    return ()


SCRIPTS: list[tuple[Callable[..., Any], str]] = [
    (raising, "mine"),
    (lambda _: Run(raising, nothing), "mine"),
    (lambda _: Run(nothing, raising), "mine"),
    (lambda _: Run(lambda _: ["text"], nothing), "heartbeat"),  # no Sentence
    (lambda _: Run(nothing, lambda: None), "not iterable"),
    (lambda: Run(nothing, nothing), "positional argument"),
]


@pytest.mark.parametrize(("script", "text"), SCRIPTS)
async def test_a_script_that_raises(script: Any, text: str) -> None:
    """Its task fails at once with what it has raised, which is raised on leaving, too."""
    with pytest.raises((KeyError, AttributeError, TypeError), match=text) as raised:
        async with (
            ScriptedServer(script) as server,
            AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer,
        ):
            with pytest.raises(TaskFailedError, match=text):
                async for _ in recognizer.stream(marked(200)):
                    pass
            assert 1 == len(server.received)
    assert raised.value.__context__ is None


async def test_a_test_that_fails_because_of_a_script() -> None:
    """What the script has raised is the cause, and the failure of the test is not hidden."""
    with pytest.raises(KeyError) as raised:
        async with (
            ScriptedServer(raising) as server,
            AsyncRecognizer(endpoint=server.url, api_key="any", reconnect=None) as recognizer,
        ):
            async for _ in recognizer.stream(marked(200)):
                pass
    assert isinstance(raised.value.__context__, TaskFailedError)


async def test_a_client_that_leaves_is_no_mistake() -> None:
    """A connection that is cut while results are sent raises nothing."""
    many = [Sentence(begin_time=one, end_time=one + 1, text="x" * 1000) for one in range(5000)]
    async with ScriptedServer(many) as server:
        lost = Reconnect(attempts=1)
        async with AsyncRecognizer(endpoint=server.url, api_key="any", reconnect=lost) as one:
            async for _ in one.stream(marked(5000)):
                break


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Drop(after_ms=2.3), "Drop: after_ms=2.3 is not a whole number of ms"),  # type: ignore[arg-type]
        (lambda: Stall(after_ms=-1), "Stall: after_ms=-1 is not"),
        (lambda: Drop(at="finish", code=5), "Drop: code=5 is not a close code"),
        (lambda: Refuse("503"), "Refuse: status='503' is not 200 to 599"),  # type: ignore[arg-type]
        (lambda: Refuse(101), "Refuse: status=101 is not"),
        (lambda: Late(-1), "Late.seconds: -1 is not a number of seconds"),
        (lambda: SlowClose("1"), "SlowClose.seconds: '1' is not"),  # type: ignore[arg-type]
    ],
)
async def test_a_fault_that_can_never_happen(make: Callable[[], Any], text: str) -> None:
    """It is refused on creation: a test would pass without it."""
    with pytest.raises(ValueError, match=text):
        make()


async def test_clocks_that_are_none() -> None:
    """Clocks are refused by their name, too."""
    with pytest.raises(TypeError, match="clocks: must be Clocks"):
        ScriptedServer(clocks=5)  # type: ignore[arg-type]
