"""
Links that Markdown does not have, or that only a code host resolves.

A link to a folder leads to its README. Code that names a public object, or an option,
leads to the reference.
"""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry, PythonDomain
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

OPTIONS = (
    "paraformer_async.options.options.Overrides",
    "paraformer_async.sync.recognizer.RecognizerOptions",
)
DROP_IN = "dashscope"


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
    """Code in a text that names a public object or an option leads to its entry."""

    default_priority = 20

    def run(self) -> None:
        """Wrap the code in references."""
        domain = self.env.domains.python_domain
        page = self.env.docname
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, nodes.reference | nodes.title | addnodes.pending_xref):
                continue
            found = entry(node.astext(), domain, page)
            if found:
                target = (found.docname, found.node_id, node.deepcopy())
                node.replace_self(make_refnode(self.app.builder, page, *target))


def entry(code: str, domain: PythonDomain, page: str) -> ObjectEntry | None:
    """Return the entry of what is named: in full, without its module, or as `option=…`."""
    option = re.fullmatch(r"(\w+)=[^,]*", code)
    if option:
        owned = (f"{owner}.{option[1]}" for owner in OPTIONS)
        return next((domain.objects[one] for one in owned if one in domain.objects), None)
    name = code.removesuffix("()")
    if name in domain.objects:
        return domain.objects[name]
    found = [full for full in domain.objects if full.endswith(f".{name}") and is_of_module(name)]
    # Those of the drop-in have the vendor's names.
    found.sort(key=lambda full: (DROP_IN in full) is not (DROP_IN in page))
    if found and (DROP_IN in page or DROP_IN not in found[0]):
        return domain.objects[found[0]]
    return None


def is_of_module(name: str) -> bool:
    """Whether *name* can be that of a class or one of its methods, and not of any attribute."""
    return name[:1].isupper()
