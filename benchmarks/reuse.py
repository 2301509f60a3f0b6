"""
What does reusing a connection save?

Consecutive short recognitions run over a link with added latency: a proxy on loopback, which also
counts connections. `first ms` is the time from the call until `task-started` without an existing
connection; `next ms` is the median of the following recognitions, and `of first` their ratio. A
connection takes one round trip for TCP and one for the handshake (and another for TLS); a task
takes one.
"""

import sys
from typing import Any

from _bench import ChildError, Server, parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_ALTERNATIVES = ("ours", "handwritten", "dashscope")
_HEADS = (
    "delay each way",
    "first ms",
    "next ms",
    "of first",
    "ms each",
    "vs.",
    "handshakes",
)
_LIMIT = 120.0
_DELAYED_SHARE = 5


def measure(server: Server, link: Server, label: str, rounds: int, count: int) -> dict[str, Runs]:
    """Return the measurements of each alternative over a link."""

    def run_one(name: str) -> dict[str, Any]:
        before = link.ask()
        arguments = (name, server.url, link.url, "--recognitions", count)
        run: dict[str, Any] = run_child("_reuse_client.py", *arguments, limit=_LIMIT)
        handshakes = link.ask() - before
        if name == "ours" and handshakes != 1:
            raise ChildError(f"{handshakes} handshakes")
        first, later = run["first_ms"], run["next_ms"]
        of_first = later / first if first and later else None
        return {**run, "of_first": of_first, "recognitions": count, "handshakes": handshakes}

    found = measure_in_turns(_ALTERNATIVES, rounds, run_one, label=label)
    add_ratios(found, "vs_handwritten", "each_ms", "handwritten")
    return found


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.median("first_ms")),
        shown(runs.median("next_ms")),
        shown(runs.median("of_first")),
        shown(runs.median("each_ms")),
        shown_ratio(runs, "vs_handwritten"),
        f"{shown(runs.worst('handshakes'), 0)} of {shown(runs.worst('recognitions'), 0)}",
    )


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--delay", type=float, nargs="+", default=[0.0, 50.0], help="ms each way")
    made.add_argument(
        "--recognitions",
        type=int,
        default=100,
        help="consecutive recognitions; a fifth of them with a delay",
    )
    options = parsed(made)
    if options.smoke:
        options.delay, options.recognitions, options.rounds = [0.0, 5.0], 10, 1
    lines: dict[str, Runs] = {}
    with running_server("_load_server.py") as server:
        for delay in options.delay:
            count = options.recognitions // _DELAYED_SHARE if delay else options.recognitions
            label = f"{delay:g} ms, "
            with running_server("_slow_link.py", server.url, "--delay", str(delay)) as link:
                found = measure(server, link, label, options.rounds, max(2, count))
            lines |= {f"{label}{name}": runs for name, runs in found.items()}
    sys.exit(report_runs(options, lines, _HEADS, _cells))


if __name__ == "__main__":
    main()
