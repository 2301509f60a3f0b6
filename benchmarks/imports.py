"""
How long does an import take?

Each statement runs in new processes, in turns, with compiled bytecode available; the interpreter's
startup is not counted. `vs.` is the median ratio to aiohttp in the same round, with its range.
"""

import sys
from typing import Any

from _bench import parsed, parser, run_python, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_COMPETITORS = {
    "from dashscope.audio.asr import Recognition": "dashscope",
    "import dashscope_realtime.asr": "dashscope_realtime",
}
_BASELINE = "import aiohttp"
_IMPORTS = (
    "import paraformer_async",
    "from paraformer_async import AsyncRecognizer",
    _BASELINE,
    *_COMPETITORS,
)
_TIMED = """
import json, sys, time
start = time.perf_counter()
{statement}
elapsed = time.perf_counter() - start
print(json.dumps({{"ms": elapsed * 1000, "modules": len(sys.modules)}}))
"""
_LIMIT = 60.0
_HEADS = ("statement", "ms", "vs.", "modules")


def main() -> None:
    options = parsed(parser(__doc__))
    if options.smoke:
        options.rounds = 1
    _measure(1, "to compile: ")
    found = _measure(options.rounds)
    add_ratios(found, "vs_aiohttp", "ms", _BASELINE)
    sys.exit(report_runs(options, found, _HEADS, _cells))


def _measure(rounds: int, label: str = "") -> dict[str, Runs]:
    return measure_in_turns(_IMPORTS, rounds, _import, label=label, competitors=_COMPETITORS)


def _import(statement: str) -> dict[str, Any]:
    # -P: import what is installed, as in the other benchmarks, not from the working directory.
    return dict(run_python("-P", "-c", _TIMED.format(statement=statement), limit=_LIMIT))


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.median("ms"), 1),
        shown_ratio(runs, "vs_aiohttp"),
        shown(runs.median("modules"), 0),
    )


if __name__ == "__main__":
    main()
