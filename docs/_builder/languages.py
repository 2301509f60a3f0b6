"""Pages in two languages, `name.md` and `name.zh.md`: each links to the other."""

import re
from pathlib import PurePosixPath
from typing import Any

from sphinx.application import Sphinx

CHINESE = ".zh"


def setup(app: Sphinx) -> None:
    """Add the links when pages are read, and the language when they are written."""
    app.connect("source-read", add_link)
    app.connect("html-page-context", declare)


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
