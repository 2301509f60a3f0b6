"""Every supported source becomes chunks of bytes; its owner remains responsible for closing it."""

import asyncio
import ctypes
import gzip
import io
import mmap
import os
import socket
import threading
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import cffi
import numpy as np
import pytest
from anyio.lowlevel import checkpoint

from paraformer_async.audio import source as module
from paraformer_async.audio.source import chunks, immutable
from paraformer_async.errors import InvalidOptionError

pytestmark = pytest.mark.anyio


def mmap_of(data: bytes) -> mmap.mmap:
    """Return a map of memory that holds *data*."""
    memory = mmap.mmap(-1, len(data))
    memory.write(data)
    return memory


async def collect(source: Any) -> list[bytes]:
    """Read all of *source*."""
    return [immutable(chunk) async for chunk in chunks(source)]


async def join(source: Any) -> bytes:
    """Read all of *source*, whatever the sizes of its chunks."""
    return b"".join(await collect(source))


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
        (b"abcd", b"abcd"),
        (bytearray(b"abcd"), b"abcd"),
        (memoryview(b"abcd")[::2], b"ac"),
        (memoryview(b"abcd")[::-1], b"dcba"),
        (memoryview(array("h", [0x6261, 0x6463])), b"abcd"),
        (array("h", [0x6261, 0x6463]), b"abcd"),
        (array("B", b"abcd"), b"abcd"),
        (np.frombuffer(b"abcd", np.int16), b"abcd"),
        (np.frombuffer(b"abcdefgh", np.int16)[::2], b"abef"),
        (np.frombuffer(b"abcd", np.int16).reshape(2, 1), b"abcd"),
        ((ctypes.c_short * 2)(0x6261, 0x6463), b"abcd"),
        (cffi.FFI().from_buffer(bytearray(b"abcd")), b"abcd"),
        (cffi.FFI().buffer(cffi.FFI().new("short[]", [0x6261, 0x6463])), b"abcd"),
        (mmap_of(b"abcd"), b"abcd"),
        ([b"ab", bytearray(b"cd"), memoryview(b"ef"), array("h", [0x6867])], b"abcdefgh"),
        ((b"ab",), b"ab"),
        ([], b""),
        (iter([b"ab", b"", b"cd"]), b"abcd"),
        ({b"ab": 1}, b"ab"),
        ((np.int16([0x6261]) for _ in range(2)), b"abab"),
        (io.BytesIO(b"ab" * 35000), b"ab" * 35000),
        (io.BytesIO(), b""),
        (gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(b"abcd"))), b"abcd"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_synchronous_sources(source: object, expected: bytes) -> None:
    """Buffers of any type, lists, iterators and binary files yield their bytes in order."""
    assert expected == await join(source)


async def test_list_that_changes() -> None:
    """A list is read as it was given: neither it nor its buffers may change the audio later."""
    parts: list[bytes | bytearray] = [bytearray(b"ab"), b"cd"]
    audio = chunks(parts)
    parts[0][:] = b"xx"  # type: ignore[index]
    parts.append(b"ef")
    assert b"abcd" == b"".join([chunk async for chunk in audio])


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

    words = iter([b"ab"] * 1000)
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


@pytest.mark.parametrize("kind", [iter, list])
async def test_empty_chunk_and_none(kind: Callable[[list[Any]], Any]) -> None:
    """An empty chunk is not the end of the audio, and `None` is not a chunk."""
    assert [b"", b"ab"] == await collect(kind([b"", b"ab"]))
    with pytest.raises(InvalidOptionError, match="NoneType"):
        await collect(kind([None]))


class Upload:
    """An async reader without anything but `read`, like FastAPI's `UploadFile`."""

    def __init__(self, *blocks: Any) -> None:
        self.blocks = list(blocks)

    async def read(self, size: int = -1) -> Any:
        """Return the next block."""
        await checkpoint()
        return self.blocks.pop(0) if self.blocks else b""


