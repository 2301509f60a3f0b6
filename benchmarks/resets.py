"""
Is a file complete if its connection is reset?

A marked file is transcribed, with default settings, over a connection that takes a multiple of real
time and is reset once, at every tenth of the file, for several speeds and receive buffers of the
peer. The exit status is 1 unless every 20 ms of every transcript are recognized once, in order.
"""

import asyncio
import json
import sys
import wave
from collections import Counter
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from _bench import (
    Server,
    allow_sockets,
    parsed,
    parser,
    print_progress,
    print_table,
    report,
    running_server,
)

from paraformer_async import AsyncRecognizer, ParaformerError, PoolLimits
from paraformer_async.testing import marked, marks_of

_RATE = 8000
_BYTES_PER_SECOND = 2 * _RATE
_BLOCKS_PER_SECOND = 50
_TENTHS = range(1, 10)


def write(path: Path, seconds: int) -> None:
    """Write the marked file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(marked(seconds * 1000, sample_rate=_RATE))


async def outcome(recognizer: AsyncRecognizer, url: str, path: Path, seconds: int) -> str:
    """Return how one transcription ended."""
    try:
        transcript = await recognizer.transcribe(path, endpoint=url)
    except ParaformerError as error:
        return f"{type(error).__name__}: {error}"
    found = marks_of(transcript.sentences)
    return "complete" if found == list(range(seconds * _BLOCKS_PER_SECOND)) else "wrong"


async def measure(server: Server, path: Path, seconds: int) -> list[str]:
    """Return how the transcription over each relay ended."""
    limits = PoolLimits(connections=10_000, tasks_per_second=10_000)
    async with AsyncRecognizer(api_key="any", sample_rate=_RATE, pool=limits) as recognizer:
        urls = json.loads(server.url)
        return list(
            await asyncio.gather(*(outcome(recognizer, url, path, seconds) for url in urls))
        )


def main() -> None:
    made = parser(__doc__, rounds=None)
    made.add_argument("--seconds", type=int, default=1200, help="length of the file")
    made.add_argument("--speeds", type=float, nargs="+", default=[2, 10, 30, 60])
    made.add_argument("--buffers", type=int, nargs="+", default=[16, 128, 1024], help="in KB")
    options = parsed(made)
    if options.smoke:
        options.seconds, options.speeds, options.buffers = 20, [30], [16]
    allow_sockets()
    cases = list(product(options.speeds, options.buffers, _TENTHS))
    size = options.seconds * _BYTES_PER_SECOND
    relays = [
        (speed * _BYTES_PER_SECOND, size * tenth // 10, buffer * 1024)
        for speed, buffer, tenth in cases
    ]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "marked.wav"
        write(path, options.seconds)
        with running_server("_reset_server.py", "--relays", json.dumps(relays)) as server:
            ended = asyncio.run(measure(server, path, options.seconds))
    found: dict[tuple[float, int], Counter[str]] = {}
    for (speed, buffer, tenth), how in zip(cases, ended, strict=True):
        found.setdefault((speed, buffer), Counter())[how] += 1
        if how != "complete":
            print_progress(f"{speed:g} × real time, {buffer} KB, {tenth}/10: {how}")
    rows = [
        (f"{speed:g} ×", f"{buffer} KB", f"{each['complete']} of {len(_TENTHS)}")
        for (speed, buffer), each in found.items()
    ]
    heads = ("speed", "receive buffer", "complete")
    report(options, rows, lambda: print_table(heads, rows))
    sys.exit(any(how != "complete" for how in ended))


if __name__ == "__main__":
    main()
