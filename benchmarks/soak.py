"""
Is a word lost when everything keeps failing?

N concurrent streams send marked audio, each to a service of its own with random faults that a seed
determines (see `_faulty_services.py`): drops, half-closed connections, failed tasks, refusals,
throttling, stalls, late results. After each recognition, its stream starts another, alternating
between pull and push. Every 20 ms of audio carry a number that must be recognized once, in order.
The exit status is 1 if one was not, if a recognition failed, or if anything was left open.

The services run in a separate process, so that sockets, tasks and memory are the client's alone.
Each stream has its own service: a shared one would apply its faults in order of arrival, so the
seed would not determine what happens, and a stream could receive more consecutive faults than it
tolerates. All streams share one recognizer, with the default reconnection policy.
"""

import argparse
import asyncio
import json
import logging
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from random import Random
from typing import Any

from _bench import Server, parsed, parser, print_progress, print_table, report, running_server

from paraformer_async import (
    AsyncRecognizer,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    ParaformerError,
    PoolLimits,
    RecognitionResult,
    TaskFailedError,
    Timeouts,
)
from paraformer_async._net import aiohttp_factory
from paraformer_async._net.choose import TransportOption
from paraformer_async.observing import Observation, RetryScheduled
from paraformer_async.testing import marked, marks_of

_RATE = 8000
_BLOCK_MS = 20
_BLOCKS = 60_000  # numbers of blocks
_SECONDS_OF_AUDIO = (5, 10, 20, 60, 240)
_TASKS_PER_SECOND = 2  # per stream; an upper bound
_TIMEOUTS = Timeouts(connect=5, started=3, send=5, finish=5, close=0.5)
_SMOKE_TIMEOUTS = Timeouts(connect=5, started=0.5, send=1, finish=1, close=0.2)
_DRAIN = 60.0  # seconds to finish what is running when time is up
_LEAVE = 5.0
_SHOWN = 10


