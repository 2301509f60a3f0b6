"""The facade and the vendor's SDK, against the same service: the same programs, the same log."""

import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

import paraformer_async.dashscope as facade
from paraformer_async.dashscope import error as facade_errors
from paraformer_async.testing import ScriptedServer
from tests.dashscope.scripts import FAULTS, SCRIPTS, World

vendor = pytest.importorskip("dashscope.audio.asr")
vendor_errors = pytest.importorskip("dashscope.common.error")
Outcome = dict[str, Any]

# The vendor's `__del__` fails if its `__init__` has, and its `call` leaves an empty file open.
_IGNORED = "ignore:Exception ignored .*{}:pytest.PytestUnraisableExceptionWarning"
pytestmark = [
    pytest.mark.filterwarnings(_IGNORED.format("Recognition.__del__")),
    pytest.mark.filterwarnings(_IGNORED.format("empty.wav")),
]


def run(name: str, asr: Any, errors: Any, folder: Path) -> Outcome:
    """Run a script with an SDK; return what it has noted, and what the service has received."""
    folder.mkdir(parents=True)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(ScriptedServer(faults=FAULTS[name])) as server,
    ):
        world = World(asr, errors, server, folder)
        SCRIPTS[name](world)
        tasks = [(one.model, one.parameters, one.resources, one.inputs) for one in server.received]
        return {
            "log": world.log,
            "tasks": sorted(tasks, key=repr),
            "audio": sorted(one.audio for one in server.received),
        }


@pytest.fixture(scope="module")
def of_the_vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Outcome]]]:
    """Run all scripts with the vendor's SDK, several at once: each takes half a second or more."""
    folder = tmp_path_factory.mktemp("vendor")
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as executor:
        warnings.simplefilter("ignore", DeprecationWarning)
        yield {
            name: executor.submit(run, name, vendor, vendor_errors, folder / name)
            for name in SCRIPTS
        }


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script(name: str, of_the_vendor: dict[str, Future[Outcome]], tmp_path: Path) -> None:
    """A program does the same with the facade as with the vendor's SDK."""
    ours = run(name, facade, facade_errors, tmp_path / name)
    assert ours == of_the_vendor[name].result(60)


def test_there_are_enough_scripts() -> None:
    """The comparison covers what users do: at least 40 programs."""
    assert len(SCRIPTS) >= 40
