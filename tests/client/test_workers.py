"""The work on many items: as much at a time as allowed, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Callable

import anyio
import pytest

from paraformer_async._client.workers import Workers
from paraformer_async.errors import UsageError

pytestmark = pytest.mark.anyio


class Source:
    """Yields numbers, and counts how many were taken."""

    def __init__(self, count: int, fails_at: int = -1) -> None:
        self.taken = 0
        self.is_closed = False
        self._count = count
        self._fails_at = fails_at

    async def items(self) -> AsyncIterator[int]:
        """Yield the numbers from 0 on."""
        try:
            for number in range(self._count):
                if number == self._fails_at:
                    raise OSError("the source has failed")
                self.taken += 1
                yield number
        finally:
            self.is_closed = True


def workers(
    source: Source, work: Callable[[int], object], *, count: int = 3, ordered: bool = False
) -> Workers[int, int]:
    """Return workers that call *work*, and wait for what it returns if that is an event."""

    async def wait(item: int) -> int:
        waits_for = work(item)
        if isinstance(waits_for, anyio.Event):
            await waits_for.wait()
        return item

    return Workers(source.items(), wait, count=count, ahead=2 * count, ordered=ordered)


async def all_of(work: Workers[int, int]) -> list[int]:
    """Return all that is done."""
    done = []
    try:
        while True:
            done.append(await work.next())
    except StopAsyncIteration:
        return done


@pytest.mark.parametrize("ordered", [False, True])
async def test_all_items(ordered: bool) -> None:
    """Each item is worked on once, and the source is closed."""
    source = Source(100)
    work = workers(source, lambda _: None, ordered=ordered)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        assert list(range(100)) == sorted(await all_of(work))
    assert source.is_closed
    assert work.failure is None


@pytest.mark.parametrize(("ordered", "expected"), [(True, [0, 1, 2, 3]), (False, [1, 2, 3, 0])])
async def test_the_order_of_the_items(ordered: bool, expected: list[int]) -> None:
    """What is done early waits for what comes before it, if the order is asked for."""
    gate = anyio.Event()
    work = workers(Source(4), lambda item: gate if item == 0 else None, ordered=ordered)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        await anyio.wait_all_tasks_blocked()
        gate.set()
        assert expected == await all_of(work)


async def test_no_more_than_allowed_at_once() -> None:
    """As many items are worked on at once as there are workers, and no more are taken."""
    gate = anyio.Event()
    source = Source(100)
    work = workers(source, lambda _: gate)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        await anyio.wait_all_tasks_blocked()
        assert 3 == source.taken
        gate.set()
        await all_of(work)


@pytest.mark.parametrize("ordered", [False, True])
async def test_what_is_unread_holds_the_source_back(ordered: bool) -> None:
    """Nothing is taken while too much is unread, and the work continues as it is read."""
    source = Source(100)
    work = workers(source, lambda _: None, ordered=ordered)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        await anyio.wait_all_tasks_blocked()
        assert 6 == source.taken
        await work.next()
        await anyio.wait_all_tasks_blocked()
        assert 7 == source.taken
        assert 99 == len(await all_of(work))


async def test_a_source_that_fails() -> None:
    """What was taken from a source that fails later is done and returned before its failure."""
    gate = anyio.Event()
    work = workers(Source(10, fails_at=2), lambda _: gate)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        await anyio.wait_all_tasks_blocked()
        gate.set()
        assert [0, 1] == sorted([await work.next(), await work.next()])
        with pytest.raises(OSError, match="the source has failed"):
            await work.next()


async def test_stopping() -> None:
    """After a stop, no further item is taken, not even one that is being waited for."""
    gate, never = anyio.Event(), anyio.Event()

    async def items() -> AsyncIterator[int]:
        yield 0
        await never.wait()
        yield 1

    async def wait(item: int) -> int:
        await gate.wait()
        return item

    work = Workers(items(), wait, count=2, ahead=4, ordered=False)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        await anyio.wait_all_tasks_blocked()
        work.stop(OSError("enough"))
        gate.set()
        assert 0 == await work.next()
        with pytest.raises(OSError, match="enough"):
            await work.next()


@pytest.mark.parametrize("ordered", [False, True])
async def test_ending(ordered: bool) -> None:
    """An end cancels what is being worked on; what was done before is returned, then the reason."""
    gate = anyio.Event()
    work = workers(Source(9), lambda item: gate if item == 0 else None, count=2, ordered=ordered)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        await anyio.wait_all_tasks_blocked()
        work.end(OSError("over"))
        work.end(OSError("later"))
        assert [1, 2, 3] == [await work.next() for _ in range(3)]
        with pytest.raises(OSError, match="over"):
            await work.next()
        await work.wait()
    assert work.is_ended


async def test_an_end_before_the_beginning() -> None:
    """Work that is ended before it has begun takes nothing."""
    source = Source(3)
    work = workers(source, lambda _: None)
    work.end(OSError("over"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        with pytest.raises(OSError, match="over"):
            await work.next()
    assert 0 == source.taken


async def test_a_canceled_reader_loses_nothing() -> None:
    """A cancellation of `next` takes nothing from what is done."""
    gate = anyio.Event()
    work = workers(Source(2), lambda _: gate)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        with anyio.move_on_after(0.001):
            await work.next()
        gate.set()
        assert [0, 1] == sorted(await all_of(work))


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("count", [1, 3])
async def test_a_hook_that_cancels_its_task(count: int, ordered: bool) -> None:
    """Whoever calls a hook that cancels the task, the end is not taken for that of the source."""

    def cancel(item: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        if item == 4:
            task.cancel()

    work = workers(Source(10), cancel, count=count, ordered=ordered)
    done = list[int]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work.run)
        with anyio.fail_after(5), pytest.raises(UsageError, match="a hook was canceled"):
            while True:
                done.append(await work.next())
    assert {0, 1, 2, 3, 4} <= set(done)
