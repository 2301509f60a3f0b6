"""
What does a connection that is used again save?

Short recognitions come one after another, over a link that takes its time: a proxy on loopback,
which also counts the connections. `first ms` is the time from the call until `task-started` with no
connection there; `next ms` is the median of the recognitions after that, `of first` its share.
A connection costs a round trip for TCP and one for the handshake (with TLS, another), a task one.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from _bench import (
    Absent,
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

_ALTERNATIVES = ("ours", "handwritten", "dashscope")
_YARDSTICK = "handwritten"
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

Rounds = dict[int, dict[str, Any]]


def measure(
    server: Server, link: Server, label: str, options: argparse.Namespace, count: int
) -> Any:
    """Give {alternative: {round: measurement}} for a link."""
    found: dict[str, Rounds] = {name: {} for name in _ALTERNATIVES}
    absent: set[str] = set()
    for number, name in in_turns(_ALTERNATIVES, options.rounds):
        if name in absent:
            continue
        say(f"{label}, {name}, round {number + 1} of {options.rounds}")
        before = link.ask()
        arguments = (name, server.url, link.url, "--recognitions", count)
        try:
            run = run_child("_reuse_client.py", *arguments, limit=_LIMIT)
        except Absent as error:
            absent.add(name)
            say(f"{name}: skipped, {error}")
            continue
        run["recognitions"], run["handshakes"] = count, link.ask() - before
        if name == "ours":
            assert run["handshakes"] == 1, f"{run['handshakes']} handshakes"
        found[name][number] = run
    return found


def rows(label: str, found: Mapping[str, Rounds]) -> Iterator[Sequence[str]]:
    """Give the lines of the table for a link."""
    for name, rounds in found.items():
        if not rounds:
            continue
        each = _column(rounds, "each_ms")
        share = median_ratio(_column(rounds, "next_ms"), _column(rounds, "first_ms"))
        last = next(reversed(rounds.values()))
        yield (
            f"{label}, {name}",
            _middle(rounds, "first_ms"),
            _middle(rounds, "next_ms"),
            shown(share),
            _middle(rounds, "each_ms"),
            shown(median_ratio(each, _column(found[_YARDSTICK], "each_ms")), unit=" ×"),
            f"{last['handshakes']} of {last['recognitions']}",
        )


def _column(rounds: Rounds, field: str) -> dict[int, float]:
    return {number: run[field] for number, run in rounds.items() if run[field] is not None}


def _middle(rounds: Rounds, field: str) -> str:
    values = _column(rounds, field).values()
    return shown(median(values) if values else None)


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--delay", type=float, nargs="+", default=[0.0, 50.0], help="ms each way")
    made.add_argument(
        "--recognitions", type=int, default=100, help="one after another; a fifth with a delay"
    )
    options = made.parse_args()
    if options.smoke:
        options.delay, options.recognitions, options.rounds = [0.0, 5.0], 10, 1
    found: dict[str, dict[str, Rounds]] = {}
    with running_server("_load_server.py") as server:
        for delay in options.delay:
            count = options.recognitions // _DELAYED_SHARE if delay else options.recognitions
            label = f"{delay:g} ms"
            with running_server("_slow_link.py", server.url, "--delay", str(delay)) as link:
                found[label] = measure(server, link, label, options, max(2, count))
    lines = [row for label, measured in found.items() for row in rows(label, measured)]
    report(options, found, lambda: print_table(_HEADS, lines))


if __name__ == "__main__":
    main()
