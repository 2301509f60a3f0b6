"""The public API: what `paraformer_async` exports, and how little it loads."""

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import paraformer_async
from paraformer_async import transports
from paraformer_async._net import contract

ROOT = Path(__file__).parent.parent
PUBLIC_MODULES = (
    "account",
    "captions",
    "dashscope",
    "dashscope.error",
    "errors",
    "integrations.otel",
    "integrations.ray",
    "middleware",
    "observing",
    "quota",
    "server",
    "sync",
    "testing",
    "transports",
)
HEAVY = ("aiohttp", "numpy", "soundfile")
# Names in the package that are not exports: its modules, once they are loaded.
MODULES = {path.stem for path in Path(paraformer_async.__file__).parent.iterdir()}


def loaded_by(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has loaded after *statement*."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_all_is_what_is_public() -> None:
    """`__all__` is sorted and contains exactly the public names."""
    # Names like "@pytest_ar" come from pytest, which rewrites the assertions of plugins.
    names = filter(str.isidentifier, dir(paraformer_async))
    public = {name for name in names if not name.startswith("_")}
    assert set(paraformer_async.__all__) == public - MODULES
    assert sorted(set(paraformer_async.__all__)) == paraformer_async.__all__


def test_checkers_see_the_same_names() -> None:
    """Type checkers see the names in `__all__`, imported from the same modules."""
    tree = ast.parse(Path(paraformer_async.__file__).read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        seen |= {name.asname or name.name: node.module for name in node.names}
    assert paraformer_async.__all__ == sorted(seen)
    for name, home in seen.items():
        assert getattr(import_module(str(home)), name) is getattr(paraformer_async, name)


@pytest.mark.parametrize("name", paraformer_async.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    """Each exported name exists, is exported by its own module, too, and is documented."""
    exported = getattr(paraformer_async, name)
    assert name == exported.__name__
    assert name in import_module(exported.__module__).__all__
    assert exported.__doc__


@pytest.mark.parametrize(
    "statement",
    [
        "import paraformer_async",
        "from paraformer_async import AsyncRecognizer",
        "from paraformer_async import *",
        "import paraformer_async.account",
        "import paraformer_async.captions",
        "import paraformer_async.integrations.otel",
        "import paraformer_async.integrations.ray",
        "import paraformer_async.middleware",
        "import paraformer_async.observing",
        "import paraformer_async.quota",
        "import paraformer_async.transports",
        "from paraformer_async import AsyncRecognizer; AsyncRecognizer(api_key='k')",
    ],
)
def test_the_package_is_light(statement: str) -> None:
    """Neither importing the package nor creating a recognizer loads heavy dependencies."""
    loaded = loaded_by(statement)
    assert "paraformer_async" in loaded
    assert set() == loaded.intersection(HEAVY)


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_public_modules(module: str) -> None:
    """A public module is documented, and its sorted `__all__` contains exactly its public names."""
    found = import_module(f"paraformer_async.{module}")
    assert found.__doc__
    assert sorted(set(found.__all__)) == found.__all__
    assert all(hasattr(found, name) for name in found.__all__)


def test_a_transport_needs_public_names_only() -> None:
    """Every type in the signatures of the contract can be imported from public modules."""
    assert contract.__all__ == [name for name in transports.__all__ if name != "TransportOption"]


def test_the_package_loads_its_modules_lazily() -> None:
    """`import paraformer_async` loads none of its modules before a name is used."""
    loaded = loaded_by("import paraformer_async")
    assert {"paraformer_async"} == {name for name in loaded if name.startswith("paraformer_async")}


def test_dir_and_help() -> None:
    """`dir()` shows the public names only, and the methods of a recognizer are documented."""
    program = "import paraformer_async\nprint(*dir(paraformer_async))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    shown = {name for name in done.stdout.split() if not name.startswith("_")}
    assert set(paraformer_async.__all__) == shown
    recognizer = paraformer_async.AsyncRecognizer
    methods = {name for name in dir(recognizer) if not name.startswith("_")}
    assert {"open", "aclose", "stream", "transcribe"} < methods
    assert all(getattr(recognizer, name).__doc__ for name in methods)


def test_unknown_names() -> None:
    """An unknown name raises AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="module 'paraformer_async' has no attribute 'Nope'"):
        _ = paraformer_async.Nope
    assert not hasattr(paraformer_async, "_nope")


def test_version() -> None:
    """`__version__` is the version of the installed package, set in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == version("paraformer-async") == paraformer_async.__version__
