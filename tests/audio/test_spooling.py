"""Pipes and standard input in place of a file: copied to their end, and read like a file."""

import io
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import anyio
import anyio.from_thread
import numpy as np
import pytest
import soundfile

from paraformer_async.audio import spooling
from paraformer_async.audio.files import open_audio
from paraformer_async.errors import AudioError, MissingExtraError

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes"),
]

NOISE = np.random.default_rng(5).normal(0, 3000, 90_000).astype(np.int16)
STDIN = Path("-")
TEMPORARY_FILE = tempfile.TemporaryFile


def encoded(samples: np.ndarray = NOISE) -> bytes:
    """Return *samples* as a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV")
    return file.getvalue()


@contextmanager
def write(path: Path, data: bytes) -> Iterator[None]:
    """Write *data* to a pipe meanwhile; it may be that nobody reads it."""

    def run() -> None:
        with suppress(BrokenPipeError):
            path.write_bytes(data)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        for _ in range(5000):  # let the writer go, whether or not anybody has read all of it
            if not thread.is_alive():
                break
            with suppress(BlockingIOError):
                os.read(reading, 1 << 20)
            thread.join(0.001)
        os.close(reading)
        assert not thread.is_alive()


def put_in_place_of_stdin(monkeypatch: pytest.MonkeyPatch, file: object) -> None:
    """Let *file* be standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Return a named pipe."""
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    return path


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the end there is no temporary file, no descriptor is open, and no thread waits."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = len(list(Path("/dev/fd").iterdir()))
    yield
    for thread in threading.enumerate():
        if thread.name == "audio source":
            thread.join(5)
            assert not thread.is_alive()
    assert [] == list(folder.iterdir())
    assert before == len(list(Path("/dev/fd").iterdir()))


async def read(path: Path) -> np.ndarray:
    """Return the samples of a file, read within a bounded time."""
    with anyio.fail_after(5):
        async with open_audio(path) as audio:
            return np.frombuffer(b"".join([chunk async for chunk in audio]), "<i2")


async def test_a_named_pipe_is_read_to_its_end(fifo: Path) -> None:
    """A named pipe is read like a file, though its writer comes late, and writes in pieces."""
    done = anyio.Event()
    async with anyio.create_task_group() as tasks:

        async def check() -> None:
            assert np.array_equal(NOISE, await read(fifo))
            done.set()

        tasks.start_soon(check)
        await anyio.wait_all_tasks_blocked()
        with write(fifo, encoded()):
            await done.wait()


async def test_a_pipe_is_read_again_from_its_copy(fifo: Path) -> None:
    """After a lost connection, the audio of a pipe is read again, from any position."""
    with write(fifo, encoded()), anyio.fail_after(5):
        async with open_audio(fifo) as audio:
            assert audio.frames == len(NOISE)
            assert NOISE.tobytes() == b"".join([chunk async for chunk in audio])
            again = b"".join([chunk async for chunk in audio.read_from(100_000)])
    assert NOISE.tobytes()[100_000:] == again


async def test_an_open_descriptor_is_read() -> None:
    """The path of an open pipe, as of a shell's `<(command)`, is read like the pipe."""
    reading, writing = os.pipe()
    os.write(writing, encoded(NOISE[:1000]))
    os.close(writing)
    assert np.array_equal(NOISE[:1000], await read(Path(f"/dev/fd/{reading}")))
    os.close(reading)


