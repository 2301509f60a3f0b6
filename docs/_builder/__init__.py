"""What the site needs beyond Sphinx, MyST and Furo."""

from importlib import import_module

from sphinx.application import Sphinx

PARTS = (
    "commands",  # the texts of the command line
    "contents",  # the table of contents, from the lists of docs/index.md
    "docstrings",  # docstrings with Markdown's code blocks, for autodoc
    "languages",  # links between the English and the Chinese page of a name
    "links",  # links to folders, and code that names a public object
    "options",  # the page of the options, from the code
    "phases",  # the drawing of the phases, from the table of the machine
    "programs",  # pages for the programs in examples/
    "searching",  # search in Chinese, too
    "signatures",  # short signatures, for autodoc
    "tables",  # pages from the tables of the code
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add every part to the builder."""
    for part in PARTS:
        import_module(f"{__name__}.{part}").setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
