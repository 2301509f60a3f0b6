"""Pages for programs, below the page about their folder."""

from pathlib import Path
from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.parsers import Parser


class Program(Parser):
    """Read a Python file as a page."""

    supported: ClassVar[tuple[str, ...]] = ("program",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Add the name as a title, and the program."""
        self.setup_parse(inputstring, document)
        path = Path(document["source"])
        section = nodes.section("", nodes.title("", path.name), ids=[path.stem])
        section += nodes.literal_block(inputstring, inputstring, language="python")
        document += section
        self.finish_parse()


def setup(app: Sphinx) -> None:
    """Add the parser, and the programs of a folder to the page about it."""
    app.add_source_parser(Program)
    app.connect("source-read", add_programs)


def add_programs(app: Sphinx, docname: str, content: list[str]) -> None:
    """Add every other page of the folder to the contents of examples/ or benchmarks/."""
    folder, _, name = docname.rpartition("/")
    if name == "README" and folder:
        inside = (one for one in app.env.found_docs if one.startswith(f"{folder}/"))
        pages = "".join(f"\n/{page}" for page in sorted(inside) if page != docname)
        content[0] += f"\n\n```{{toctree}}\n:hidden:\n{pages}\n```\n"
