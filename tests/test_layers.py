"""
Rules that import-linter cannot express.

Sans-I/O rooms never wait and ignore no types; no file is in an import cycle, imports for type
checkers and imports on first use included; no two classes or type aliases share a name.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
ROOT = CHECKOUT / "paraformer_async"
FILES = [path for room in ("_core", "middleware") for path in sorted((ROOT / room).rglob("*.py"))]
FORBIDDEN = frozenset(
    {"aiohttp", "anyio", "asyncio", "numpy", "socket", "soundfile", "threading", "time"}
)
WAITS = (ast.AsyncFor, ast.AsyncFunctionDef, ast.AsyncWith, ast.Await)


def imported(source: str) -> set[str]:
    """Return the top-level names of all imports in *source*, including nested ones."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").partition(".")[0])
    return names


def waits(source: str) -> list[int]:
    """Return the lines of *source* with `await` or an async statement."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, WAITS)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sans_io_file_imports_no_io(path: Path) -> None:
    """No file in the core or in middleware imports a clock, socket, event loop or thread."""
    found = imported(path.read_text(encoding="utf-8")) & FORBIDDEN

    assert not found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sans_io_file_never_waits(path: Path) -> None:
    """No file in the core or in middleware contains asynchronous code."""
    assert not waits(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sans_io_file_ignores_no_type(path: Path) -> None:
    """No file in the core or in middleware silences the type checker."""
    assert "type: ignore" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import asyncio.events",
        "from socket import socket",
        "def late() -> None:\n    from anyio import sleep",
    ],
)
def test_every_form_of_import_is_found(source: str) -> None:
    """The check finds imports in every form, even inside a function."""
    assert imported(source) & FORBIDDEN


def test_relative_imports_are_not_mistaken() -> None:
    """A module of our own named `time` is not mistaken for the clock."""
    assert not imported("from .time import stamp")


def test_waiting_is_found() -> None:
    """The check finds a coroutine and its `await`."""
    assert waits("async def wait() -> None:\n    await other()") == [1, 2]


def modules() -> dict[str, Path]:
    """Return all modules of the package by their names."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the *known* modules that a file imports, for type checkers and on first use too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name in known and known[name] != path}


def test_no_file_is_in_an_import_cycle() -> None:
    """Every file can be read after those that it imports; a cycle fails with its files."""
    known = modules()
    graph = {name: imports_of(path, known) for name, path in known.items()}
    assert known.keys() == set(TopologicalSorter(graph).static_order())


def names_of_types(source: str) -> Iterator[str]:
    """Return the names of all classes and type aliases in *source*, private and nested ones too."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
    for node in tree.body:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        for target in targets:
            if isinstance(target, ast.Name) and not target.id.isupper():
                yield from [target.id] if target.id.lstrip("_")[:1].isupper() else []


def test_every_form_of_type_is_found() -> None:
    """The check finds classes, nested ones too, and aliases in both forms; constants it ignores."""
    source = (
        "class Aa:\n class _Bb: ...\nCc = int | str\n_Dd: TypeAlias = int\nE_F = 1\n_g: int = 2"
    )
    assert ["Aa", "_Bb", "Cc", "_Dd"] == list(names_of_types(source))


def test_every_type_has_a_name_of_its_own() -> None:
    """
    No two classes or type aliases of the package share a name, whichever modules they are in.

    The drop-in is exempt: its names are the vendor's.
    """
    homes: dict[str, list[str]] = {}
    for module, path in modules().items():
        if module.startswith("paraformer_async.dashscope"):
            continue
        for name in names_of_types(path.read_text(encoding="utf-8")):
            homes.setdefault(name, []).append(module)
    assert {} == {name: places for name, places in homes.items() if len(places) > 1}


def test_the_rooms_are_listed_for_contributors() -> None:
    """CONTRIBUTING.md lists each room of the contract, in its order."""
    page = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.partition("## The layers\n")[2].partition("\n## ")[0]
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        one for one in project["tool"]["importlinter"]["contracts"] if one["id"] == "rooms"
    )
    rooms = [room for layer in contract["layers"] for room in layer.split(" | ")]
    assert rooms == re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
