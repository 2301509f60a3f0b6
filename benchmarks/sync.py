"""
What do many recognitions cost in a program without an event loop?

Each runs in a thread of the program, in real time: with the drop-in for the vendor's SDK, with the
blocking client, and with the vendor's SDK itself. `threads` are those in addition to the first
recognition's, the callers' own included. A round trip lasts from the time at which a frame was due
until its result was there. `vs.` is the median ratio to the SDK in the same round, with its range.
"""

import sys
from typing import Any

from _bench import parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_ALTERNATIVES = ("drop-in", "blocking", "dashscope")
_BASELINE = "dashscope"
_HEADS = ("client", "threads", "CPU ms/s", "vs.", "p50 ms", "vs.", "p99 ms", "KB/stream", "results")


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--streams", type=int, default=100)
    made.add_argument("--seconds", type=float, default=10.0, help="of audio, for each stream")
    options = parsed(made)
    if options.smoke:
        options.streams, options.seconds, options.rounds = 2, 1.5, 1

    def measure(name: str) -> dict[str, Any]:
        arguments = ("--streams", options.streams, "--seconds", options.seconds)
        limit = options.seconds * 4 + 60
        found: dict[str, Any] = run_child(
            "_sync_client.py", name, server.url, *arguments, limit=limit
        )
        return found

    with running_server("_load_server.py") as server:
        found = measure_in_turns(_ALTERNATIVES, options.rounds, measure)
    add_ratios(found, "cpu_vs_dashscope", "cpu_ms_per_second", _BASELINE)
    add_ratios(found, "p50_vs_dashscope", "p50_ms", _BASELINE)
    sys.exit(report_runs(options, found, _HEADS, _cells))


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.worst("threads"), 0),
        shown(runs.median("cpu_ms_per_second"), 2),
        shown_ratio(runs, "cpu_vs_dashscope"),
        shown(runs.median("p50_ms"), 2),
        shown_ratio(runs, "p50_vs_dashscope"),
        shown(runs.median("p99_ms"), 1),
        shown(runs.median("memory_kb_per_stream"), 0),
        shown(runs.median("results"), 0),
    )


if __name__ == "__main__":
    main()
