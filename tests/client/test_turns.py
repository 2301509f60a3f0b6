"""The queue of senders that wait for room."""

import asyncio

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async._client.turns import Turns

pytestmark = pytest.mark.anyio


class Door:
    """Room for a number of senders, which pass through `Turns` like those of a recognition."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.turns = Turns(lambda: self.room > 0)
        self.passed: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def go(self, name: str) -> None:
        """Wait for a turn if there is need, and take a place."""
        if self.turns.waiting or not self.room:
            await self.turns.wait()
        self.room -= 1
        self.passed.append(name)
        self.turns.pass_on()

    async def come(self, *names: str) -> None:
        """Let callers come in this order."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self.go(name))
            await anyio.wait_all_tasks_blocked()

    def open(self, room: int) -> None:
        """Make room."""
        self.room += room
        self.turns.pass_on()

    async def leave(self, name: str) -> None:
        """Let a caller be canceled."""
        self.tasks[name].cancel()
        await asyncio.wait([self.tasks[name]])


async def test_they_go_in_the_order_in_which_they_came() -> None:
    """First come, first served, and only as many as there is room for."""
    door = Door()
    await door.come("a", "b", "c", "d")
    assert [] == door.passed
    door.open(3)
    await anyio.wait_all_tasks_blocked()
    assert (["a", "b", "c"], 1) == (door.passed, len(door.turns.waiting))
    await door.leave("d")


async def test_who_comes_late_does_not_overtake() -> None:
    """Room that was made for waiting senders is not taken by one that arrives at that moment."""
    door = Door()
    await door.come("a", "b")
    door.open(2)
    await door.come("c")
    assert ["a", "b"] == door.passed
    door.open(1)
    await anyio.wait_all_tasks_blocked()
    assert ["a", "b", "c"] == door.passed


async def test_with_room_the_turn_comes_at_once() -> None:
    """A sender that waits although there is room continues in the next step."""
    door = Door(room=1)
    with anyio.fail_after(5):
        await door.turns.wait()
    assert not door.turns.waiting


@pytest.mark.parametrize("gone", ["a", "b", "c"])
async def test_who_is_canceled_leaves_the_queue(gone: str) -> None:
    """A sender that is canceled while waiting does not block others, wherever it stood."""
    door = Door()
    await door.come("a", "b", "c")
    await door.leave(gone)
    door.open(3)
    await anyio.wait_all_tasks_blocked()
    assert [name for name in "abc" if name != gone] == door.passed
    assert not door.turns.waiting


async def test_a_turn_that_is_not_used_goes_to_the_next() -> None:
    """A sender that is canceled in the step in which its turn comes passes it on."""
    door = Door()
    await door.come("a", "b")
    door.open(1)
    await door.leave("a")
    await anyio.wait_all_tasks_blocked()
    assert ["b"] == door.passed


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(["come", "leave first", "leave last", "open"]), min_size=1, max_size=30
    )
)
def test_no_room_stays_empty_while_somebody_waits(steps: list[str]) -> None:
    """Whoever comes and leaves: in order, never more than the room, and nobody is forgotten."""

    async def run() -> None:
        door = Door()
        made = 0
        for number, step in enumerate(steps):
            waiting = [name for name, task in door.tasks.items() if not task.done()]
            if step == "come":
                await door.come(f"{number:02}")
            elif step == "open":
                door.open(1)
                made += 1
            elif waiting:
                await door.leave(waiting[0 if step == "leave first" else -1])
            await anyio.wait_all_tasks_blocked()
            assert door.room >= 0
            assert not (door.room and door.turns.waiting)
        assert sorted(door.passed) == door.passed
        assert made == len(door.passed) + door.room
        for name in door.tasks:
            await door.leave(name)
        assert not door.turns.waiting

    anyio.run(run)
