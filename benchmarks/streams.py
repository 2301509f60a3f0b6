"""
What does a real-time stream cost?

N streams send frames of 100 ms, paced like a microphone, and receive five results per second. Each
alternative runs in a new process against one server on loopback, in turns, over several rounds.
`vs.` is the median ratio to the hand-written loop in the same round, with its range; `vs. ours` is
the median ratio to ours. `late` is the number of results returned more than a second after their
frame was due, and `missing` the number not returned, both in the worst round.
"""

import argparse
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _bench import FRAME_MS, STAGGER, Server, parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_ALTERNATIVES = ("ours", "handwritten", "picows", "dashscope", "dashscope-realtime", "nothing")
_TRANSPORTS = ("ours-documented", "ours-picows", "ours-fast")  # measured only if asked for
_FRAMES_OF_RESULT = 2
_FRAMES_OF_SENTENCE = 20
_SERVERS = {"load": "_load_server.py", "scripted": "_scripted_server.py"}
_OF_START = 1.5  # minimum length of the audio, as a multiple of the time to start all streams
_SPARE_TIME = 30.0  # seconds beyond twice the audio, for a client that cannot keep up
_HEADS = (
    "N streams",
    "CPU ms/s",
    "vs.",
    "vs. ours",
    "p50 ms",
    "p99 ms",
    "late",
    "KB/stream",
    "missing",
    "server %",
)
# What to plot, and the label of its axis.
_CURVES = {"cpu_ms_per_second": "CPU ms per second of audio", "p50_ms": "p50 of a result, ms"}


def measure(server: Server, options: argparse.Namespace, streams: int) -> dict[str, Runs]:
    """Return the measurements of each alternative with a number of streams."""
    found = measure_in_turns(
        options.alternatives,
        options.rounds,
        lambda name: _run(server, name, streams, options),
        label=f"{streams} × ",
    )
    add_ratios(found, "vs_handwritten", "cpu_ms_per_second", "handwritten")
    add_ratios(found, "vs_ours", "cpu_ms_per_second", "ours")
    return found


def _run(server: Server, name: str, streams: int, options: argparse.Namespace) -> dict[str, Any]:
    seconds = options.seconds[streams]
    arguments = [name, server.url, "--streams", streams, "--seconds", seconds]
    if options.uvloop:
        arguments.append("--uvloop")
    if options.gc:
        arguments += ["--gc", options.gc]
    before = server.usage().cpu
    limit = 2 * seconds + streams * STAGGER + _SPARE_TIME
    run = run_child("_client.py", *arguments, limit=limit)
    run["server_percent"] = 100 * (server.usage().cpu - before) / run["wall"]
    run["expected"] = streams * _results(options.server, int(seconds * 1000 / FRAME_MS))
    run["missing"] = run["expected"] - run["results"]
    return dict(run)


def _results(server: str, frames: int) -> int:
    """Return the number of results that a server sends for a stream."""
    # At the end, the scripted engine returns what it has of an unfinished sentence.
    at_end = server == "scripted" and frames % _FRAMES_OF_SENTENCE > 0
    return frames // _FRAMES_OF_RESULT + at_end


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.median("cpu_ms_per_second")),
        shown_ratio(runs, "vs_handwritten"),
        shown(runs.median("vs_ours"), unit=" ×"),
        shown(runs.median("p50_ms")),
        shown(runs.median("p99_ms")),
        shown(runs.worst("late"), 0),
        shown(runs.median("memory_kb_per_stream"), 0),
        shown(runs.worst("missing"), 0),
        shown(runs.median("server_percent"), 0),
    )


def plot(path: Path, found: Mapping[int, Mapping[str, Runs]]) -> None:
    """Plot the cost and the latency of the alternatives by the number of streams."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (field, label) in zip(figure.subplots(1, 2), _CURVES.items(), strict=True):
        for name in dict.fromkeys(name for measured in found.values() for name in measured):
            points = [
                (streams, value)
                for streams, measured in sorted(found.items())
                if name in measured and (value := measured[name].median(field)) is not None
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


def _plot_path(text: str) -> Path:
    """Validate the path of the plot before measuring."""
    path = Path(text)
    if path.suffix != ".png" or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a .png file in an existing folder")
    if not find_spec("matplotlib"):
        raise argparse.ArgumentTypeError(
            "plotting needs matplotlib, from the dependency group `bench`"
        )
    return path


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--streams", type=int, nargs="+", default=[10, 100, 400])
    made.add_argument("--seconds", type=float, default=20.0, help="of audio, for each stream")
    made.add_argument(
        "--alternatives", nargs="+", choices=(*_ALTERNATIVES, *_TRANSPORTS), default=_ALTERNATIVES
    )
    made.add_argument("--server", choices=_SERVERS, default="load")
    made.add_argument("--uvloop", action="store_true", help="run the clients on uvloop")
    made.add_argument("--gc", type=int, metavar="N", help="allocations that start a collection")
    made.add_argument("--plot", type=_plot_path, metavar="FILE.png", help="plot the results")
    options = parsed(made)
    if options.smoke:
        options.streams, options.seconds, options.rounds = [2], 0.4, 1
    # All streams must overlap for a while, even if it takes long to start them.
    options.seconds = {
        streams: max(options.seconds, streams * STAGGER * _OF_START) for streams in options.streams
    }
    with running_server(_SERVERS[options.server]) as server:
        found = {streams: measure(server, options, streams) for streams in options.streams}
    lines = {
        f"{streams} × {name}": runs
        for streams, measured in found.items()
        for name, runs in measured.items()
    }
    has_failed = report_runs(options, lines, _HEADS, _cells)
    if options.plot:
        plot(options.plot, found)
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
