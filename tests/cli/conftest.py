"""Fixtures for the command line tests: the command as a process, and a service to hold it up."""

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
# Runs the command as if the packages in the first argument (comma-separated) were not installed.
WITHOUT = """
import sys
sys.modules |= dict.fromkeys(sys.argv.pop(1).split(","))
from paraformer_async.cli import main
main()
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]
Call = Callable[..., "Outcome"]


class Gate:
    """An engine that returns a partial result at once, and the final one when the gate opens."""

    sample_rate = 16000

    def __init__(self) -> None:
        self.has_audio = anyio.Event()
        self.opened = anyio.Event()

    async def open(self, settings: StreamSettings) -> "Gate":
        """Open the stream, which is the engine itself."""
        return self

    async def feed(self, pcm: bytes) -> Sequence[Sentence]:
        """Return half of the sentence on the first audio."""
        partial = () if self.has_audio.is_set() else (Sentence(0, None, "half of"),)
        self.has_audio.set()
        return partial

    async def finish(self) -> Sequence[Sentence]:
        """Return the whole sentence once the gate is open."""
        await self.opened.wait()
        return (Sentence(0, 1000, "half of the sentence."),)

    async def aclose(self) -> None:
        """Do nothing."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment without our variables, a key file, and color settings."""
    ours = ("DASHSCOPE_", "PARAFORMER_", "FORCE_COLOR", "NO_COLOR", "TTY_", "PYTHONIOENCODING")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"TERM": "xterm", "COLUMNS": "80", "HOME": str(tmp_path)}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Return a function that runs the command in an empty folder and waits for it to exit."""

    def run(
        *arguments: object,
        command: Sequence[str] = COMMAND,
        stdin: Path = Path(os.devnull),
        **env: str,
    ) -> object:
        with stdin.open("rb") as file:
            return subprocess.run(
                [*command, *map(_argument, arguments)],
                cwd=tmp_path,
                env=environment | env,
                stdin=file,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=60,
                check=False,
            )

    return run  # type: ignore[return-value]


class Outcome(NamedTuple):
    """The outcome of a run of the command in this process."""

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
    """Return a function that runs the command in this process, for runs that exit early."""
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", environment["HOME"])
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, **env: str) -> Outcome:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["paraformer-async", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return Outcome(caught.value.code, *capsys.readouterr())

    return call


def _argument(value: object) -> str | bytes:
    return value if isinstance(value, bytes) else str(value)


@pytest.fixture
def one_second(tmp_path: Path) -> Path:
    """Return a 1 s wav file, in which the scripted engine recognizes five words."""
    return silence(tmp_path / "one second.wav")


@pytest.fixture
def anyio_portal() -> Iterator[BlockingPortal]:
    """Return a portal to an event loop in another thread."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture
def gate(anyio_portal: BlockingPortal) -> Iterator[tuple[Gate, str]]:
    """Return an engine that waits, and the address of a service that uses it."""
    gate = Gate()
    with anyio_portal.wrap_async_context_manager(LocalServer(gate)) as server:
        yield gate, server.url
        anyio_portal.call(gate.opened.set)


def silence(path: Path, channels: int = 1) -> Path:
    """Write 1 s of silence to *path*."""
    soundfile.write(path, np.zeros((16000, channels), np.int16), 16000, format="WAV")
    return path
