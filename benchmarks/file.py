"""
What does an hour of audio cost, sent as fast as the socket accepts it?

The server sends a final result for each two seconds of audio: `ours` sends no more than it keeps
ahead of what is final. `ours` reads an async generator; `ours-thread` reads a plain iterable, which
may block, in a thread. All send the same frames of 100 ms. `vs.` is the median ratio to the
hand-written loop in the same round, with its range.
"""

import argparse
import sys
from typing import Any

from _bench import ChildError, Server, parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_ALTERNATIVES = ("ours", "ours-thread", "handwritten")
_HEADS = ("an hour of audio", "CPU s", "vs.", "wall s", "peak KB")
_LIMIT = 120.0


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=3600.0, help="of audio")
    options = parsed(made)
    if options.smoke:
        options.seconds, options.rounds = 20.0, 1
    with running_server("_load_server.py", "--finals-only") as server:
        found = measure_in_turns(
            _ALTERNATIVES, options.rounds, lambda name: _run(server, name, options)
        )
    add_ratios(found, "vs_handwritten", "cpu", "handwritten")
    sys.exit(report_runs(options, found, _HEADS, _cells))


def _run(server: Server, name: str, options: argparse.Namespace) -> dict[str, Any]:
    arguments = (name, server.url, "--streams", 1, "--seconds", options.seconds)
    before = server.usage().frames
    run: dict[str, Any] = run_child("_client.py", *arguments, "--unpaced", limit=_LIMIT)
    if server.usage().frames - before < options.seconds * 10:
        raise ChildError("it lost audio")
    run["cpu"] = run["cpu_ms_per_second"] * options.seconds / 1000
    return run


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.median("cpu")),
        shown_ratio(runs, "vs_handwritten"),
        shown(runs.median("wall")),
        shown(runs.median("memory_kb_per_stream"), 0),
    )


if __name__ == "__main__":
    main()