class Lines(Upload):
    """An async reader that yields lines when iterated, like those of asyncio and aiofiles."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("lines are no chunks")

    async def readline(self) -> bytes:
        """Return a line."""
        return b""


class Microphone(Upload):
    """An async iterable that can be read, too."""

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        yield b"frame"


async def test_async_readers(tmp_path: Path) -> None:
    """Whatever has an async `read` is read to its end; its `__aiter__` wins if it has no lines."""
    assert b"abcd" == await join(Upload(b"ab", bytearray(b"cd")))
    assert b"abcd" == await join(Lines(b"ab", b"cd"))
    assert b"frame" == await join(Microphone(b"ab"))
    stream = asyncio.StreamReader()
    stream.feed_data(b"a\nbcd")
    stream.feed_eof()
    assert b"a\nbcd" == await join(stream)
    path = anyio.Path(tmp_path / "a.raw")
    await path.write_bytes(b"a\nb")
    async with await path.open("rb") as file:
        assert b"a\nb" == await join(file)
    for wrong in (None, "text", 3):
        with pytest.raises(InvalidOptionError, match=type(wrong).__name__):
            await collect(Upload(wrong))


async def test_a_file_without_anything_to_read_yet() -> None:
    """A non-blocking file whose `read` returns `None` is read again; closing ends that."""

    class Slow:
        def __init__(self) -> None:
            self.blocks = [None, None, b"ab", None, b""]

        def read(self, size: int) -> bytes | None:
            return self.blocks.pop(0) if self.blocks else None

    assert b"ab" == await join(Slow())
    slow = Slow()
    slow.blocks = []
    audio = chunks(slow)  # type: ignore[arg-type]
    with anyio.move_on_after(0.05):
        await anext(aiter(audio))
    await audio.aclose()
    for thread in threading.enumerate():
        if thread.name == "audio source":
            await anyio.to_thread.run_sync(thread.join, 1)
            assert not thread.is_alive()


async def test_read_that_returns_a_coroutine() -> None:
    """A plain `read` that returns a coroutine is refused with an error that says why."""

    class Wrapped:
        def read(self, size: int) -> Any:
            return Upload().read(size)

    with pytest.raises(InvalidOptionError, match="must be awaited"):
        await collect(Wrapped())


@pytest.mark.parametrize("position", [0, 1, 3, 4, 7, 100])
async def test_sources_that_are_read_again(tmp_path: Path, position: int) -> None:
    """Audio in memory and files on disk can be read again, from where they were handed over on."""
    (tmp_path / "a.raw").write_bytes(b"__abcdef")
    in_memory = io.BytesIO(b"__abcdef")
    in_memory.seek(2)
    with (tmp_path / "a.raw").open("rb") as buffered, (tmp_path / "a.raw").open("rb", 0) as raw:
        buffered.read(2)
        raw.read(2)
        for source in ([b"ab", b"", b"cdef"], b"abcdef", in_memory, buffered, raw):
            audio = chunks(source)
            assert b"abcdef" == b"".join([chunk async for chunk in audio])
            for _ in range(2):
                assert audio.rewound is not None
                audio = audio.rewound(position)
                assert b"abcdef"[position:] == b"".join([chunk async for chunk in audio])


async def test_sources_that_cannot_be_read_again() -> None:
    """Iterators, pipes and readers can be read once only."""
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, open(writing, "wb"):  # noqa: ASYNC230, PTH123 - a pipe
        for source in (iter([b"ab"]), pipe, Upload(), Recording()):
            assert chunks(source).rewound is None  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["speech.wav", Path("speech.wav")])
async def test_path(path: object) -> None:
    """A path is refused at once, with a hint about what accepts paths."""
    with pytest.raises(InvalidOptionError, match=r"transcribe\(path\)"):
        chunks(path)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [42, None, object(), float])
async def test_unsupported_source(source: Any) -> None:
    """An object that cannot yield audio is refused at once, and its type is named."""
    with pytest.raises(InvalidOptionError, match=type(source).__name__) as caught:
        chunks(source)
    assert "audio" == caught.value.option


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        (io.StringIO("text"), "sys.stdin.buffer"),
        (Recording().__aiter__, "call it"),
        (collect, "call it"),
        (socket.socket(), "makefile"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_what_only_looks_like_a_source(source: Any, hint: str) -> None:
    """What holds audio, but cannot be read as it is, is refused at once with a hint."""
    with pytest.raises(InvalidOptionError, match=hint):
        chunks(source)


async def test_coroutine_as_a_source() -> None:
    """A coroutine is refused at once: it must be awaited."""
    coroutine = join(b"")
    with pytest.raises(InvalidOptionError, match="await it"):
        chunks(coroutine)  # type: ignore[arg-type]
    coroutine.close()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (["text"], "must be bytes, not str"),
        (iter([3]), "must be bytes, not int"),
        ([np.array([0.5, 900.0], np.float32)], r"\[-1, 1\], and one is 900"),
        (np.array([-32768.0, np.nan]), r"\[-1, 1\], and one is 32768"),
        (np.zeros(2, ">f4"), "neither bytes, int16 nor floats"),
        (np.zeros(2, ">i2"), "neither bytes, int16 nor floats"),
        (np.zeros(2, np.int32), "neither bytes, int16 nor floats"),
        (np.zeros(2, np.uint16), "neither bytes, int16 nor floats"),
        (array("H", [1]), "neither bytes, int16 nor floats"),
        (np.zeros((4, 2), np.uint8), r"shape \[samples, channels\]"),
        (np.zeros((2, 9), np.float32), r"shape \[samples, channels\]"),
        (iter([np.zeros((2, 400), np.int16)]), r"shape \[samples, channels\]"),
        (np.zeros((2, 2, 2), np.int16), r"shape \[samples, channels\]"),
    ],
)
async def test_source_that_does_not_yield_bytes(source: Any, message: str) -> None:
    """A source of anything but samples is refused with an error that names what came."""
    with pytest.raises(InvalidOptionError, match=message) as caught:
        await collect(source)
    assert any(word in caught.value.hint for word in ("int16", "transpose"))


@pytest.mark.parametrize("channels", [2, 6, 8])
async def test_a_last_block_of_few_samples(channels: int) -> None:
    """Blocks with fewer samples than channels, or none, are mixed as all others."""
    samples = np.arange(20, dtype=np.int16)
    many = samples[:, None].repeat(channels, axis=1)
    assert samples.tobytes() == await join(iter([many[:8], many[8:18], many[18:], many[:0]]))


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
async def test_floats(kind: str) -> None:
    """Floats in [-1, 1] are converted at full scale; beyond, they are clipped; NaN is silence."""
    samples = np.array([0.5, -0.25, 0.0, 1.0, -1.0, 1.5, np.nan], kind)
    expected = np.array([16384, -8192, 0, 32767, -32768, 32767, 0], "<i2").tobytes()
    assert expected == await join(samples) == await join(iter([samples[:, None]]))
    assert expected == await join(np.stack([samples] * 3, axis=1))
    assert np.array([8192], "<i2").tobytes() == await join(array("f", [0.25]))


async def test_channels() -> None:
    """Samples of several channels are mixed; where they cancel each other out, one is used."""
    left = (np.sin(np.arange(4000) * 0.1) * 8000).astype("<i2")
    assert left.tobytes() == await join(np.stack([left, left], axis=1))
    assert left.tobytes() == await join(np.stack([left, -left], axis=1))
    mixed = await join(iter([np.stack([left, 0 * left], axis=1)[::2]]))
    assert np.array_equal(np.frombuffer(mixed, "<i2"), np.rint(left[::2] / 2))
