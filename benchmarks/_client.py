"""
The measured process: run streams with one alternative, and print their cost as JSON.

The cost is the user and system CPU time of the whole process, all threads included, from before the
first stream connects until the client is closed. It includes pacing of the source and recording of
round trips. It does not include interpreter startup, imports, and one short initial recognition,
whose separate client triggers lazy loading and leaves no connection.
"""

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict, dataclass

from _alternatives import ALTERNATIVES, ON_UVLOOP, Recognize
from _bench import FRAME_BYTES, FRAME_MS, STAGGER, allow_sockets, cpu_seconds, give_up

_FRAMES_OF_WORD = 2
_SETTLING = 1.0  # seconds; early round trips of a stream include connecting
_LATE = 1.0  # seconds; a result that takes longer is of no use for live display


@dataclass
class Measured:
    """The cost of a run of all streams."""

    cpu_ms_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    memory_kb_per_stream: float
    results: int
    late: int
    wall: float


class Paced:
    """
    The audio of one stream, in real time or as fast as it is read, and its round trips.

    A round trip lasts from the time at which a frame was due until its result was returned, so
    delays caused by the client count.
    """

    def __init__(self, frames: int, *, real_time: bool) -> None:
        self.round_trips: list[float] = []
        self.results = self.late = 0
        self.seconds = frames * FRAME_MS / 1000
        self._frames = frames
        self._period = FRAME_MS / 1000 if real_time else 0.0
        self._settling = min(_SETTLING, frames * self._period / 2)
        self._begin = 0.0

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the frames, each when it is due."""
        self._begin = time.perf_counter()
        for number in range(1, self._frames + 1):
            if self._period:
                due = self._begin + number * self._period
                await asyncio.sleep(due - time.perf_counter())
            yield bytes(FRAME_BYTES)

    def seen(self, text: str) -> None:
        """Record a result; the number of its last word identifies its frame."""
        self.results += 1
        word = int(text[text.rindex("-") + 1 :])
        after = word * _FRAMES_OF_WORD * self._period
        trip = time.perf_counter() - self._begin - after
        if after > self._settling:
            self.round_trips.append(trip)
        if self._period and trip > _LATE:
            self.late += 1


async def measure(name: str, url: str, streams: list[Paced]) -> Measured:
    async with ALTERNATIVES[name](url) as recognize:
        await _recognize(recognize, Paced(_FRAMES_OF_WORD, real_time=False))
    async with ALTERNATIVES[name](url) as recognize:
        gc.collect()
        memory = _peak_memory()
        wall, cpu = time.perf_counter(), cpu_seconds()
        async with asyncio.TaskGroup() as tasks:
            for number, paced in enumerate(streams):
                tasks.create_task(_recognize(recognize, paced, number * STAGGER))
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    memory = _peak_memory() - memory
    trips = sorted(trip for paced in streams for trip in paced.round_trips)
    return Measured(
        cpu_ms_per_second=cpu * 1000 / sum(paced.seconds for paced in streams),
        p50_ms=_quantile_ms(trips, 0.5),
        p99_ms=_quantile_ms(trips, 0.99),
        memory_kb_per_stream=memory / 1024 / len(streams),
        results=sum(paced.results for paced in streams),
        late=sum(paced.late for paced in streams),
        wall=wall,
    )


async def _recognize(recognize: Recognize, paced: Paced, delay: float = 0.0) -> None:
    await asyncio.sleep(delay)
    await recognize(paced.frames(), paced.seen)


def _uvloop() -> Callable[[], asyncio.AbstractEventLoop]:
    import uvloop

    return uvloop.new_event_loop


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _quantile_ms(ordered: list[float], share: float) -> float | None:
    return ordered[int(len(ordered) * share)] * 1000 if ordered else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ALTERNATIVES)
    parser.add_argument("url")
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of audio, for each stream")
    parser.add_argument("--unpaced", action="store_true", help="as fast as possible")
    parser.add_argument("--uvloop", action="store_true", help="run on uvloop")
    parser.add_argument("--gc", type=int, default=gc.get_threshold()[0], help="first threshold")
    options = parser.parse_args()
    gc.set_threshold(options.gc)
    frames = int(options.seconds * 1000 / FRAME_MS)
    allow_sockets()
    streams = [Paced(frames, real_time=not options.unpaced) for _ in range(options.streams)]
    is_on_uvloop = options.uvloop or options.name in ON_UVLOOP
    with asyncio.Runner(loop_factory=_uvloop() if is_on_uvloop else None) as runner:
        try:
            measured = runner.run(measure(options.name, options.url, streams))
        except ExceptionGroup as group:
            give_up(f"a stream failed: {group.exceptions[0]!r}; the others were canceled")
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main()
