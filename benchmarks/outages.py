"""
Does a live stream survive an outage?

N streams in real time send marked audio through gates to a scripted service. All connections are
lost, and for some seconds the gates refuse connections, accept and reset them, answer HTTP 503, or
pass nothing on. `survived` counts the streams whose every 20 ms were recognized once, in order;
`reported` those that ended with `AudioLostError`, which names the audio that was no longer kept.
The exit status is 1 if any stream ended otherwise.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

from _bench import allow_sockets, parsed, parser, print_table, report, running_server
from _outage_server import KINDS

from paraformer_async import AsyncRecognizer, AudioLostError, ParaformerError, PoolLimits
from paraformer_async.testing import marked, marks_of

_RATE = 8000
_CHUNK_MS = 100
_BLOCK_MS = 20
_BEFORE, _AFTER = 6.0, 6.0  # seconds of audio before and after the outage
_STAGGER = 0.05
_HEADS = ("outage", "seconds", "survived", "reported", "lost", "other errors")


async def microphone(seconds: float) -> AsyncGenerator[bytes, None]:
    """Yield marked audio in real time."""
    begin = time.monotonic()
    for at in range(0, int(seconds * 1000), _CHUNK_MS):
        await asyncio.sleep(begin + at / 1000 - time.monotonic())
        yield marked(_CHUNK_MS, sample_rate=_RATE, first=at // _BLOCK_MS)


async def outcome(recognizer: AsyncRecognizer, url: str, seconds: float) -> str:
    """Return how one stream ended: a column of the table."""
    try:
        results = [one async for one in recognizer.stream(microphone(seconds), endpoint=url)]
    except AudioLostError:
        return "reported"
    except ParaformerError as error:
        return f"{type(error).__name__}: {error}"
    return "survived" if marks_of(results) == list(range(int(seconds * 50))) else "lost"


async def measure(seconds: float, streams: int) -> dict[str, Counter[str]]:
    """Return how the streams ended, for each kind of outage of so many seconds."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    limits = PoolLimits(connections=10_000, tasks_per_second=10_000)
    with running_server(
        "_outage_server.py", "--after", str(_BEFORE), "--seconds", str(seconds)
    ) as server:
        urls = json.loads(server.url)

        async def run(kind: str, delay: float) -> None:
            await asyncio.sleep(delay)
            length = round(_BEFORE + seconds + _AFTER, 1)
            found[kind][await outcome(recognizer, urls[kind], length)] += 1

        async with (
            AsyncRecognizer(api_key="any", sample_rate=_RATE, pool=limits) as recognizer,
            asyncio.TaskGroup() as tasks,
        ):
            for number in range(streams):
                for kind in KINDS:
                    tasks.create_task(run(kind, number * _STAGGER))
    return found


def main() -> None:
    made = parser(__doc__, rounds=None)
    made.add_argument("--streams", type=int, default=40, help="for each kind of outage")
    made.add_argument("--seconds", type=float, nargs="+", default=[1.0, 5.0, 20.0, 50.0])
    options = parsed(made)
    if options.smoke:
        options.streams, options.seconds = 2, [0.5]
    allow_sockets()
    found = {seconds: asyncio.run(measure(seconds, options.streams)) for seconds in options.seconds}
    report(options, _plain(found), lambda: print_table(_HEADS, list(_rows(found))))
    sys.exit(
        any(_others(ended) or ended["lost"] for kinds in found.values() for ended in kinds.values())
    )


def _others(ended: Counter[str]) -> dict[str, int]:
    return {how: count for how, count in ended.items() if how not in _HEADS}


def _rows(found: dict[float, dict[str, Counter[str]]]) -> Any:
    for seconds, kinds in found.items():
        for kind, ended in kinds.items():
            counts = (str(ended[how]) for how in _HEADS[2:5])
            yield kind, f"{seconds:g}", *counts, "; ".join(map(str, _others(ended).items())) or "–"


def _plain(found: dict[float, dict[str, Counter[str]]]) -> Any:
    return {
        str(seconds): {kind: dict(ended) for kind, ended in kinds.items()}
        for seconds, kinds in found.items()
    }


if __name__ == "__main__":
    main()
