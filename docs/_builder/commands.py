"""The directive `commands`: what the command line prints with `--help`, of every command."""

import textwrap
from collections.abc import Iterator

import typer.main
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.testing import CliRunner

from paraformer_async.cli.app import app as command_line

NAME = "paraformer-async"
TERMINAL = {"COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"}


def setup(app: Sphinx) -> None:
    """Add the directive."""
    app.add_directive("commands", Commands)


class Commands(SphinxDirective):
    """`.. commands::`, without arguments or content."""

    def run(self) -> list[nodes.Node]:
        """Return a section for each command."""
        text = "\n".join(line for words in every() for line in described(words))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def every() -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, that without any first."""
    yield ()
    for name, command in getattr(typer.main.get_command(command_line), "commands", {}).items():
        yield (name,)
        yield from ((name, one) for one in getattr(command, "commands", {}))


def described(words: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of the section about a command."""
    shown = CliRunner().invoke(command_line, [*words, "--help"], prog_name=NAME, env=TERMINAL)
    assert shown.exit_code == 0, shown.output
    title = " ".join((NAME, *words))
    help_text = textwrap.indent(textwrap.dedent(shown.output.strip("\n")), "   ")
    yield from ("", title, "-" * len(title), "", ".. code-block:: text", "", help_text, "")
