"""Open pipes, sockets and standard input: nothing waits inside of a file object."""

import io
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import anyio
import pytest

from paraformer_async.audio.descriptors import is_waitable
from paraformer_async.audio.source import chunks

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="there, pipes cannot be waited for"),
]


def descriptors() -> int:
    """Return the number of open descriptors."""
    return len(list(Path("/dev/fd").iterdir()))


async def until_ended() -> None:
    """Wait until all reading threads have ended."""
    for thread in threading.enumerate():
        if thread.name == "audio source":
            await anyio.to_thread.run_sync(thread.join, 1)
            assert not thread.is_alive()


class Ends:
    """A pipe or a socket: what is written to `fileno` arrives in `file`."""

    def __init__(self, kind: str, stack: ExitStack) -> None:
        self._kind = kind
        if kind == "socket":
            near, far = (stack.enter_context(one) for one in socket.socketpair())
            self.file: Any = stack.enter_context(near.makefile("rb"))
            self._socket: socket.socket | None = far
            return
        reading, self._fileno = os.pipe()
        self._socket = None
        if kind == "non-blocking pipe":
            os.set_blocking(reading, False)
        buffering = 0 if kind == "raw pipe" else -1
        file = os.fdopen(reading, "rb", buffering)
        self.file = stack.enter_context(file)

    def write(self, data: bytes) -> None:
        """Write *data*; the end if it is empty."""
        if self._socket is not None:
            self._socket.sendall(data) if data else self._socket.shutdown(socket.SHUT_WR)
        elif data:
            os.write(self._fileno, data)
        else:
            os.close(self._fileno)


@pytest.fixture(params=["pipe", "raw pipe", "non-blocking pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """Return both ends of something that can be waited for."""
    with ExitStack() as stack:
        yield Ends(request.param, stack)


async def test_what_arrives_is_yielded_at_once(ends: Ends) -> None:
    """Each block is yielded when it arrives, and the end is the end."""
    audio = chunks(ends.file)
    with anyio.fail_after(5):
        for block in (b"ab", b"c" * 3000, b"d"):
            ends.write(block)
            assert block == await anext(aiter(audio))
        ends.write(b"")
        assert [] == [chunk async for chunk in audio]
    assert not ends.file.closed


async def test_what_was_read_ahead_is_not_lost(ends: Ends) -> None:
    """What the file has read ahead, with a header for example, is yielded before all else."""
    ends.write(b"header" + b"audio")
    assert b"header" == ends.file.read(6)
    audio = chunks(ends.file)
    with anyio.fail_after(5):
        assert b"audio" == await anext(aiter(audio))
        ends.write(b"more")
        assert b"more" == await anext(aiter(audio))
    await audio.aclose()
    ends.write(b"rest")
    ends.write(b"")
    os.set_blocking(ends.file.fileno(), True)
    assert b"rest" == ends.file.read()


async def test_closing_ends_the_thread(ends: Ends) -> None:
    """Closing the chunks ends the thread that waits, and leaves the file usable."""
    audio = chunks(ends.file)
    before = descriptors()
    with anyio.move_on_after(0.05):
        await anext(aiter(audio))
    await audio.aclose()
    await until_ended()
    assert before == descriptors()
    ends.write(b"")


async def test_chunks_that_are_never_read_hold_nothing(ends: Ends) -> None:
    """Chunks of a pipe that are never iterated hold no descriptors."""
    before = descriptors()
    for _ in range(10):
        await chunks(ends.file).aclose()
    assert before == descriptors()
    ends.write(b"")


async def test_what_cannot_be_waited_for() -> None:
    """Files with contents beyond their descriptor are read in the ordinary way."""
    left, right = socket.socketpair()
    with left, right:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        with (
            context.wrap_socket(left, do_handshake_on_connect=False) as tls,
            tls.makefile("rb") as file,
        ):
            assert not is_waitable(file)
    assert not is_waitable(io.BytesIO())
    assert not is_waitable([b"ab"])
    with open(os.devnull, "rb") as file:  # noqa: ASYNC230, PTH123
        file.close()
        assert not is_waitable(file)


CHILD = """
import asyncio, sys
from paraformer_async.audio.source import chunks

async def main():
    audio = chunks({source})
    async for chunk in audio:
        print(len(chunk), flush=True)
        {then}

asyncio.run(main())
"""


def start(source: str, then: str) -> subprocess.Popen[bytes]:
    """Start a program that reads standard input, and hand it some bytes."""
    program = CHILD.format(source=source, then=then)
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    pipe: IO[bytes] | None = child.stdin
    assert pipe is not None
    pipe.write(b"a" * 199 + b"\n")
    pipe.flush()
    return child


@pytest.mark.parametrize(
    "source",
    [
        "sys.stdin.buffer",
        "open(0, 'rb')",
        "sys.stdin.buffer.raw",
        "iter(sys.stdin.buffer.readline, b'')",
        "iter(lambda: sys.stdin.buffer.read(200), b'')",
    ],
)
@pytest.mark.parametrize("then", ["return", "await audio.aclose(); return", "raise SystemExit"])
def test_exit_while_standard_input_is_open(source: str, then: str) -> None:
    """A program whose standard input stays open exits at once, and is not aborted."""
    with start(source, then) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert b"200\n" == child.stdout.readline()
        assert 0 == child.wait(10)
        assert b"" == child.stderr.read()
