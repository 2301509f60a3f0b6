"""
How long does an import take?

Each is imported in fresh processes, in turns; the interpreter's own start is not counted, compiled
bytecode is there. `vs.` is the median of the ratios to aiohttp of the same round, with the lowest
and the highest.
"""

import sys
from typing import Any

from _bench import parsed, parser, run_python, shown
from _runs import Runs, add_ratios, measure_in_turns, report_runs, shown_ratio

_COMPETITORS = {
    "from dashscope.audio.asr import Recognition": "dashscope",
    "import dashscope_realtime.asr": "dashscope_realtime",
}
_YARDSTICK = "import aiohttp"
_IMPORTS = (
    "import paraformer_async",
    "from paraformer_async import AsyncRecognizer",
    _YARDSTICK,
    *_COMPETITORS,
)
_TIMED = """
import json, sys, time
begin = time.perf_counter()
{statement}
spent = time.perf_counter() - begin
print(json.dumps({{"ms": spent * 1000, "modules": len(sys.modules)}}))
"""
_LIMIT = 60.0
_HEADS = ("statement", "ms", "vs.", "modules")


def main() -> None:
    options = parsed(parser(__doc__))
    if options.smoke:
        options.rounds = 1
    _measure(1, "to compile: ")
    found = _measure(options.rounds)
    add_ratios(found, "vs_aiohttp", "ms", _YARDSTICK)
    sys.exit(report_runs(options, found, _HEADS, _cells))


def _measure(rounds: int, label: str = "") -> dict[str, Runs]:
    return measure_in_turns(_IMPORTS, rounds, _import, label=label, competitors=_COMPETITORS)


def _import(statement: str) -> dict[str, Any]:
    # -P: what is installed, as with the other benchmarks, and not what the working folder holds.
    return dict(run_python("-P", "-c", _TIMED.format(statement=statement), limit=_LIMIT))


def _cells(runs: Runs) -> tuple[str, ...]:
    return (
        shown(runs.middle("ms"), 1),
        shown_ratio(runs, "vs_aiohttp"),
        shown(runs.middle("modules"), 0),
    )


if __name__ == "__main__":
    main()
