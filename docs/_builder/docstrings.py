"""
Docstrings for autodoc: code that is indented, as in Markdown, becomes a block with its language.

Sections (`Args:`, `Raises:`) are left to napoleon.
"""

import ast
import textwrap
from ssl import SSLContext

from sphinx.application import Sphinx

from paraformer_async import AsyncRecognizer
from paraformer_async._net import contract

BEFORE_NAPOLEON = 400
SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:", "Yields:")

OPTIONS = (
    "    model: The model.",
    "    options: See :doc:`options </docs/reference/options>`.",
)


def setup(app: Sphinx) -> None:
    """Convert each docstring before napoleon does, and define what only type checkers import."""
    vars(contract)["SSLContext"] = SSLContext
    app.connect("autodoc-process-docstring", convert, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-signature", shorten)


def shorten(
    app: Sphinx, what: str, name: str, obj: object, options: object, given: str, returned: str
) -> tuple[str, str] | None:
    """Return a signature without the options, which have a page of their own."""
    if obj is AsyncRecognizer:
        return "(model='paraformer-realtime-v2', *, **options)", returned
    return None


def convert(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Mark the blocks of code in *lines*, in place."""
    if obj is AsyncRecognizer:
        first, last = lines.index("Args:"), lines.index("Raises:")
        lines[first:last] = ["Args:", *OPTIONS, ""]
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
        return "text"
    return "python"
