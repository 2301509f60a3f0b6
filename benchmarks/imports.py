"""
How long does an import take?

Each is imported in fresh processes, in turns; the interpreter's own start is not counted, compiled
bytecode is there. `vs.` is the median of the ratios to aiohttp of the same round.
"""

import json
import subprocess
import sys
from statistics import median

from _bench import in_turns, median_ratio, parser, print_table, report, say, shown

_IMPORTS = (
    "import paraformer_async",
    "from paraformer_async import AsyncRecognizer",
    "import aiohttp",
    "from dashscope.audio.asr import Recognition",
    "import dashscope_realtime.asr",
)
_YARDSTICK = "import aiohttp"
_TIMED = """
import json, sys, time
begin = time.perf_counter()
{statement}
spent = time.perf_counter() - begin
print(json.dumps([spent * 1000, len(sys.modules)]))
"""
_LIMIT = 60.0
_HEADS = ("statement", "ms", "vs.", "modules")


def main() -> None:
    options = parser(__doc__).parse_args()
    rounds = 1 if options.smoke else options.rounds
    known = [statement for statement in _IMPORTS if _is_installed(statement)]
    spent: dict[str, dict[int, float]] = {statement: {} for statement in known}
    modules: dict[str, int] = {}
    for number, statement in in_turns(known, rounds):
        spent[statement][number], modules[statement] = _import(statement)
    rows = [
        (
            statement,
            shown(median(times.values()), 1),
            shown(median_ratio(times, spent[_YARDSTICK]), unit=" ×"),
            str(modules[statement]),
        )
        for statement, times in spent.items()
    ]
    report(options, spent, lambda: print_table(_HEADS, rows))


def _is_installed(statement: str) -> bool:
    """Import once, so that the bytecode is compiled; tell of what is not there."""
    try:
        _import(statement)
    except subprocess.CalledProcessError as error:
        if "ModuleNotFoundError" not in error.stderr:
            raise
        say(f"{statement}: skipped, {error.stderr.splitlines()[-1]}")
        return False
    return True


def _import(statement: str) -> tuple[float, int]:
    command = [sys.executable, "-c", _TIMED.format(statement=statement)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=True)
    spent, modules = json.loads(done.stdout)
    return spent, modules


if __name__ == "__main__":
    main()
