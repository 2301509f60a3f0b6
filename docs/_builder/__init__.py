"""
What the site needs beyond Sphinx, MyST and Furo.

- `contents`: the table of contents, from the lists of docs/index.md
- `docstrings`: docstrings with Markdown's code blocks, for autodoc
- `links`: links to folders, and code that names a public object
- `programs`: pages for the programs in examples/
"""

from sphinx.application import Sphinx

from _builder import contents, docstrings, links, programs


def setup(app: Sphinx) -> dict[str, bool]:
    """Add every part to the builder."""
    for part in (contents, docstrings, links, programs):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
