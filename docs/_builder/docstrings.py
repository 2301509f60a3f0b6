"""
Docstrings for autodoc: code that is indented, as in Markdown, becomes a block with its language.

Sections (`Args:`, `Raises:`) are left to napoleon.
"""

import ast
import re
import textwrap
from inspect import formatannotation
from types import UnionType
from typing import get_args

from sphinx.application import Sphinx

from _builder.signatures import MODULES, python
from paraformer_async import AsyncRecognizer

BEFORE_NAPOLEON, AFTER_NAPOLEON = 400, 600
SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:", "Yields:")

OURS = re.compile(r"\bparaformer_async\.[a-z_.]+")
EMPTY = ".."  # a comment
OPTIONS = (
    "    model: The model.",
    "    options: See :doc:`options </docs/reference/options>`.",
)


def setup(app: Sphinx) -> None:
    """Convert each docstring before napoleon does, and what that makes of it."""
    app.connect("autodoc-process-docstring", convert, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", place_types, priority=AFTER_NAPOLEON)


def convert(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Mark the blocks of code in *lines*, in place."""
    if obj is AsyncRecognizer:
        first, last = lines.index("Args:"), lines.index("Raises:")
        lines[first:last] = ["Args:", *OPTIONS, ""]
    if what == "data" and obj.__doc__ == type(obj).__doc__:
        lines.clear()
    if what == "data":
        lines[:0] = alternatives(obj)
    if what in ("attribute", "data", "property"):
        lines[:0] = [EMPTY, ""]  # napoleon takes what precedes a colon in the first line for a type
    converted: list[str] = []
    block: list[str] = []
    is_section = False
    for line in [*lines, "."]:
        is_indented = line.startswith("    ")
        if not is_section and (block or (is_indented and converted and not converted[-1])):
            if is_indented or not line.strip():
                block.append(line)
                continue
            converted += code(block)
            block = []
        if line.strip() and not is_indented:
            is_section = line in SECTIONS
        converted.append(line)
    lines[:] = converted[:-1]


def alternatives(alias: object) -> list[str]:
    """Return what may stand for an alias of several types."""
    if not isinstance(alias, UnionType):
        return []
    names = [
        one.__name__ if isinstance(one, type) else OURS.sub("", python(formatannotation(one)))
        for one in get_args(alias)
    ]
    return [", ".join(f"`{name}`" for name in names[:-1]) + f" or `{names[-1]}`.", ""]


def place_types(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Move the type of each attribute, which napoleon has as a field, into its signature."""
    placed: list[str] = []
    after = 0  # the line that begins the latest attribute
    for line in lines:
        if line.startswith("   :type: "):
            placed.insert(after, MODULES.sub("", line))
        else:
            placed.append(line)
        if line.startswith(".. attribute:: "):
            after = len(placed)
    lines[:] = placed


def code(block: list[str]) -> list[str]:
    """Return the directive for a block of code."""
    text = textwrap.dedent("\n".join(block)).strip("\n")
    indented = textwrap.indent(text, "    ").split("\n")
    return [f".. code-block:: {language(text)}", "", *indented, ""]


def language(text: str) -> str:
    """Return the language in which a block of code is highlighted."""
    try:
        compile(text, "docstring", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return "none"
    return "python"
