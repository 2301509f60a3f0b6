"""
How fast are many files transcribed, and what does that cost?

The bundled recordings, again and again, eight at once: by `transcribe` under a task group, and by
`Recognition.call` of the vendor's SDK in a pool of eight threads. The server is the library's own
over its scripted engine, in a process of its own. All must say the same. `vs.` are the medians of
the ratios to the SDK of the same round, with the lowest and the highest.
"""

import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from _bench import ChildError, parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_AUDIO = Path(__file__).parent.parent / "examples" / "audio"
_ALTERNATIVES = ("ours", "dashscope")
_YARDSTICK = "dashscope"
_HEADS = ("files", "files/s", "vs.", "CPU ms/file", "vs.", "server ms/file", "server %")
_LIMIT = 300.0


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--files", type=int, default=400)
    made.add_argument("--at-once", type=int, default=8)
    options = parsed(made)
    if options.smoke:
        options.files, options.rounds = 4, 1
    files = list(islice(cycle(sorted(_AUDIO.glob("*.wav"))), options.files))
    said: set[int] = set()

    def measure(name: str) -> dict[str, Any]:
        arguments = (name, server.url, *files, "--at-once", options.at_once)
        before = server.usage().cpu
        run = run_child("_batch_client.py", *arguments, limit=_LIMIT)
        spent = server.usage().cpu - before
        said.add(run["characters"])
        if len(said) > 1:
            raise ChildError("it heard something else")
        return {
            **run,
            "files_per_second": options.files / run["wall"],
            "cpu_ms_per_file": run["cpu"] * 1000 / options.files,
            "server_ms_per_file": spent * 1000 / options.files,
            "server_percent": spent * 100 / run["wall"],
        }

    with running_server("_scripted_server.py") as server:
        found = measure_in_turns(_ALTERNATIVES, options.rounds, measure)
    add_ratios(found, "speed_vs_dashscope", "files_per_second", _YARDSTICK)
    add_ratios(found, "cpu_vs_dashscope", "cpu_ms_per_file", _YARDSTICK)
    # Whoever is named, it may be ours that heard wrong.
    sys.exit(report_runs(options, found, _HEADS, _cells) or len(said) > 1)


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.middle("files_per_second"), 1),
        shown_ratio(runs, "speed_vs_dashscope"),
        shown(runs.middle("cpu_ms_per_file"), 1),
        shown_ratio(runs, "cpu_vs_dashscope"),
        shown(runs.middle("server_ms_per_file"), 1),
        shown(runs.middle("server_percent"), 0),
    )


if __name__ == "__main__":
    main()
