"""Every supported source becomes chunks of bytes; its owner remains responsible for closing it."""

import asyncio
import io
import threading
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from paraformer_async.audio import source as module
from paraformer_async.audio.source import chunks, immutable
from paraformer_async.errors import InvalidOptionError

pytestmark = pytest.mark.anyio


async def collect(source: Any) -> list[bytes]:
    """Read all of *source*."""
    return [immutable(chunk) async for chunk in chunks(source)]


async def read_one(source: Any) -> None:
    """Read one chunk of *source*, then close the chunks."""
    audio = chunks(source)
    assert b"ab" == await anext(aiter(audio))
    await audio.aclose()


class Numbers:
    """An async iterator that is not a generator; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __aiter__(self) -> "Numbers":
        return self

    async def __anext__(self) -> bytes:
        if self.calls == 3:
            raise StopAsyncIteration
        self.calls += 1
        await checkpoint()
        return b"ab"


class Recording:
    """An async iterable that creates a generator each time, and counts those that were closed."""

    def __init__(self, cleanup: Callable[[], object] = checkpoint) -> None:
        self.ended = 0
        self._cleanup = cleanup

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(3):
                yield b"ab"
        finally:
            await self._cleanup()  # type: ignore[misc]
            self.ended += 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (b"abcd", [b"abcd"]),
        (bytearray(b"abcd"), [b"abcd"]),
        (memoryview(b"abcd")[::2], [b"ac"]),
        (memoryview(array("h", [0x6261, 0x6463])), [b"abcd"]),
        ([b"ab", bytearray(b"cd"), memoryview(b"ef")], [b"ab", b"cd", b"ef"]),
        ((b"ab",), [b"ab"]),
        ([], []),
        (iter([b"ab", b"cd"]), [b"ab", b"cd"]),
        ({b"ab": 1}, [b"ab"]),
        (io.BytesIO(b"ab" * 35000), [b"ab" * 32768, b"ab" * 2232]),
        (io.BytesIO(), []),
    ],
    ids=repr,
)
async def test_synchronous_sources(source: object, expected: list[bytes]) -> None:
    """Bytes of any type, lists, iterators and binary files yield their bytes in order."""
    assert expected == await collect(source)


async def test_async_sources() -> None:
    """Async generators and other async iterators yield their bytes in order."""

    async def generate() -> AsyncIterator[bytearray]:
        yield bytearray(b"ab")
        await checkpoint()
        yield bytearray(b"cd")

    assert [b"ab", b"cd"] == await collect(generate())
    assert [b"ab"] * 3 == await collect(Numbers())
    assert [b"ab"] * 3 == await collect(Recording())


async def test_a_buffer_may_be_reused() -> None:
    """A chunk does not change when its owner writes new audio into the same buffer."""
    buffer = bytearray(2)

    async def record() -> AsyncIterator[bytearray]:
        for audio in (b"ab", b"cd"):
            buffer[:] = audio
            yield buffer

    def play() -> Iterator[memoryview]:
        for audio in (b"ab", b"cd"):
            buffer[:] = audio
            yield memoryview(buffer)

    assert [b"ab", b"cd"] == await collect(record())
    assert [b"ab", b"cd"] == await collect(play())


async def test_bytes_are_not_copied() -> None:
    """Bytes are passed on as they are; only mutable buffers are copied."""
    audio = b"abcd"
    assert audio is immutable(audio)
    assert [audio] == await collect(audio)


async def test_generator_is_closed() -> None:
    """Closing the chunks closes a partially read async generator and waits for it."""
    recording = Recording()
    await read_one(recording)
    assert 1 == recording.ended

    generator = aiter(recording)
    await read_one(generator)
    assert 2 == recording.ended
    with pytest.raises(StopAsyncIteration):
        await anext(generator)


async def test_cancellation_closes_the_generator() -> None:
    """A canceled reader closes the generator, too, and its cleanup may wait."""
    recording = Recording()
    with anyio.CancelScope() as scope:
        audio = chunks(recording)
        try:
            async for _ in audio:
                scope.cancel()
                await checkpoint()
        finally:
            with anyio.CancelScope(shield=True):
                await audio.aclose()
    assert scope.cancelled_caught
    assert 1 == recording.ended


async def test_generator_that_does_not_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generator that waits forever in its `finally` is abandoned after a bounded time."""
    monkeypatch.setattr(module, "_CLOSE_TIMEOUT", 0.01)
    recording = Recording(cleanup=anyio.sleep_forever)
    with anyio.fail_after(2):
        await read_one(recording)
    assert 0 == recording.ended


