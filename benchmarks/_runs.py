"""What the comparing benchmarks share: alternatives in turns, those that fail, ratios, tables."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from statistics import median
from typing import Any

from _bench import ChildError, print_table, report, say, shown

# Those that are not ours, and their packages: one may be absent, or fail under load.
COMPETITORS = {
    "picows": "picows",
    "dashscope": "dashscope",
    "dashscope-realtime": "dashscope_realtime",
}


@dataclass
class Runs:
    """
    What was measured of an alternative.

    Attributes:
        rounds: {round: {figure: value}}.
        failed: Why there are no more rounds, if it failed.
        is_competitor: Whether it may fail.
    """

    rounds: dict[int, dict[str, Any]] = field(default_factory=dict)
    failed: str | None = None
    is_competitor: bool = False

    def column(self, figure: str) -> dict[int, float]:
        """Give a figure by round; nothing after a failure, as what is there is not the whole."""
        if self.failed:
            return {}
        return {at: run[figure] for at, run in self.rounds.items() if run[figure] is not None}

    def middle(self, figure: str) -> float | None:
        """Give the median of the rounds."""
        values = self.column(figure).values()
        return median(values) if values else None

    def most(self, figure: str) -> float | None:
        """Give the highest of the rounds: of what is bad, a median would hide the worst."""
        return max(self.column(figure).values(), default=None)


def in_turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Give (round, name): every name once a round, back and forth in alternation."""
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            yield number, name


def measure_in_turns(
    names: Sequence[str],
    rounds: int,
    run: Callable[[str], dict[str, Any]],
    *,
    label: str = "",
    competitors: Mapping[str, str] = COMPETITORS,
) -> dict[str, Runs]:
    """
    Measure each alternative once a round, and one that has failed no more.

    Args:
        names: The alternatives.
        rounds: How often each is measured.
        run: Measures one, or raises `ChildError`.
        label: Comes before the name in what is told.
        competitors: Packages by alternative; one that is not installed is left out.
    """
    found: dict[str, Runs] = {}
    for name in names:
        if name in competitors and not find_spec(competitors[name]):
            say(f"{label}{name}: skipped, it is not installed")
        else:
            found[name] = Runs(is_competitor=name in competitors)
    for number, name in in_turns(list(found), rounds):
        if found[name].failed:
            continue
        say(f"{label}{name}, round {number + 1} of {rounds}")
        try:
            found[name].rounds[number] = run(name)
        except ChildError as error:
            found[name].failed = str(error)
            say(f"{label}{name}: failed, {error}")
    return found


def add_ratios(found: Mapping[str, Runs], ratio: str, figure: str, yardstick: str) -> None:
    """Add to each run, as *ratio*, its figure divided by the yardstick's of the same round."""
    theirs = found[yardstick].column(figure) if yardstick in found else {}
    for runs in found.values():
        for number, run in runs.rounds.items():
            run[ratio] = run[figure] / theirs[number] if theirs.get(number) else None


def shown_ratio(runs: Runs, ratio: str) -> str:
    """Give the median of a ratio, and the lowest and the highest if they differ, as a cell."""
    values = set(runs.column(ratio).values())
    span = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return shown(runs.middle(ratio), unit=" ×") + span


def report_runs(
    options: argparse.Namespace,
    found: Mapping[str, Runs],
    heads: Sequence[str],
    cells: Callable[[Runs], Sequence[str]],
) -> bool:
    """
    Print what was measured; give whether something failed that must not, to exit with.

    Args:
        options: Of the command line.
        found: What was measured, by the names of the table's lines.
        heads: Of the table's columns.
        cells: Gives a line of the table, without its name.
    """
    failed = {name: runs for name, runs in found.items() if runs.failed}

    def table() -> None:
        print_table(heads, [(name, *cells(runs)) for name, runs in found.items()])
        for name, runs in failed.items():
            print(f"\n{name} failed: {runs.failed}")

    report(options, {name: asdict(runs) for name, runs in found.items()}, table)
    return any(options.smoke or not runs.is_competitor for runs in failed.values())
