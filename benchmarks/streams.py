"""
What does a stream in real time cost?

N streams send frames of 100 ms, paced as a microphone would, and get five results a second. Each
alternative runs in a fresh process against one server on loopback, in turns, over several rounds.
`vs.` is the median of the ratios to the hand-written loop of the same round, `late` the number of
results that were seen more than a second after their frame was due.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from _bench import (
    STAGGER,
    Absent,
    ChildError,
    Server,
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

_ALTERNATIVES = ("ours", "handwritten", "picows", "dashscope", "dashscope-realtime", "nothing")
_YARDSTICK = "handwritten"
_RESULTS_PER_SECOND = 5
_SERVERS = {"load": "_load_server.py", "scripted": "_scripted_server.py"}
_OF_START = 1.5  # as many times as it takes to start all streams, each has audio at least
_SPARE_TIME = 30.0  # seconds beyond twice the audio, for a client that cannot keep pace
_HEADS = (
    "N streams",
    "CPU ms/s",
    "vs.",
    "p50 ms",
    "p99 ms",
    "late",
    "KB/stream",
    "results %",
    "server %",
)
# What is drawn, and how the axis is called.
_CURVES = {"cpu_ms_per_second": "CPU ms per second of audio", "p50_ms": "p50 of a result, ms"}

Rounds = dict[int, dict[str, Any]]


def measure(
    server: Server, options: argparse.Namespace, alternatives: Sequence[str], streams: int
) -> dict[str, Rounds]:
    """Give {alternative: {round: measurement}} for a number of streams."""
    found: dict[str, Rounds] = {name: {} for name in alternatives}
    dropped: set[str] = set()
    for number, name in in_turns(alternatives, options.rounds):
        if name in dropped:
            continue
        say(f"{streams} × {name}, round {number + 1} of {options.rounds}")
        try:
            found[name][number] = _run(server, name, streams, options)
        except (Absent, ChildError) as error:
            dropped.add(name)
            say(f"{streams} × {name}: skipped, {error}")
    return found


def _run(server: Server, name: str, streams: int, options: argparse.Namespace) -> dict[str, Any]:
    # All are to run at once for a while, also when it takes long to start them.
    seconds = max(options.seconds, streams * STAGGER * _OF_START)
    arguments = [name, server.url, "--streams", streams, "--seconds", seconds]
    if options.uvloop:
        arguments.append("--uvloop")
    before = server.usage().cpu
    limit = 2 * seconds + streams * STAGGER + _SPARE_TIME
    run = run_child("_client.py", *arguments, limit=limit)
    run["server_percent"] = 100 * (server.usage().cpu - before) / run["wall"]
    run["results_percent"] = 100 * run["results"] / (streams * int(seconds * _RESULTS_PER_SECOND))
    return dict(run)


def rows(streams: int, found: Mapping[str, Rounds]) -> Iterator[Sequence[str]]:
    """Give the lines of the table for a number of streams."""
    for name, rounds in found.items():
        if not rounds:
            continue
        ratio = median_ratio(_column(rounds, "cpu_ms_per_second"), _yardstick(found))
        yield (
            f"{streams} × {name}",
            shown(_middle(rounds, "cpu_ms_per_second")),
            shown(ratio, unit=" ×"),
            shown(_middle(rounds, "p50_ms")),
            shown(_middle(rounds, "p99_ms")),
            shown(_middle(rounds, "late"), 0),
            shown(_middle(rounds, "memory_kb_per_stream"), 0),
            shown(_middle(rounds, "results_percent"), 0),
            shown(_middle(rounds, "server_percent"), 0),
        )


def plot(path: Path, found: Mapping[int, Mapping[str, Rounds]]) -> None:
    """Draw what the alternatives cost, and how late their results are, by the number of streams."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (field, label) in zip(figure.subplots(1, 2), _CURVES.items(), strict=True):
        for name in dict.fromkeys(name for measured in found.values() for name in measured):
            points = [
                (streams, value)
                for streams, measured in sorted(found.items())
                if (value := _middle(measured.get(name, {}), field)) is not None
            ]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", label=name)
        axes.set(xscale="log", yscale="log", xlabel="streams at once", ylabel=label)
        axes.set_xticks(list(found), [str(streams) for streams in found], minor=False)
        axes.xaxis.minorticks_off()
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.grid(which="both", alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=100)


def _yardstick(found: Mapping[str, Rounds]) -> dict[int, float]:
    return _column(found.get(_YARDSTICK, {}), "cpu_ms_per_second")


def _column(rounds: Rounds, field: str) -> dict[int, float]:
    return {number: run[field] for number, run in rounds.items() if run[field] is not None}


def _middle(rounds: Rounds, field: str) -> float | None:
    values = _column(rounds, field).values()
    return median(values) if values else None


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--streams", type=int, nargs="+", default=[10, 100, 400])
    made.add_argument("--seconds", type=float, default=20.0, help="of audio, for each stream")
    made.add_argument("--alternatives", nargs="+", choices=_ALTERNATIVES, default=_ALTERNATIVES)
    made.add_argument("--server", choices=_SERVERS, default="load")
    made.add_argument("--uvloop", action="store_true", help="run the clients on uvloop")
    made.add_argument("--plot", type=Path, metavar="FILE.png", help="draw it; needs matplotlib")
    options = made.parse_args()
    if options.plot and not find_spec("matplotlib"):
        made.error("--plot needs matplotlib, which is in the dependency group `bench`")
    if options.smoke:
        options.streams, options.seconds, options.rounds = [2], 0.4, 1
    with running_server(_SERVERS[options.server]) as server:
        found = {
            streams: measure(server, options, options.alternatives, streams)
            for streams in options.streams
        }
    lines = [row for streams, measured in found.items() for row in rows(streams, measured)]
    if options.plot:
        plot(options.plot, found)
    report(options, found, lambda: print_table(_HEADS, lines))


if __name__ == "__main__":
    main()