@pytest.mark.parametrize("kind", ["pipe", "file", "memory"])
async def test_standard_input(
    kind: str, fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`-` is all that is left in standard input, whatever it is; it stays open."""
    data = b"skip" + encoded()
    (tmp_path / "a.wav").write_bytes(data)
    with write(fifo, data), fifo.open("rb") as pipe, (tmp_path / "a.wav").open("rb") as on_disk:
        file = {"pipe": pipe, "file": on_disk, "memory": io.BytesIO(data)}[kind]
        assert b"skip" == file.read(4)
        put_in_place_of_stdin(monkeypatch, file)
        assert np.array_equal(NOISE, await read(STDIN))
        assert not file.closed


@pytest.mark.parametrize("is_closed", [False, True])
async def test_no_standard_input(is_closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a standard input, as in a service, the error says so."""
    file = io.BytesIO()
    file.close()
    put_in_place_of_stdin(monkeypatch, file if is_closed else None)
    with pytest.raises(AudioError, match="there is no standard input"):
        await read(STDIN)


async def test_a_terminal_is_no_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is a terminal is refused at once, with what to do."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "rb") as file:
        put_in_place_of_stdin(monkeypatch, file)
        with pytest.raises(AudioError, match=r"is a terminal, not audio.*pipe audio into it"):
            await read(STDIN)
    os.close(ours)


async def test_errors_name_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In errors, standard input is called by that name."""
    monkeypatch.chdir(tmp_path)
    put_in_place_of_stdin(monkeypatch, io.BytesIO())
    with pytest.raises(AudioError, match="standard input contains no audio"):
        await read(STDIN)
    put_in_place_of_stdin(monkeypatch, io.BytesIO(b"#!AMR\n"))
    monkeypatch.setitem(sys.modules, "av.error", None)
    with pytest.raises(MissingExtraError, match=r"decoding standard input \(AMR-NB\).*\[av\]"):
        await read(STDIN)


async def test_silent_pipes_can_be_canceled(tmp_path: Path) -> None:
    """Reading pipes without a writer ends when it is canceled, and delays no other file."""
    (tmp_path / "a.wav").write_bytes(encoded())
    async with anyio.create_task_group() as tasks:
        for number in range(50):
            os.mkfifo(tmp_path / f"{number}.wav")
            tasks.start_soon(read, tmp_path / f"{number}.wav")
        await anyio.wait_all_tasks_blocked()
        assert np.array_equal(NOISE, await read(tmp_path / "a.wav"))
        tasks.cancel_scope.cancel()


async def read_twice(
    first: Path, second: Path, release: Callable[[], AbstractContextManager[None]]
) -> None:
    """Read both at a time; call *release* once one is refused, and check that one is complete."""
    refused, complete = anyio.Event(), anyio.Event()

    async def attempt(path: Path) -> None:
        try:
            assert np.array_equal(NOISE, await read(path))
        except AudioError as error:
            assert "is already being read" in str(error)  # noqa: PT017 - which one is not known
            refused.set()
        else:
            complete.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(attempt, first)
            tasks.start_soon(attempt, second)
            await refused.wait()
            with release():
                await complete.wait()


@pytest.mark.parametrize("names", ["same", "link", "-", "both"])
async def test_a_pipe_is_read_once_at_a_time(
    names: str, fifo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a pipe is read, it is refused by any name: each reader would get a part of it."""
    link = tmp_path / "link.wav"
    os.link(fifo, link)
    same = {"same": (fifo, fifo), "link": (fifo, link), "-": (STDIN, STDIN)}
    for _ in range(2):  # once it is read, it is free again
        with os.fdopen(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as pipe:
            put_in_place_of_stdin(monkeypatch, pipe)
            await read_twice(*same.get(names, (STDIN, fifo)), lambda: write(fifo, encoded()))


class Held(io.BytesIO):
    """A file in memory that can be read once it is released."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.is_released = threading.Event()

    def read1(self, size: int | None = -1) -> bytes:
        """Wait, and read."""
        assert self.is_released.wait(5)
        return super().read1(size)


async def test_standard_input_without_a_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the place of standard input is read once at a time, too."""
    file = Held(encoded())
    put_in_place_of_stdin(monkeypatch, file)

    @contextmanager
    def release() -> Iterator[None]:
        file.is_released.set()
        yield

    await read_twice(STDIN, STDIN, release)


async def test_a_copy_that_is_not_taken_is_deleted(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy on disk is deleted when the copying is canceled while the pipe is silent."""
    monkeypatch.setattr(spooling, "_IN_MEMORY", 1000)
    monkeypatch.setattr(spooling, "_BATCH", 1000)
    written = anyio.Event()

    class Seen(spooling._Copy):
        def write(self, blocks: list[bytes]) -> None:
            super().write(blocks)
            anyio.from_thread.run_sync(written.set)

    monkeypatch.setattr(spooling, "_Copy", Seen)
    with fifo.open("r+b", buffering=0) as pipe:
        pipe.write(encoded(NOISE[:2000]))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, fifo)
            with anyio.fail_after(5):
                await written.wait()
            tasks.cancel_scope.cancel()


async def test_little_audio_is_copied_to_memory(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less than a mebibyte is not written to the disk."""
    monkeypatch.delattr(tempfile, "TemporaryFile")
    with write(fifo, encoded()):
        assert np.array_equal(NOISE, await read(fifo))


async def test_much_audio_is_copied_to_the_disk(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What exceeds the memory allowed for a copy moves to the disk, without a loss."""
    made: list[object] = []

    def make() -> object:
        made.append(file := TEMPORARY_FILE())
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", make)
    loud = np.tile(NOISE, 8)
    with write(fifo, encoded(loud)):
        assert np.array_equal(loud, await read(fifo))
    assert 1 == len(made)


async def test_audio_without_an_end_is_refused(fifo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that contains more than a file can hold does not fill the disk."""
    monkeypatch.setattr(spooling, "_LARGEST", 100_000)
    with write(fifo, encoded()), pytest.raises(AudioError, match=r"more than .*stream\(\)"):
        await read(fifo)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is full")
async def test_a_full_disk_is_the_error_of_the_disk(
    fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the copy cannot be written, that error comes out."""
    monkeypatch.setattr(spooling, "_IN_MEMORY", 1000)
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "w+b"))
    with write(fifo, encoded()), pytest.raises(OSError, match="No space left"):
        await read(fifo)


CHILD = """
import asyncio
from paraformer_async.audio.blocking import Interruptible
from paraformer_async.audio.files import open_audio

async def main():
    async with asyncio.timeout(0.2):
        async with open_audio("-"):
            pass

asyncio.run(main())
"""


def test_a_program_ends_while_standard_input_is_open() -> None:
    """A program that gives up on a silent standard input ends at once, and is not aborted."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stderr is not None
        assert 1 == child.wait(10)
        assert b"TimeoutError" in child.stderr.read()
