"""
How much Python runs for a stream?

Counts the bytecode instructions that are executed for one second of a stream in steady state (ten
frames out, five results in), by the package they belong to. Unlike time, the count hardly depends
on the machine and on what else it does. It does not include what runs in C: system calls, JSON,
masking. `vs.` is the median ratio to the hand-written loop in the same round.
"""

import argparse
import sys
from typing import Any

from _bench import Server, parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_ALTERNATIVES = ("ours", "ours-documented", "ours-picows", "handwritten")
_OWNERS = ("paraformer_async", "aiohttp", "anyio", "asyncio", "benchmark", "other")
_HEADS = ("one second of a stream", "instructions", "vs.", *_OWNERS)
_SPARE_TIME = 30.0  # seconds beyond the audio


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=6.0, help="that are counted")
    options = parsed(made)
    if options.smoke:
        options.seconds, options.rounds = 1.0, 1
    with running_server("_load_server.py") as server:
        found = measure_in_turns(
            _ALTERNATIVES, options.rounds, lambda name: _run(server, name, options)
        )
    add_ratios(found, "vs_handwritten", "all", "handwritten")
    sys.exit(report_runs(options, found, _HEADS, _cells))


def _run(server: Server, name: str, options: argparse.Namespace) -> dict[str, Any]:
    arguments = (name, server.url, "--seconds", options.seconds)
    counted = run_child("_bytecodes_client.py", *arguments, limit=options.seconds + _SPARE_TIME)
    return {owner: counted.get(owner, 0.0) for owner in _OWNERS} | {"all": sum(counted.values())}


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.median("all"), 0),
        shown_ratio(runs, "vs_handwritten"),
        *(shown(runs.median(owner), 0) for owner in _OWNERS),
    )


if __name__ == "__main__":
    main()
