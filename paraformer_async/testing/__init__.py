"""
A scripted service that fails on request, for tests of programs that use this library.

    async with ScriptedServer(faults=[Drop(after_ms=2300)]) as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            results = [result async for result in recognizer.stream(marked(5000))]
    assert marks_of(results) == list(range(250))    # no word lost, none repeated

The pytest plugin provides the fixture `paraformer_server`. It imports this package in every run of
pytest, so the names below are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paraformer_async._core.clocks import Clocks
    from paraformer_async.testing.faults import (
        Drop,
        FailTask,
        Fault,
        HalfClose,
        Late,
        Malformed,
        NeverFinish,
        NeverStart,
        Refuse,
        SlowClose,
        Stall,
        Throttle,
        Unknown,
    )
    from paraformer_async.testing.marking import marked, marks, marks_of
    from paraformer_async.testing.records import Connections, ReceivedTask
    from paraformer_async.testing.scripts import Script, ScriptRun
    from paraformer_async.testing.server import ScriptedServer
    from paraformer_async.testing.transports import check_transport

__all__ = [
    "Clocks",
    "Connections",
    "Drop",
    "FailTask",
    "Fault",
    "HalfClose",
    "Late",
    "Malformed",
    "NeverFinish",
    "NeverStart",
    "ReceivedTask",
    "Refuse",
    "Script",
    "ScriptRun",
    "ScriptedServer",
    "SlowClose",
    "Stall",
    "Throttle",
    "Unknown",
    "check_transport",
    "marked",
    "marks",
    "marks_of",
]

# Modules of the names that are not in `faults`.
_HOMES = {
    "Clocks": "paraformer_async._core.clocks",
    "Connections": f"{__name__}.records",
    "ReceivedTask": f"{__name__}.records",
    "Script": f"{__name__}.scripts",
    "ScriptRun": f"{__name__}.scripts",
    "ScriptedServer": f"{__name__}.server",
    "check_transport": f"{__name__}.transports",
    "marked": f"{__name__}.marking",
    "marks": f"{__name__}.marking",
    "marks_of": f"{__name__}.marking",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, f"{__name__}.faults")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
