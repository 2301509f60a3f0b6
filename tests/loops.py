"""
The event loops on which tests with real sockets run.

    from tests.loops import each_loop

    anyio_backend = each_loop  # for all tests in the file, or in a conftest.py for the folder

`TEST_LOOPS`, a variable of the environment, names others than the default, separated by spaces:
`TEST_LOOPS="uvloop uvloop-eager" python -m pytest tests/integration`.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

__all__ = ["Backend", "each_loop", "one_loop"]

Backend: TypeAlias = tuple[str, dict[str, Any]]

ALL = frozenset({"asyncio", "asyncio-eager", "uvloop", "uvloop-eager"})


def _chosen(default: str) -> list[str]:
    names = os.environ.get("TEST_LOOPS", default).split()
    if not names or not ALL.issuperset(names):
        raise pytest.UsageError(f"TEST_LOOPS={' '.join(names)}: choose from {sorted(ALL)}")
    return names


def _backend(name: str, *, debug: bool) -> Backend:
    """Return the backend of anyio for a loop; debug mode is asyncio's only."""
    loop, _, is_eager = name.partition("-")
    if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        pytest.skip("uvloop is not installed")
    options: dict[str, Any] = {"use_uvloop": True} if loop == "uvloop" else {"debug": debug}
    if is_eager:
        options["loop_factory"] = _eager(loop)
    return "asyncio", options


def _eager(loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return a maker of loops whose tasks begin to run when they are created."""
    if sys.version_info < (3, 12):
        pytest.skip("tasks are never eager before Python 3.12")
    make = asyncio.new_event_loop
    if loop == "uvloop":
        import uvloop

        make = uvloop.new_event_loop

    def factory() -> asyncio.AbstractEventLoop:
        made = make()
        made.set_task_factory(asyncio.eager_task_factory)
        return made

    return factory


@pytest.fixture(params=_chosen("asyncio uvloop"))
def each_loop(request: pytest.FixtureRequest) -> Backend:
    """Run on asyncio in debug mode, and on uvloop if it is installed."""
    return _backend(request.param, debug=True)


@pytest.fixture(params=_chosen("asyncio"))
def one_loop(request: pytest.FixtureRequest) -> Backend:
    """Run on asyncio only, without debug mode, for what takes long."""
    return _backend(request.param, debug=False)
