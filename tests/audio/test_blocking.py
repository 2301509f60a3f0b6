"""Reading in a thread: how far ahead, what wakes whom, and how it ends."""

import asyncio
import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import aclosing
from contextvars import ContextVar

import anyio
import pytest

from paraformer_async.audio.blocking import read_in_thread

pytestmark = pytest.mark.anyio

AHEAD = 16


class Source:
    """An endless iterator that tells how often it was asked, and can be told to wait."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
        assert self.may_go_on.wait(10)
        return b"%d" % self.asked

    async def until_asked(self, times: int) -> None:
        """Wait until it was asked so often."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: self.asked >= times, 5)

        await anyio.to_thread.run_sync(wait)


def threads() -> list[threading.Thread]:
    """Give the threads that read."""
    return [thread for thread in threading.enumerate() if thread.name == "audio source"]


async def until_ended() -> None:
    """Wait until no thread reads."""
    for thread in threads():
        await anyio.to_thread.run_sync(thread.join, 5)
    assert [] == threads()


async def test_all_comes_in_order() -> None:
    """Whatever is faster, the thread or the loop, every chunk comes once and in order."""
    given = [b"%d" % number for number in range(1000)]
    read = []
    async for chunk in read_in_thread(iter(given), bytes):
        read.append(chunk)
        if len(read) % 100 == 0:
            await asyncio.sleep(0.001)
    assert given == read
    await until_ended()


async def test_it_is_read_ahead_only_so_far() -> None:
    """Of a source that is faster than its reader, only a few chunks wait."""
    source = Source()
    async with aclosing(read_in_thread(source, bytes)) as chunks:
        for number in range(1, 101):
            assert b"%d" % number == await anext(chunks)
        await source.until_asked(100 + AHEAD // 2)
    await until_ended()
    assert source.asked <= 100 + AHEAD + 1


async def test_a_chunk_comes_while_the_next_is_waited_for() -> None:
    """A chunk is given when it is there, though the thread already waits for another."""
    live: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    async with aclosing(read_in_thread(iter(live.get, b"end"), bytes)) as chunks:
        for chunk in (b"a", b"b", b"c"):
            live.put(chunk)
            with anyio.fail_after(5):
                assert chunk == await anext(chunks)
        live.put(b"end")
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


async def test_leaving_does_not_wait_for_a_source_that_waits() -> None:
    """A thread that is held up in the source is left behind, and ends as soon as it can."""
    source = Source()
    source.may_go_on.clear()
    with anyio.fail_after(2), anyio.CancelScope() as scope:
        scope.cancel()
        await anext(read_in_thread(source, bytes))
    assert 1 == len(threads())
    source.may_go_on.set()
    await until_ended()
    assert 1 == source.asked


async def test_what_the_end_of_a_generator_raises() -> None:
    """An exception of the source's own clean-up reaches its reader."""

    def source() -> Generator[bytes, None, None]:
        try:
            yield b"ab"
            yield b""
        finally:
            raise ZeroDivisionError

    def refuse(chunk: bytes) -> bytes:
        if not chunk:
            raise ValueError("empty")
        return chunk

    chunks = read_in_thread(source(), refuse)
    assert b"ab" == await anext(chunks)
    with pytest.raises(ZeroDivisionError), anyio.fail_after(5):
        await anext(chunks)
    await until_ended()


async def test_the_source_runs_in_the_context_of_its_reader() -> None:
    """Context variables are seen in the thread."""
    variable = ContextVar("variable", default=b"nobody's")
    variable.set(b"the reader's")

    def source() -> Iterator[bytes]:
        yield variable.get()

    assert [b"the reader's"] == [chunk async for chunk in read_in_thread(source(), bytes)]


def test_a_loop_that_has_gone() -> None:
    """A thread whose loop was closed ends quietly."""
    source = Source()
    source.may_go_on.clear()

    async def leave() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(read_in_thread(source, bytes))

    asyncio.run(leave())
    (thread,) = threads()
    source.may_go_on.set()
    thread.join(5)
    assert not thread.is_alive()
