"""
What does a file of hours need?

A marked file, a word every 200 ms, is transcribed through a scripted service, and rolls over to a
fresh task several times. Its peak memory is compared with that of a file of one minute. The exit
status is 1 unless every word is recognized once, in order, within 40 ms of its time, and the memory
is within 60 MB.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from _bench import (
    parsed,
    parser,
    print_progress,
    print_table,
    report,
    run_child,
    running_server,
    shown,
)
from _long_client import WORD_MS
from _long_server import SLOWER

from paraformer_async.testing import marked

_RATE = 16000
_MINUTE = 60
_MOST_MB = 60
_LIMIT = 3600.0
_HEADS = ("file", "wall s", "CPU s", "peak MB", "tasks", "words", "complete")


def write(path: Path, seconds: int) -> None:
    """Write the marked file, a minute at a time."""
    import numpy as np
    import soundfile

    with soundfile.SoundFile(str(path), "w", _RATE, 1, "PCM_16") as file:
        for first in range(0, seconds, _MINUTE):
            ms = min(_MINUTE, seconds - first) * 1000
            number = first * 1000 // WORD_MS
            audio = marked(ms // SLOWER, sample_rate=_RATE * SLOWER, first=number)
            file.write(np.frombuffer(audio, "<i2"))


def measure(folder: Path, suffix: str, seconds: int, rollover: float) -> dict[str, Any]:
    """Transcribe a file of this length, in a process of its own."""
    path = folder / f"{seconds}.{suffix}"
    write(path, seconds)
    arguments = ("--words", seconds * 1000 // WORD_MS, "--rollover", rollover)
    with running_server("_long_server.py") as server:
        run: dict[str, Any] = run_child(
            "_long_client.py", path, server.url, *arguments, limit=_LIMIT
        )
    path.unlink()
    return run


def _row(name: str, run: dict[str, Any]) -> tuple[str, ...]:
    is_right = run["is_complete"] and run["is_in_time"]
    return (
        name,
        shown(run["wall"]),
        shown(run["cpu"]),
        shown(run["peak_mb"], 1),
        str(run["rollovers"] + 1),
        str(run["words"]),
        "yes" if is_right else "no",
    )


def main() -> None:
    made = parser(__doc__, rounds=None)
    made.add_argument("--seconds", type=int, default=3 * 3600, help="length of the file")
    made.add_argument("--formats", nargs="+", default=["wav", "flac"])
    options = parsed(made)
    if options.smoke:
        options.seconds, options.formats = 2 * _MINUTE, ["wav"]
    found: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as folder:
        for suffix in options.formats:
            for seconds in (_MINUTE, options.seconds):
                name = f"{suffix}, {seconds} s"
                print_progress(name)
                found[name] = measure(Path(folder), suffix, seconds, seconds / 3.5)
    rows = [_row(name, run) for name, run in found.items()]
    report(options, found, lambda: print_table(_HEADS, rows))
    is_right = all(run["is_complete"] and run["is_in_time"] for run in found.values())
    sys.exit(not is_right or _growth(found) > _MOST_MB)


def _growth(found: dict[str, dict[str, Any]]) -> float:
    """Return by how many MB the peak of a long file exceeds that of a minute, at most."""
    peaks = [run["peak_mb"] for run in found.values()]
    return max(long - short for short, long in zip(peaks[::2], peaks[1::2], strict=True))


if __name__ == "__main__":
    main()
