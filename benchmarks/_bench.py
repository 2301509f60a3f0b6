"""Helpers for all benchmarks: processes and their control, options, tables."""

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

FRAME_MS = 100
FRAME_BYTES = 3200  # 100 ms of s16le mono at 16 kHz
# Seconds between the starts of two streams: with 10 ms, frames of 100 streams would coincide.
STAGGER = 0.011

_HERE = Path(__file__).parent
_PACKAGES = (
    "paraformer-async",
    "aiohttp",
    "anyio",
    "msgspec",
    "dashscope",
    "dashscope-realtime",
    "websockets",
    "picows",
    "uvloop",
)
_BIAS = (
    "These benchmarks and their server, on loopback and without TLS, are by the authors of the"
    " library, who know it better than the alternatives."
)


class ServerUsage(NamedTuple):
    """What a server has used so far: CPU seconds, and frames received."""

    cpu: float
    frames: int


class Server:
    """A server in a process of its own; see `control`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.url = self._read()
        assert self.url, "the server did not start"

    def usage(self) -> ServerUsage:
        """Return what the server has used so far."""
        return ServerUsage(*self.ask())

    def ask(self) -> Any:
        """Request and return the state of the server."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextmanager
def running_server(script: str, *arguments: str) -> Iterator[Server]:
    """Run a server script during the `with` block."""
    pipe = subprocess.PIPE
    command = [sys.executable, str(_HERE / script), *arguments]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


async def control(url: str, frames: Callable[[], int]) -> None:
    """Print *url*, then CPU seconds and frames for each line on stdin, until it is closed."""
    await answer(url, lambda: [time.process_time(), frames()])


async def answer(first: str, state: Callable[[], Any]) -> None:
    """Print *first*, then the result of *state* for each line on stdin, until it is closed."""
    print(first, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(state()), flush=True)


class ChildError(Exception):
    """A child process failed; the message gives the reason."""


def run_child(script: str, *arguments: object, limit: float) -> Any:
    """Run a script in this folder; see `run_python`."""
    return run_python(_HERE / script, *arguments, limit=limit)


def run_python(*arguments: object, limit: float) -> Any:
    """
    Run a program that prints JSON in a new process, for at most *limit* seconds.

    Raises:
        ChildError: The program failed or timed out.
    """
    command = [sys.executable, *map(str, arguments)]
    env = os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        raise ChildError(f"not done after {limit:.0f} s") from None
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    # Skip the frame that surrounds the traceback of an exception group.
    reasons = [text for line in done.stderr.splitlines() if (text := line.strip(" |+-"))]
    raise ChildError(reasons[-1] if reasons else f"status {done.returncode}")


def give_up(reason: str) -> NoReturn:
    """Exit this child process at once: threads of a failed client would delay a normal exit."""
    print(reason, file=sys.stderr, flush=True)
    os._exit(1)


def cpu_seconds() -> float:
    """Return the user and system time of this process so far, for all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def allow_sockets() -> None:
    """Raise the limit of open files to the maximum; the initial limit is often lower."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS reports "unlimited" but rejects it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def parser(description: str | None, rounds: int | None = 5) -> argparse.ArgumentParser:
    """Return a parser with the common options; without `--rounds` if *rounds* is `None`."""
    made = argparse.ArgumentParser(description=description)
    if rounds is not None:
        made.add_argument(
            "--rounds", type=int, default=rounds, help="number of measurements of each"
        )
    made.add_argument("--json", action="store_true", help="print all measurements as JSON")
    made.add_argument("--versions", action="store_true", help="print versions first")
    made.add_argument("--smoke", action="store_true", help="run as briefly as possible")
    return made


def parsed(made: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line and print a note on who wrote the benchmarks."""
    options = made.parse_args()
    print_progress(_BIAS)
    return options


def report(options: argparse.Namespace, measured: Any, table: Callable[[], None]) -> None:
    """Print the measurements in the requested form."""
    if options.json:
        document = {"versions": versions(), "options": vars(options), "measured": measured}
        print(json.dumps(document, indent=2, default=str))  # str: an option may be a path
        return
    if options.versions:
        print(*(f"{name} {number}" for name, number in versions().items()), sep="\n")
    table()


def versions() -> dict[str, str]:
    """Return the versions of everything compared, and a description of the machine."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found["machine"] = ", ".join((f"{os.cpu_count()} CPUs", *_models()))
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _models() -> set[str]:
    """Return the processor models, if the system reports them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return set()
    return {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}


def print_progress(text: str) -> None:
    """Print progress to stderr; stdout is for results."""
    print(text, file=sys.stderr, flush=True)


def shown(value: float | None, digits: int = 2, unit: str = "") -> str:
    """Format a number as a table cell."""
    return "–" if value is None else f"{value:.{digits}f}{unit}"


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print an aligned Markdown table; all columns but the first are numbers."""
    cells = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    ruler = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (cells[0], ruler, *cells[1:]):
        first, *others = zip(row, widths, strict=True)
        line = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        print("|", " | ".join(line), "|")
