"""
For tests of services that use this library: a scripted service that fails on request.

    async with ScriptedServer(faults=[Drop(after_ms=2300)]) as server:
        async with AsyncRecognizer(endpoint=server.url, api_key="any") as recognizer:
            results = [result async for result in recognizer.stream(marked(5000))]
    assert marks_of(results) == list(range(250))    # no word lost, none twice

The pytest plugin brings the fixture `paraformer_server`. It imports this package in every run of
pytest, so the names below are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from paraformer_async.testing.scripts import Script, Speaker
    from paraformer_async.testing.server import ScriptedServer
    from paraformer_async.testing.transports import check_transport

__all__ = [
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
    "ScriptedServer",
    "SlowClose",
    "Speaker",
    "Stall",
    "Throttle",
    "Unknown",
    "check_transport",
    "marked",
    "marks",
    "marks_of",
]

_HOMES = {
    "Connections": "records",
    "ReceivedTask": "records",
    "Script": "scripts",
    "ScriptedServer": "server",
    "Speaker": "scripts",
    "check_transport": "transports",
    "marked": "marking",
    "marks": "marking",
    "marks_of": "marking",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'faults')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
