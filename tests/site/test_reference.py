"""The reference has every public name, and every public name is documented."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sphinx.util.inventory import InventoryFile

from tests.test_exports import PUBLIC_MODULES

MODULES = ["paraformer_async", *(f"paraformer_async.{name}" for name in PUBLIC_MODULES)]
NAMES = [(module, name) for module in MODULES for name in import_module(module).__all__]


@pytest.fixture(scope="session")
def entries(site: Path) -> frozenset[str]:
    """Return the full names of all objects in the reference."""
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="").data
    return frozenset(
        name for kind, found in inventory.items() if kind.startswith("py:") for name in found
    )


def resolved(name: str) -> object:
    """Return the object of a full name; `None` if there is none."""
    for dots in range(name.count("."), 0, -1):
        module, names = ".".join(name.split(".")[:dots]), name.split(".")[dots:]
        try:
            found: object = import_module(module)
        except ImportError:
            continue
        for one in names:
            found = getattr(found, one, None)
        return found
    return None


def members(owner: type) -> Iterator[str]:
    """Yield the public methods and properties that a class of this package defines."""
    for name, member in vars(owner).items():
        is_code = inspect.isroutine(member) or isinstance(member, property)
        if not name.startswith("_") and is_code:
            yield name


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_is_in_the_reference(module: str, name: str, entries: frozenset[str]) -> None:
    """The reference has an entry for the name, under this module or another public one."""
    public = getattr(import_module(module), name)
    assert f"{module}.{name}" in entries or any(
        entry.endswith(f".{name}") and resolved(entry) is public for entry in entries
    )


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_class_is_documented(module: str, name: str, entries: frozenset[str]) -> None:
    """A public class or function has a docstring, and so do its methods, each with an entry."""
    public = getattr(import_module(module), name)
    if inspect.isclass(public) or inspect.isroutine(public):
        assert inspect.getdoc(public)
    if inspect.isclass(public):
        for member in members(public):
            assert inspect.getdoc(getattr(public, member)), member
            assert any(entry.endswith(f".{name}.{member}") for entry in entries), member
