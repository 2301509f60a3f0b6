"""The pytest plugin, in test runs of its own: as users write them."""

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

SYNC = """
import asyncio
import pytest
from paraformer_async import AsyncRecognizer
from paraformer_async.testing import Drop, FailTask, Refuse, marked, marks_of

async def recognize(url):
    async with AsyncRecognizer(endpoint=url, api_key="any") as recognizer:
        return [result async for result in recognizer.stream(marked(1500))]

def test_good_service(paraformer_server):
    results = asyncio.run(recognize(paraformer_server.url))
    assert marks_of(results) == list(range(75))
    assert paraformer_server.violations == []

@pytest.mark.paraformer_server(forever=Refuse(401))
def test_bad_key(paraformer_server):
    with pytest.raises(Exception, match="401"):
        asyncio.run(recognize(paraformer_server.url))
"""

ANYIO = """
import pytest
from paraformer_async import AsyncRecognizer, Sentence
from paraformer_async.testing import FailTask

pytestmark = pytest.mark.anyio

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.paraformer_server(
    script=[Sentence(end_time=100, text="Hello.")], faults=[FailTask("InvalidParameter", "no")]
)
async def test_service(paraformer_server):
    async with AsyncRecognizer(endpoint=paraformer_server.url, api_key="any") as recognizer:
        with pytest.raises(Exception, match="InvalidParameter"):
            [result async for result in recognizer.stream([bytes(6400)])]
        results = [result async for result in recognizer.stream([bytes(6400)])]
    assert results[-1].text == "Hello."
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> "Run":
    """Return a function that runs a test file of a user, with this plugin and anyio's."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Run(pytester)


class Run:
    """Runs test files in a process of their own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(self, source: str, *arguments: str) -> pytest.RunResult:
        """Run *source*; warnings are errors."""
        self.pytester.makepyfile(source)
        plugins = ("-p", "anyio", "-p", "paraformer_async.testing.pytest_plugin")
        return self.pytester.runpytest_subprocess(
            *plugins, "-W", "error", "--strict-markers", *arguments, timeout=30
        )


def test_plain_tests(run: Run) -> None:
    """A plain test gets a running server, and sets its options with a marker."""
    run(SYNC).assert_outcomes(passed=2)


def test_tests_of_anyio(run: Run) -> None:
    """A test that runs in a loop of anyio's plugin uses the same fixture."""
    run(ANYIO).assert_outcomes(passed=1)


def test_marker_is_documented(run: Run) -> None:
    """`pytest --markers` and `pytest --fixtures` list what there is."""
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.paraformer_server(*"])
    run("", "--fixtures").stdout.fnmatch_lines(["paraformer_server*"])


def test_plugin_is_light() -> None:
    """Loading the plugin imports nothing that takes time, for pytest does so in every run."""
    program = (
        "import pytest, sys; before = set(sys.modules)\n"
        "import paraformer_async.testing.pytest_plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30
    )

    assert run.stdout.split() == [
        "paraformer_async",
        "paraformer_async.testing",
        "paraformer_async.testing.pytest_plugin",
    ]


def test_names_of_the_package() -> None:
    """All public names are there, and no others."""
    import paraformer_async.testing as package

    assert all(getattr(package, name) is not None for name in package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="nothing"):
        package.nothing  # noqa: B018