class Speech:
    """
    Marked audio, faster than real time.

    Args:
        random: Determines the number of the first block and the sizes of chunks.
        seconds: Length of the audio, in seconds.
        pace: Seconds of audio per second of real time.
        until: Latest time to end, on the monotonic clock.

    Attributes:
        first: Number of the first block.
        blocks: Number of blocks yielded so far.
    """

    def __init__(self, random: Random, seconds: float, pace: float, until: float) -> None:
        self._random = random
        self._length = int(seconds * 1000) // _BLOCK_MS
        self._pace = pace
        self._until = until
        self.first = random.randrange(_BLOCKS - self._length)
        self.blocks = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the audio when it is due, in chunks of random sizes."""
        begin = time.monotonic()
        while self.blocks < self._length and time.monotonic() < self._until:
            count = min(self._random.randrange(5, 50), self._length - self.blocks)
            audio = marked(count * _BLOCK_MS, sample_rate=_RATE, first=self.first + self.blocks)
            self.blocks += count
            while audio:
                size = self._random.randrange(1, 6000)
                yield audio[:size]
                audio = audio[size:]
            due = begin + self.blocks * _BLOCK_MS / 1000 / self._pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class Check:
    """
    Compares results with the audio that was sent.

    Attributes:
        lost: Blocks that were skipped.
        twice: Blocks that were repeated, or were never sent.
    """

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._next = speech.first
        self.lost = 0
        self.twice = 0

    def add(self, result: RecognitionResult) -> None:
        """Check the blocks of a result."""
        for number in marks_of([result]):
            if self._next <= number < self._speech.first + self._speech.blocks:
                self.lost += number - self._next
                self._next = number + 1
            else:
                self.twice += 1

    def end(self) -> None:
        """Count blocks still missing after the last result."""
        self.lost += self._speech.first + self._speech.blocks - self._next


class Tally:
    """All counters."""

    def __init__(self) -> None:
        self.begin = time.monotonic()
        self.running = self.finished = self.blocks = self.lost = self.twice = 0
        self.failures: list[str] = []
        self.retries: Counter[str] = Counter()
        self.samples: list[dict[str, Any]] = []

    def observe(self, event: Observation) -> None:
        """Count a retry by its reason."""
        if isinstance(event, RetryScheduled):
            self.retries[_kind(event.failure)] += 1

    def note_end(self, speech: Speech, check: Check) -> None:
        """Count the blocks of a recognition that has ended."""
        check.end()
        self.blocks += speech.blocks
        self.lost += check.lost
        self.twice += check.twice

    def sample(self) -> dict[str, Any]:
        """Record a sample of the current state."""
        now = {
            "seconds": round(time.monotonic() - self.begin, 1),
            "running": self.running,
            "finished": self.finished,
            "retries": self.retries.total(),
            "lost": self.lost,
            "twice": self.twice,
            "sockets": _sockets(),
            "tasks": len(asyncio.all_tasks()),
            "rss_mb": _memory(),
        }
        self.samples.append(now)
        print_progress("  ".join(f"{name} {value}" for name, value in now.items()))
        return now


async def soak(server: Server, options: argparse.Namespace) -> dict[str, Any]:
    """Run the streams and return the measurements."""
    seconds = options.minutes * 60
    tally = Tally()
    before = tally.sample()
    until = tally.begin + seconds
    limits = PoolLimits(
        connections=max(1000, options.streams), tasks_per_second=max(20, options.streams)
    )
    recognizer = AsyncRecognizer(
        api_key="any",
        sample_rate=_RATE,
        pool=limits,
        transport=_transport(options.transport),
        observe=tally.observe,
        timeouts=_SMOKE_TIMEOUTS if options.smoke else _TIMEOUTS,
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds + _DRAIN), recognizer, asyncio.TaskGroup() as group:
            sampling = group.create_task(_sample(server, tally, options.every))
            streams = [
                group.create_task(_stream(recognizer, url, number, until, options, tally))
                for number, url in enumerate(json.loads(server.url))
            ]
            await asyncio.wait(streams)
            sampling.cancel()
    services = await _services_at_the_end(server)
    after = tally.sample()
    left = {
        "streams": tally.running,
        "sockets": (after["sockets"] or 0) - (before["sockets"] or 0),
        "tasks": after["tasks"] - before["tasks"],
        "connections": _open(services),
    }
    return {
        "seed": options.seed,
        "streams": options.streams,
        "minutes": options.minutes,
        "transport": options.transport,
        "finished": tally.finished,
        "failed": tally.failures,
        "words": tally.blocks,
        "lost": tally.lost,
        "twice": tally.twice,
        "retries": dict(tally.retries.most_common()),
        "services": services,
        "left": left,
        "samples": tally.samples,
    }


def _transport(name: str) -> TransportOption:
    if name == "documented":  # as on a version of aiohttp that CI has not run
        aiohttp_factory.TESTED = frozenset()
    return "picows" if name == "picows" else "aiohttp"


def _new_loop(options: argparse.Namespace) -> asyncio.AbstractEventLoop:
    if options.uvloop:
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    if options.eager:
        loop.set_task_factory(asyncio.eager_task_factory)
    return loop


async def _sample(server: Server, tally: Tally, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        tally.sample()
        await asyncio.to_thread(server.ask)  # this frees the audio of finished tasks


async def _stream(
    recognizer: AsyncRecognizer,
    url: str,
    number: int,
    until: float,
    options: argparse.Namespace,
    tally: Tally,
) -> None:
    """Run one recognition after another until time is up."""
    random = Random(f"{options.seed}/{number}/speech")  # noqa: S311 - no secret
    await asyncio.sleep(random.uniform(0, min(1.0, options.minutes * 6)))
    is_push = bool(number % 2)
    while time.monotonic() < until:
        speech = Speech(random, random.choice(_SECONDS_OF_AUDIO), options.pace, until)
        check = Check(speech)
        tally.running += 1
        try:
            await (_push if is_push else _pull)(recognizer, url, speech, check)
            tally.finished += 1
        except ParaformerError as error:
            tally.failures.append(f"stream {number}: {error!r}")
        finally:
            tally.note_end(speech, check)
        tally.running -= 1
        is_push = not is_push


async def _pull(recognizer: AsyncRecognizer, url: str, speech: Speech, check: Check) -> None:
    async for result in recognizer.stream(speech.chunks(), endpoint=url):
        check.add(result)


async def _push(recognizer: AsyncRecognizer, url: str, speech: Speech, check: Check) -> None:
    async with recognizer.stream(endpoint=url) as stream:

        async def send() -> None:
            with suppress(ParaformerError):  # the loop over the results raises it, too
                async with aclosing(speech.chunks()) as chunks:
                    async for chunk in chunks:
                        await stream.send(chunk)
                await stream.finish()

        sending = asyncio.create_task(send())
        try:
            async for result in stream:
                check.add(result)
        finally:
            sending.cancel()
            await asyncio.wait([sending])


async def _services_at_the_end(server: Server) -> dict[str, Any]:
    """Return the state of the services once they have noticed that all connections are closed."""
    deadline = time.monotonic() + _LEAVE
    while True:
        state: dict[str, Any] = await asyncio.to_thread(server.ask)
        if not _open(state) or time.monotonic() > deadline:
            return state
        await asyncio.sleep(0.1)


def _open(services: dict[str, Any]) -> int:
    """Count open connections; a stalled service does not notice that its connection is closed."""
    return max(0, int(services["open"]) - int(services["happened"].get("Stall", 0)))


def _kind(failure: Exception) -> str:
    match failure:
        case HandshakeError(status=status):
            return f"HTTP {status}"
        case ConnectionLostError(close_code=code):
            return f"connection lost, {code}"
        case DeadlineError(phase=phase):
            return f"deadline, {phase}"
        case TaskFailedError(error_code=code):
            return f"task failed, {code}"
        case _:
            return type(failure).__name__


def _sockets() -> int | None:
    try:
        return sum(_is_socket(one) for one in Path("/proc/self/fd").iterdir())
    except OSError:  # not Linux
        return None


def _is_socket(number: Path) -> bool:
    try:
        return str(number.readlink()).startswith("socket:")
    except OSError:  # closed in the meantime
        return False


def _memory() -> float:
    """Return the resident memory in MB; its peak if the system does not report it."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / 2**20, 1)
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def is_good(measured: dict[str, Any]) -> bool:
    """Return whether the run was free of errors."""
    faults = (measured["lost"], measured["twice"], measured["failed"])
    violations = measured["services"]["violations"]
    is_clean = all(number <= 0 for number in measured["left"].values())
    return is_clean and bool(measured["finished"]) and not (any(faults) or violations)


