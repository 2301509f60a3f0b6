"""
How fast are many files transcribed, and what does that cost?

The bundled recordings, again and again, eight at once: by `transcribe` under a task group, and by
`Recognition.call` of the vendor's SDK in a pool of eight threads. The server is the library's own
over its scripted engine, in a process of its own. All must say the same. `vs.` are the medians of
the ratios to the SDK of the same round.
"""

from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from _bench import (
    Absent,
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

_AUDIO = Path(__file__).parent.parent / "examples" / "audio"
_ALTERNATIVES = ("ours", "dashscope")
_YARDSTICK = "dashscope"
_HEADS = ("files", "files/s", "vs.", "CPU ms/file", "vs.", "server ms/file", "server %")
_LIMIT = 300.0

Rounds = dict[int, dict[str, Any]]


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--files", type=int, default=400)
    made.add_argument("--at-once", type=int, default=8)
    options = made.parse_args()
    if options.smoke:
        options.files, options.rounds = 4, 1
    files = list(islice(cycle(sorted(_AUDIO.glob("*.wav"))), options.files))
    found: dict[str, Rounds] = {name: {} for name in _ALTERNATIVES}
    absent: set[str] = set()
    said: set[int] = set()
    with running_server("_scripted_server.py") as server:
        for number, name in in_turns(_ALTERNATIVES, options.rounds):
            if name in absent:
                continue
            say(f"{name}, round {number + 1} of {options.rounds}")
            arguments = (name, server.url, *files, "--at-once", options.at_once)
            before = server.usage().cpu
            try:
                run = run_child("_batch_client.py", *arguments, limit=_LIMIT)
            except Absent as error:
                absent.add(name)
                say(f"{name}: skipped, {error}")
                continue
            said.add(run["characters"])
            assert len(said) == 1, f"{name} heard something else"
            spent = server.usage().cpu - before
            found[name][number] = {
                **run,
                "files_per_second": options.files / run["wall"],
                "cpu_ms_per_file": run["cpu"] * 1000 / options.files,
                "server_ms_per_file": spent * 1000 / options.files,
                "server_percent": spent * 100 / run["wall"],
            }
    report(options, found, lambda: print_table(_HEADS, _rows(found)))


def _rows(found: dict[str, Rounds]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            shown(_middle(rounds, "files_per_second"), 1),
            _ratio(found, name, "files_per_second"),
            shown(_middle(rounds, "cpu_ms_per_file"), 1),
            _ratio(found, name, "cpu_ms_per_file"),
            shown(_middle(rounds, "server_ms_per_file"), 1),
            shown(_middle(rounds, "server_percent"), 0),
        )
        for name, rounds in found.items()
        if rounds
    ]


def _ratio(found: dict[str, Rounds], name: str, field: str) -> str:
    theirs = _column(found[_YARDSTICK], field)
    return shown(median_ratio(_column(found[name], field), theirs), unit=" ×")


def _middle(rounds: Rounds, field: str) -> float:
    return median(_column(rounds, field).values())


def _column(rounds: Rounds, field: str) -> dict[int, float]:
    return {number: run[field] for number, run in rounds.items()}


if __name__ == "__main__":
    main()
