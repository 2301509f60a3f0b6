"""
Links that Markdown does not have, or that only a code host resolves.

A link to a folder leads to its README. Code that names a public object leads to the reference.
"""

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

PACKAGE = "paraformer_async"


def setup(app: Sphinx) -> None:
    """Add both transforms."""
    app.add_transform(Folders)
    app.add_post_transform(Names)


class Folders(SphinxTransform):
    """Links to a folder lead to its page."""

    default_priority = 500

    def apply(self) -> None:
        """Replace the targets of links that are folders."""
        for node in self.document.findall(addnodes.pending_xref):
            if node["reftype"] != "myst" or node.get("refdomain") or "#" in node["reftarget"]:
                continue
            _, path = self.env.relfn2path(node["reftarget"], self.env.docname)
            page = self.env.path2doc(f"{path.rstrip('/')}/README.md")
            if page in self.env.found_docs:
                node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", page, None


class Names(SphinxPostTransform):
    """Code in a text that names a public object leads to its entry in the reference."""

    default_priority = 20

    def run(self) -> None:
        """Wrap the code in references."""
        domain = self.env.domains.python_domain
        assert isinstance(domain, PythonDomain)
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, nodes.reference | nodes.title | addnodes.pending_xref):
                continue
            found = entry(node.astext().removesuffix("()"), domain)
            if found:
                docname, anchor = found
                page = self.env.docname
                node.replace_self(
                    make_refnode(self.app.builder, page, docname, anchor, node.deepcopy())
                )


def entry(name: str, domain: PythonDomain) -> tuple[str, str] | None:
    """Return page and anchor of the public object that is named, in full or without its module."""
    for full, found in domain.objects.items():
        if full == name or (full.endswith(f".{name}") and is_of_module(full, name)):
            return found.docname, found.node_id
    return None


def is_of_module(full: str, name: str) -> bool:
    """Whether *name* is that of a class or function, not of some attribute or method."""
    return name[0].isupper() and full.removesuffix(f".{name}").startswith(PACKAGE)
