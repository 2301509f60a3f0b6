"""A program in a pseudo-terminal, and what is on its screen."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pyte

from tests.cli.conftest import COMMAND

# Runs a command whose terminal is the standard output, so that its keys are signals.
IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """
    A pseudo-terminal with a program in it.

    Attributes:
        raw: All that the program has written.
        audio: The standard input of the program.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", ours: int, columns: int) -> None:
        self.process = process
        self.raw = b""
        self._ours = ours
        self._screen = pyte.Screen(columns, 12)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """The lines on the screen, without those that are empty."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def until(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """Read until something holds of the lines on the screen; return them."""
        while not holds(self.lines):
            data = os.read(self._ours, 65_536)
            self.raw += data
            self._stream.feed(data)
        return self.lines

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._ours, key)

    def end(self) -> list[str]:
        """Wait until the program has ended; return what is on the screen."""
        with suppress(OSError):  # EIO: the program has closed its end
            self.until(lambda _: False)
        self.process.wait(30)
        return self.lines


@contextmanager
def terminal(
    environment: dict[str, str],
    *arguments: str,
    columns: int = 60,
    command: tuple[str, ...] = COMMAND,
    **env: str,
) -> Iterator[Terminal]:
    """Run the command in a terminal; its standard input is a pipe."""
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, columns, 0, 0))
    env = environment | {"DASHSCOPE_API_KEY": "any"} | env
    del env["COLUMNS"]
    with subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *command, *arguments],
        env=env,
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(process, ours, columns)
        finally:
            process.kill()
            os.close(ours)


def send(terminal: Terminal, audio: bytes) -> None:
    """Send audio to the standard input of the program."""
    assert terminal.process.stdin is not None
    terminal.process.stdin.write(audio)
    terminal.process.stdin.flush()
