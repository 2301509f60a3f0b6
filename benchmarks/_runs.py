"""Helpers for comparisons: alternating runs, failures, ratios, tables."""

import argparse
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import Any

from _bench import ChildError, print_progress, print_table, report, shown

# Alternatives by others, and their packages: one may be missing, or fail under load.
COMPETITORS = {
    "picows": "picows",
    "dashscope": "dashscope",
    "dashscope-realtime": "dashscope_realtime",
}


@dataclass
class Runs:
    """
    The measurements of one alternative.

    Attributes:
        rounds: {round: {figure: value}}.
        failed: The reason, if the alternative failed; there are no further rounds then.
        is_competitor: Whether it is by others, and may fail.
    """

    rounds: dict[int, dict[str, Any]] = field(default_factory=dict)
    failed: str | None = None
    is_competitor: bool = False

    def column(self, figure: str) -> dict[int, float]:
        """Return a figure by round; nothing after a failure, since the rounds are incomplete."""
        if self.failed:
            return {}
        return {at: run[figure] for at, run in self.rounds.items() if run[figure] is not None}

    def median(self, figure: str) -> float | None:
        """Return the median of the rounds."""
        values = self.column(figure).values()
        return statistics.median(values) if values else None

    def worst(self, figure: str) -> float | None:
        """Return the maximum of the rounds: a median would hide the worst."""
        return max(self.column(figure).values(), default=None)


def in_turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Yield (round, name): every name once per round, in alternating order."""
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
    Measure each alternative once per round, until it fails; a competitor, until it fails twice.

    Args:
        names: The alternatives.
        rounds: Number of measurements of each.
        run: Measures one, or raises `ChildError`.
        label: Prefix of the name in progress messages.
        competitors: Packages by alternative; alternatives that are not installed are skipped.
    """
    found: dict[str, Runs] = {}
    for name in names:
        if name in competitors and not find_spec(competitors[name]):
            print_progress(f"{label}{name}: skipped, not installed")
        else:
            found[name] = Runs(is_competitor=name in competitors)
    for number, name in in_turns(list(found), rounds):
        if found[name].failed:
            continue
        print_progress(f"{label}{name}, round {number + 1} of {rounds}")
        for is_last in (False, True) if found[name].is_competitor else (True,):
            try:
                found[name].rounds[number] = run(name)
                break
            except ChildError as error:
                print_progress(f"{label}{name}: failed, {error}")
                found[name].failed = str(error) if is_last else None
    return found


def add_ratios(found: Mapping[str, Runs], ratio: str, figure: str, baseline: str) -> None:
    """Add to each run, as *ratio*, its figure divided by that of *baseline* in the same round."""
    theirs = found[baseline].column(figure) if baseline in found else {}
    for runs in found.values():
        for number, run in runs.rounds.items():
            run[ratio] = run[figure] / theirs[number] if theirs.get(number) else None


def shown_ratio(runs: Runs, ratio: str) -> str:
    """Format the median of a ratio, with its range if there is one, as a table cell."""
    values = set(runs.column(ratio).values())
    span = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return shown(runs.median(ratio), unit=" ×") + span


def report_runs(
    options: argparse.Namespace,
    found: Mapping[str, Runs],
    heads: Sequence[str],
    cells: Callable[[Runs], Sequence[str]],
) -> bool:
    """
    Print the measurements; return whether anything failed that must not fail.

    Args:
        options: Options of the command line.
        found: Measurements by row name.
        heads: Column headings.
        cells: Returns the cells of a row, without its name.
    """
    failed = {name: runs for name, runs in found.items() if runs.failed}

    def table() -> None:
        print_table(heads, [(name, *cells(runs)) for name, runs in found.items()])
        for name, runs in failed.items():
            print(f"\n{name} failed: {runs.failed}")

    report(options, {name: asdict(runs) for name, runs in found.items()}, table)
    return any(options.smoke or not runs.is_competitor for runs in failed.values())
