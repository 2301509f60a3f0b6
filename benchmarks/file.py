"""
What does an hour of audio cost that goes as fast as the socket takes it?

The server takes the audio and says nothing, so this is the cost of the way out alone. `ours` reads
an async generator, `ours-thread` a plain iterable, which may block and so is read in a thread. All
send the same frames of 100 ms. `vs.` is the median of the ratios to the hand-written loop of the
same round.
"""

from statistics import median
from typing import Any

from _bench import (
    ChildError,
    in_turns,
    median_ratio,
    parser,
    print_table,
    report,
    run_child,
    running_server,
    say,
    shown,
)

_ALTERNATIVES = ("ours", "ours-thread", "handwritten")
_HEADS = ("an hour of audio", "CPU s", "vs.", "wall s", "peak KB")
_LIMIT = 120.0

Rounds = dict[int, dict[str, Any]]


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=3600.0, help="of audio")
    options = made.parse_args()
    if options.smoke:
        options.seconds, options.rounds = 20.0, 1
    found: dict[str, Rounds] = {name: {} for name in _ALTERNATIVES}
    with running_server("_load_server.py", "--silent") as server:
        for number, name in in_turns(_ALTERNATIVES, options.rounds):
            say(f"{name}, round {number + 1} of {options.rounds}")
            arguments = (name, server.url, "--streams", 1, "--seconds", options.seconds)
            before = server.usage().frames
            found[name][number] = run_child("_client.py", *arguments, "--unpaced", limit=_LIMIT)
            if server.usage().frames - before < options.seconds * 10:
                raise ChildError(f"{name} lost audio")
    report(options, found, lambda: print_table(_HEADS, _rows(found, options.seconds)))


def _rows(found: dict[str, Rounds], seconds: float) -> list[tuple[str, ...]]:
    cpu = {
        name: {number: run["cpu_ms_per_second"] for number, run in rounds.items()}
        for name, rounds in found.items()
    }
    return [
        (
            name,
            shown(median(cpu[name].values()) * seconds / 1000),
            shown(median_ratio(cpu[name], cpu["handwritten"]), unit=" ×"),
            shown(median(run["wall"] for run in rounds.values())),
            shown(median(run["memory_kb_per_stream"] for run in rounds.values()), 0),
        )
        for name, rounds in found.items()
    ]


if __name__ == "__main__":
    main()