def show(measured: dict[str, Any]) -> None:
    """Print the measurements."""
    memory = [sample["rss_mb"] for sample in measured["samples"]]
    middle = memory[len(memory) // 2]
    rows = [
        ("streams at once", measured["streams"]),
        ("recognitions finished", measured["finished"]),
        ("recognitions failed", len(measured["failed"])),
        ("words", measured["words"]),
        ("words lost", measured["lost"]),
        ("words repeated", measured["twice"]),
        ("connections", measured["services"]["accepted"]),
        ("memory at half time, MB", middle),
        ("memory, peak, MB", max(memory)),
        ("memory at the end, MB", memory[-1]),
        *((f"left open: {name}", number) for name, number in measured["left"].items()),
        *((f"retries: {name}", number) for name, number in measured["retries"].items()),
    ]
    print_table((f"{measured['transport']}, seed {measured['seed']}", ""), _cells(rows))
    faults = (f"{name} {count}" for name, count in measured["services"]["happened"].items())
    print("\nfaults:", ", ".join(faults))
    for name, texts in (
        ("failed", measured["failed"]),
        ("violation", measured["services"]["violations"]),
    ):
        for text in texts[:_SHOWN]:
            print(f"{name}: {text}")


def _cells(rows: Iterable[tuple[str, object]]) -> Iterable[Sequence[str]]:
    return [(name, str(value)) for name, value in rows]


def main() -> None:
    made = parser(__doc__, rounds=None)
    made.add_argument("--streams", type=int, default=200)
    made.add_argument("--minutes", type=float, default=2.0)
    made.add_argument("--seed", type=int, default=1)
    made.add_argument(
        "--transport",
        choices=("aiohttp", "documented", "picows"),
        default="aiohttp",
        help="documented: aiohttp without its private parts",
    )
    made.add_argument("--uvloop", action="store_true", help="run the client on uvloop")
    made.add_argument("--eager", action="store_true", help="with eager tasks (Python >= 3.12)")
    made.add_argument(
        "--pace", type=float, default=2.0, help="seconds of audio per second of real time"
    )
    made.add_argument("--every", type=float, default=5.0, help="seconds between samples")
    options = parsed(made)
    if options.smoke:
        options.streams, options.minutes, options.pace, options.every = 10, 0.03, 8.0, 1.0
    logging.getLogger("paraformer_async").setLevel(logging.ERROR)  # warnings report unknown events
    faults = int(options.minutes * 60 * _TASKS_PER_SECOND) + 10
    arguments = ("--services", options.streams, "--faults", faults, "--seed", options.seed)
    with running_server("_faulty_services.py", *map(str, arguments)) as server:
        with asyncio.Runner(loop_factory=lambda: _new_loop(options)) as runner:
            measured = runner.run(soak(server, options))
    report(options, measured, lambda: show(measured))
    sys.exit(not is_good(measured))


if __name__ == "__main__":
    main()