async def test_exception_from_an_async_source() -> None:
    """An exception from an async source propagates unchanged, after the audio before it."""

    async def fail() -> AsyncIterator[bytes]:
        yield b"ab"
        raise ZeroDivisionError

    audio = aiter(chunks(fail()))
    assert b"ab" == await anext(audio)
    with pytest.raises(ZeroDivisionError):
        await anext(audio)


async def test_other_sources_stay_open(tmp_path: Path) -> None:
    """Partially read iterators and files stay open, for their owner to close."""
    numbers = Numbers()
    await read_one(numbers)
    assert 1 == numbers.calls
    assert b"ab" == await anext(numbers)

    words = iter([b"ab"] * 100)
    await read_one(words)
    assert b"ab" == next(words)

    path = tmp_path / "audio.raw"
    path.write_bytes(b"ab")
    with path.open("rb") as file:
        await read_one(file)
        assert not file.closed


async def test_blocking_generator_does_not_block_the_loop() -> None:
    """While a blocking iterable waits, the loop keeps running: here, to end that wait."""
    ticked = threading.Event()
    waiting = asyncio.Event()
    loop = asyncio.get_running_loop()
    here = threading.get_ident()
    threads: list[int] = []

    def record() -> Iterator[bytes]:
        threads.append(threading.get_ident())
        loop.call_soon_threadsafe(waiting.set)
        assert ticked.wait(10)
        yield b"ab"

    async def tick() -> None:
        await waiting.wait()
        ticked.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        with anyio.fail_after(5):
            assert [b"ab"] == await collect(record())
    assert here not in threads


async def test_blocking_generator_is_closed() -> None:
    """A partially read generator is closed, so that its `finally` runs at once."""
    closed = []

    def source() -> Iterator[bytes]:
        try:
            while True:
                yield b"a"
        finally:
            closed.append(True)

    audio = chunks(source())
    assert b"a" == await anext(aiter(audio))
    await audio.aclose()
    assert [True] == closed


async def test_blocked_read_does_not_delay_cancellation() -> None:
    """The reader of a blocked source is canceled at once; the thread ends later."""
    release = threading.Event()
    waiting = asyncio.Event()
    loop = asyncio.get_running_loop()

    def block() -> Iterator[bytes]:
        loop.call_soon_threadsafe(waiting.set)
        release.wait(10)
        yield b"ab"

    try:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(collect, block())
                await waiting.wait()
                tasks.cancel_scope.cancel()
        assert not release.is_set()
    finally:
        release.set()


async def test_exception_from_a_blocking_source() -> None:
    """An exception from a blocking source propagates unchanged, after the audio before it."""

    def fail() -> Iterator[bytes]:
        yield b"ab"
        raise ZeroDivisionError

    audio = aiter(chunks(fail()))
    assert b"ab" == await anext(audio)
    with pytest.raises(ZeroDivisionError):
        await anext(audio)


async def test_empty_chunk_and_none() -> None:
    """An empty chunk is not the end of the audio, and `None` is not a chunk."""
    assert [b"", b"ab"] == await collect(iter([b"", b"ab"]))
    with pytest.raises(InvalidOptionError, match="NoneType"):
        await collect(iter([None]))


@pytest.mark.parametrize("path", ["speech.wav", Path("speech.wav")])
async def test_path(path: object) -> None:
    """A path is refused at once, with a hint about what accepts paths."""
    with pytest.raises(InvalidOptionError, match=r"transcribe\(path\)"):
        chunks(path)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [42, None, object(), float], ids=repr)
async def test_unsupported_source(source: Any) -> None:
    """An object that cannot yield audio is refused at once, and its type is named."""
    with pytest.raises(InvalidOptionError, match=type(source).__name__) as caught:
        chunks(source)
    assert "audio" == caught.value.option


@pytest.mark.parametrize(
    "source",
    [["text"], iter([3]), io.StringIO("text"), [array("h", [1])]],
    ids=["text", "numbers", "text file", "array"],
)
async def test_source_that_does_not_yield_bytes(source: Any) -> None:
    """A source that yields anything but bytes is refused with an error that says what is needed."""
    with pytest.raises(InvalidOptionError, match="convert an int16 array"):
        await collect(source)
