"""What tests of the command line share: the command as a process, and a service to hold it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
import numpy as np
import pytest
import soundfile
from anyio.from_thread import BlockingPortal, start_blocking_portal

from paraformer_async.cli import main
from paraformer_async.engines.base import StreamSettings
from paraformer_async.results import Sentence
from paraformer_async.server import LocalServer

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "paraformer_async")
# Runs the command where the packages named first, with commas between, are not installed.
WITHOUT = """
import sys
sys.modules |= dict.fromkeys(sys.argv.pop(1).split(","))
from paraformer_async.cli import main
main()
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Call = Callable[..., "Ended"]


class Gate:
    """An engine that says a partial result at once, and the final one when it is opened."""

    sample_rate = 16000

    def __init__(self) -> None:
        self.heard = anyio.Event()
        self.opened = anyio.Event()

    async def open(self, settings: StreamSettings) -> "Gate":
        """Open the stream, which is the engine itself."""
        return self

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        """Say half of the sentence at the first audio."""
        said = () if self.heard.is_set() else (Sentence(0, None, "half of"),)
        self.heard.set()
        return said

    async def finish(self) -> Sequence[Sentence]:
        """Say all of the sentence when told to."""
        await self.opened.wait()
        return (Sentence(0, 1000, "half of the sentence."),)

    async def aclose(self) -> None:
        """Hold nothing."""


@pytest.fixture
def environment() -> dict[str, str]:
    """Give an environment without key, proxy or wish for color, and a way to cover processes."""
    ours = ("DASHSCOPE_", "PARAFORMER_", "FORCE_COLOR", "NO_COLOR", "TTY_", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"TERM": "xterm", "COLUMNS": "80"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Give a function that runs the command in an empty folder, and waits for its end."""

    def run(*arguments: object, command: Sequence[str] = COMMAND, **env: str) -> object:
        return subprocess.run(
            [*command, *map(_argument, arguments)],
            cwd=tmp_path,
            env=environment | env,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    return run  # type: ignore[return-value]


class Ended(NamedTuple):
    """What a run of the command in this process came to."""

    returncode: object
    stdout: str
    stderr: str


@pytest.fixture
def call(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Give a function that runs the command here: for what ends before anything is done."""
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, **env: str) -> Ended:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["paraformer-async", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return Ended(caught.value.code, *capsys.readouterr())

    return call


def _argument(given: object) -> str | bytes:
    return given if isinstance(given, bytes) else str(given)


@pytest.fixture
def one_second(tmp_path: Path) -> Path:
    """Give a wav file of 1 s, in which the scripted engine hears five words."""
    return silence(tmp_path / "one second.wav")


@pytest.fixture
def anyio_portal() -> Iterator[BlockingPortal]:
    """Give a loop in a thread beside the test."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def gate(anyio_portal: BlockingPortal) -> Iterator[tuple[Gate, str]]:
    """Give an engine that waits, and the address of a service over it."""
    gate = Gate()
    with anyio_portal.wrap_async_context_manager(LocalServer(gate)) as server:
        yield gate, server.url
        anyio_portal.call(gate.opened.set)


def silence(path: Path, channels: int = 1) -> Path:
    """Write 1 s of silence to *path*."""
    soundfile.write(path, np.zeros((16000, channels), np.int16), 16000, format="WAV")
    return path
