"""
How fast are many files transcribed, and what does that cost?

The bundled recordings are transcribed repeatedly, eight at a time: by `transcribe_many`, and
by `Recognition.call` of the vendor's SDK in a pool of eight threads. The load server, in a separate
process, answers with a partial result for each 0.8 s of audio, and a final one. All texts must be
equal. `vs.` is the median ratio to the SDK in the same round, with its range.
"""

import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from _bench import ChildError, parsed, parser, run_child, running_server, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_AUDIO = Path(__file__).parent.parent / "examples" / "audio"
_ALTERNATIVES = ("ours", "dashscope")
_BASELINE = "dashscope"
_HEADS = ("files", "files/s", "vs.", "CPU ms/file", "vs.", "server ms/file", "server %")
_LIMIT = 300.0


def main() -> None:
    made = parser(__doc__, rounds=3)
    made.add_argument("--files", type=int, default=400)
    made.add_argument("--concurrency", type=int, default=8)
    options = parsed(made)
    if options.smoke:
        options.files, options.rounds = 4, 1
    files = list(islice(cycle(sorted(_AUDIO.glob("*.wav"))), options.files))
    lengths: set[int] = set()

    def measure(name: str) -> dict[str, Any]:
        arguments = (name, server.url, *files, "--concurrency", options.concurrency)
        before = server.usage().cpu
        run = run_child("_batch_client.py", *arguments, limit=_LIMIT)
        used = server.usage().cpu - before
        lengths.add(run["characters"])
        if len(lengths) > 1:
            raise ChildError("its text differs")
        return {
            **run,
            "files_per_second": options.files / run["wall"],
            "cpu_ms_per_file": run["cpu"] * 1000 / options.files,
            "server_ms_per_file": used * 1000 / options.files,
            "server_percent": used * 100 / run["wall"],
        }

    with running_server("_load_server.py", "--end-sentences", "--word-ms", "800") as server:
        found = measure_in_turns(_ALTERNATIVES, options.rounds, measure)
    add_ratios(found, "speed_vs_dashscope", "files_per_second", _BASELINE)
    add_ratios(found, "cpu_vs_dashscope", "cpu_ms_per_file", _BASELINE)
    # Whichever alternative is reported, the wrong text may be ours.
    sys.exit(report_runs(options, found, _HEADS, _cells) or len(lengths) > 1)


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.median("files_per_second"), 1),
        shown_ratio(runs, "speed_vs_dashscope"),
        shown(runs.median("cpu_ms_per_file"), 1),
        shown_ratio(runs, "cpu_vs_dashscope"),
        shown(runs.median("server_ms_per_file"), 1),
        shown(runs.median("server_percent"), 0),
    )


if __name__ == "__main__":
    main()
