"""The traced process: recognize one stream, and print the Python executed for it as JSON."""

import argparse
import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from _alternatives import ALTERNATIVES
from _client import Paced

_SETTLED = 2.0  # seconds from the start until the stream has connected
_PACKAGES = ("paraformer_async", "aiohttp", "anyio", "asyncio")


class Tracer:
    """Counts the bytecode instructions of each code object, between `start` and `stop`."""

    def __init__(self) -> None:
        self.executed: Counter[CodeType] = Counter()

    def start(self) -> None:
        """Trace the functions that are called, or resumed, from now on."""
        sys.settrace(self._trace)

    def stop(self) -> None:
        """Trace no longer."""
        sys.settrace(None)

    def _trace(self, frame: FrameType, kind: str, argument: Any) -> Any:
        del argument
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if kind == "opcode":
            self.executed[frame.f_code] += 1
        return self._trace


def owner(code: CodeType) -> str:
    """Return the package of a code object, or `benchmark` or `other`."""
    path = Path(code.co_filename)
    if path.parent == Path(__file__).parent:
        return "benchmark"
    return next((name for name in _PACKAGES if name in path.parts), "other")


async def measure(name: str, url: str, seconds: float) -> Counter[str]:
    """Return the bytecode instructions by owner in so many seconds of one stream."""
    tracer = Tracer()
    paced = Paced(int((seconds + 2 * _SETTLED) * 10), real_time=True)
    async with ALTERNATIVES[name](url) as recognize, asyncio.TaskGroup() as tasks:
        tasks.create_task(recognize(paced.frames(), paced.seen))
        await asyncio.sleep(_SETTLED)
        tracer.start()
        await asyncio.sleep(seconds)
        tracer.stop()
    by_owner: Counter[str] = Counter()
    for code, count in tracer.executed.items():
        by_owner[owner(code)] += count
    return by_owner


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=ALTERNATIVES)
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    found = asyncio.run(measure(options.name, options.url, options.seconds))
    print(json.dumps({name: count / options.seconds for name, count in found.items()}))


if __name__ == "__main__":
    main()
