"""
Real servers and workers of frameworks. Not a part of the usual run: `nox -s frameworks`.

Each program prints `ready`, or answers HTTP, and must end within seconds of SIGTERM.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from tests.sync.conftest import start_server

__all__ = ["start_server"]

ROOT = Path(__file__).parents[2]
# Longest time to the end of a process, in seconds; the limit of users is 2 s, plus what the
# framework itself needs, and a busy machine.
LONGEST_EXIT = 15.0
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts `python -m …` in a folder, and ends it after the test."""
    with ExitStack() as stack:

        def run(*arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
            output = stack.enter_context((tmp_path / "output.txt").open("ab"))
            search = f"{ROOT}{os.pathsep}{tmp_path}"
            env = os.environ | {"PYTHONPATH": search, "HOME": str(tmp_path)} | environment
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=tmp_path,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(kill, process)
            return process

        yield run


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Ask a process to end, and check that it does, with its children."""
    process.terminate()
    began = time.monotonic()
    process.wait(LONGEST_EXIT)
    assert time.monotonic() - began < LONGEST_EXIT
    with pytest.raises(ProcessLookupError):
        while time.monotonic() - began < LONGEST_EXIT:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    assert "Traceback" not in (folder / "output.txt").read_text("utf-8")


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
