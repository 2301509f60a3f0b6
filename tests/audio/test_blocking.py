"""Reading in a thread: reading ahead, waking the loop, and stopping."""

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

READ_AHEAD = 128


class Source:
    """An endless iterator that counts its calls and can be paused."""

    def __init__(self) -> None:
        self.calls = 0
        self.may_continue = threading.Event()
        self.may_continue.set()
        self._changed = threading.Condition()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._changed:
            self.calls += 1
            self._changed.notify_all()
        assert self.may_continue.wait(10)
        return b"%d" % self.calls

    async def until_called(self, times: int) -> None:
        """Wait until `next` has been called that many times."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: self.calls >= times, 5)

        await anyio.to_thread.run_sync(wait)


def threads() -> list[threading.Thread]:
    """Return the reading threads."""
    return [thread for thread in threading.enumerate() if thread.name == "audio source"]


async def until_ended() -> None:
    """Wait until all reading threads have ended."""
    for thread in threads():
        await anyio.to_thread.run_sync(thread.join, 5)
    assert [] == threads()


async def test_chunks_come_in_order() -> None:
    """Whether the thread or the loop is faster, every chunk arrives once and in order."""
    chunks = [b"%d" % number for number in range(10_000)]
    read = []
    async for chunk in read_in_thread(iter(chunks), bytes):
        read.append(chunk)
        if len(read) % 10 == 0:
            await asyncio.sleep(0.001)
    assert chunks == read
    await until_ended()


async def test_what_was_read_meanwhile_can_be_joined() -> None:
    """With `join`, all chunks that are there are one, and the end is none."""
    chunks = [b"%d," % number for number in range(5 * READ_AHEAD)]
    joined = [chunk async for chunk in read_in_thread(iter(chunks), bytes, join=b"".join)]
    assert b"".join(chunks) == b"".join(joined)
    assert len(joined) < len(chunks)
    assert b"" not in joined


async def test_read_ahead_is_bounded() -> None:
    """From a source that is faster than its reader, only so many chunks are read ahead."""
    source = Source()
    async with aclosing(read_in_thread(source, bytes)) as chunks:
        for number in range(1, 1001):
            assert b"%d" % number == await anext(chunks)
        await source.until_called(1000 + READ_AHEAD // 2)
    await until_ended()
    assert source.calls <= 1000 + 2 * READ_AHEAD + 1


async def test_read_ahead_is_bounded_in_bytes() -> None:
    """Large chunks are read ahead up to 256 KiB."""
    source = Source()
    async with aclosing(read_in_thread(source, lambda _: bytes(60_000))) as chunks:
        assert await anext(chunks)
        await source.until_called(5)
        await asyncio.sleep(0.05)
    await until_ended()
    assert source.calls <= 8


async def test_a_chunk_arrives_while_the_thread_waits_for_the_next() -> None:
    """A chunk is yielded as soon as it is read, even while the thread waits for the next one."""
    live: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    async with aclosing(read_in_thread(iter(live.get, b"end"), bytes)) as chunks:
        for chunk in (b"a", b"b", b"c"):
            live.put(chunk)
            with anyio.fail_after(5):
                assert chunk == await anext(chunks)
        live.put(b"end")
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


async def test_closing_does_not_wait_for_a_blocked_source() -> None:
    """A thread blocked in the source is not waited for, and ends as soon as it can."""
    source = Source()
    source.may_continue.clear()
    with anyio.fail_after(2), anyio.CancelScope() as scope:
        scope.cancel()
        await anext(read_in_thread(source, bytes))
    assert 1 == len(threads())
    source.may_continue.set()
    await until_ended()
    assert 1 == source.calls


async def test_exception_from_closing_a_generator() -> None:
    """An exception raised by the source's cleanup reaches the reader."""

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
    """The thread runs with the reader's context variables."""
    variable = ContextVar("variable", default=b"nobody's")
    variable.set(b"the reader's")

    def source() -> Iterator[bytes]:
        yield variable.get()

    assert [b"the reader's"] == [chunk async for chunk in read_in_thread(source(), bytes)]


def test_closed_loop() -> None:
    """A thread whose event loop has been closed ends without an error."""
    source = Source()
    source.may_continue.clear()

    async def leave() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anext(read_in_thread(source, bytes))

    asyncio.run(leave())
    (thread,) = threads()
    source.may_continue.set()
    thread.join(5)
    assert not thread.is_alive()
