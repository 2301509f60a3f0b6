"""
The table of contents, from docs/index.md: each heading with a list of links is one part of it.

So the index is plain Markdown, which reads the same on a code host. Sphinx warns of a page that is
in none of the lists.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx

PART = re.compile(r"^## (?P<name>.+)\n(?P<text>(?:(?!## ).*\n?)*)", re.MULTILINE)
LINK = re.compile(r"^- \[(?P<title>[^\]]+)\]\((?P<path>[^)#]+)\)", re.MULTILINE)


def setup(app: Sphinx) -> None:
    """Extend the index when it is read, and lead to it from the top of the site."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", redirect)


def redirect(app: Sphinx, error: Exception | None) -> None:
    """Write index.html, which leads to the index."""
    if error is None:
        page = f'<meta http-equiv="refresh" content="0; url={app.config.root_doc}.html">'
        (app.outdir / "index.html").write_text(f"<!doctype html>{page}\n", "utf-8")


def add_contents(app: Sphinx, docname: str, content: list[str]) -> None:
    """Add the invisible tables of contents to the text of the index."""
    if docname != app.config.root_doc:
        return
    for part in PART.finditer(content[0]):
        links = LINK.findall(part["text"])
        entries = [f"{title.replace('`', '')} </{document(path)}>" for title, path in links]
        content[0] += toctree(part["name"], entries)


def toctree(name: str, entries: list[str]) -> str:
    """Return the directive for one part of the table of contents."""
    lines = ["```{toctree}", ":hidden:", f":caption: {name}", "", *entries, "```", ""]
    return "\n" + "\n".join(lines) if entries else ""


def document(path: str) -> str:
    """Return the name of the document that docs/index.md links to as *path*."""
    parts: list[str] = []
    for part in ("docs", *Path(path).parts):
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return re.sub(r"\.(md|rst|py)$", "", "/".join(parts))
