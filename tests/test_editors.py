"""What editors and `help()` show: completions, signatures, and no internals."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import jedi
import pytest

import paraformer_async
from paraformer_async import AsyncRecognizer, RecognitionStream, probe, sync

ROOT = Path(__file__).parents[1]
HEAD = (
    "from paraformer_async import AsyncRecognizer\nfrom paraformer_async.sync import Recognizer\n"
)
ASYNC = f"{HEAD}async def main():\n    async with AsyncRecognizer() as recognizer:\n"
CALLABLES = [
    getattr(one, name)
    for one in (AsyncRecognizer, RecognitionStream, sync.Recognizer, sync.BlockingStream)
    for name in dir(one)
    if name[0] != "_" and callable(getattr(one, name))
]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (f"{ASYNC}        recognizer.", {"stream", "transcribe", "statistics", "aclose"}),
        (
            f"{ASYNC}        async with recognizer.stream() as stream:\n            stream.",
            {"send", "flush", "finish", "latency", "aclose"},
        ),
        (
            f"{ASYNC}        async for result in recognizer.stream(b''):\n            result.",
            {"text", "is_final", "sentence"},
        ),
        (f"{HEAD}with Recognizer() as recognizer:\n    recognizer.", {"stream", "transcribe"}),
    ],
    ids=["recognizer", "stream", "result", "blocking"],
)
def test_completions(program: str, expected: set[str]) -> None:
    """An editor completes what `async with` and `async for` return."""
    script = jedi.Script(program, path=ROOT / "a_program.py", project=jedi.Project(ROOT))
    assert expected <= {one.name for one in script.complete()}


@pytest.mark.parametrize("function", [*CALLABLES, probe], ids=lambda one: one.__qualname__)
def test_signatures_are_short(function: Any) -> None:
    """`help()` shows the names of types, not what they are; they are known at run time, too."""
    shown = str(inspect.signature(function))
    assert "paraformer_async." not in shown
    assert "collections." not in shown
    assert len(shown) < 500
    assert "return" in get_type_hints(function)


def test_defaults_are_short() -> None:
    """A policy in the signature of the recognizer shows only what differs from its defaults."""
    shown = str(inspect.signature(AsyncRecognizer))
    assert "'Reconnect | None' = Reconnect()" in shown
    assert "<function" not in shown


def test_no_internals_are_shown() -> None:
    """`dir()` shows the exports, and public modules, whatever was loaded."""
    program = (
        "import asyncio, paraformer_async\n"
        "async def main():\n"
        "    async with paraformer_async.AsyncRecognizer(api_key='any') as recognizer:\n"
        "        recognizer.stream(b'')\n"
        "asyncio.run(main())\n"
        "print(*dir(paraformer_async))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    names = {name for name in done.stdout.split() if not re.fullmatch("__.*__", name)}
    public = {"captions", "errors", "middleware", "observing", "quota"}
    assert names - {*paraformer_async.__all__} <= public
    assert set(paraformer_async.__all__) <= names
