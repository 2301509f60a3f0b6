"""Pages in two languages, `name.md` and `name.zh.md`: each links to the other."""

import re
from pathlib import PurePosixPath
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CHINESE = ".zh"
# The end of a line between two characters, which are written without a space.
BREAK = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff\uff00-\uffef])")


def setup(app: Sphinx) -> None:
    """Add the links when pages are read, and the language when they are written."""
    app.connect("source-read", add_link)
    app.add_transform(Joined)
    app.connect("html-page-context", declare)


class Joined(SphinxTransform):
    """Lines of a Chinese paragraph are joined without spaces."""

    default_priority = 300

    def apply(self) -> None:
        """Change the texts of a page."""
        if self.env.docname.endswith(CHINESE):
            for text in list(self.document.findall(nodes.Text)):
                if not isinstance(text.parent, nodes.literal_block):
                    text.parent.replace(text, nodes.Text(BREAK.sub("", text.astext())))


def add_link(app: Sphinx, docname: str, content: list[str]) -> None:
    """Add a link to the page in the other language below the title, unless there is one."""
    is_chinese = docname.endswith(CHINESE)
    other = docname.removesuffix(CHINESE) if is_chinese else docname + CHINESE
    file = f"{PurePosixPath(other).name}.md"
    if other in app.env.found_docs and f"]({file})" not in content[0]:
        name = "English" if is_chinese else "中文"
        content[0] = re.sub(r"^(# .*\n)", rf"\1\n[{name}]({file})\n", content[0], count=1)


def declare(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Declare the language of Chinese pages, by which browsers choose fonts."""
    if pagename.endswith(CHINESE):
        context["language"] = "zh-CN"
