"""The pages for everyday use are there in Chinese, and lead on to Chinese pages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHINESE = sorted(path.name.removesuffix(".zh.md") for path in DOCS.glob("*.zh.md"))
EVERYDAY = {
    *("account", "audio", "batch", "browser", "captions", "channels", "compressed"),
    *("configuration", "context", "dashscope", "deploying", "errors", "heartbeat", "local"),
    *("middleware", "reconnection", "results", "seams", "sources", "streams", "sync"),
    *("telephony", "testing", "troubleshooting", "tutorial"),
}


def links(page: Path) -> list[str]:
    """Return the targets of all links of a page, without sections and the site's own."""
    found = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8"))
    return [link for link in found if "://" not in link]


def test_what_there_is_in_chinese() -> None:
    """The tutorial, the how-tos and troubleshooting are there in Chinese."""
    assert set(CHINESE) >= EVERYDAY


@pytest.mark.parametrize("name", CHINESE)
def test_links_of_a_page(name: str) -> None:
    """A Chinese page has the links of the English one, to Chinese pages where there are any."""
    chinese, english = links(DOCS / f"{name}.zh.md"), links(DOCS / f"{name}.md")

    assert f"{name}.md" in chinese
    assert f"{name}.zh.md" in english
    others = [link for link in chinese if link != f"{name}.md"]
    assert [] == [link for link in others if link.removesuffix(".md") in CHINESE]
    ours = {link.replace(".zh.md", ".md") for link in others}
    assert ours - {f"{name}.md"} == set(english) - {f"{name}.md", f"{name}.zh.md"}


def test_links_of_the_readme() -> None:
    """README.zh.md links to Chinese pages where there are any."""
    pages = [link for link in links(ROOT / "README.zh.md") if link.startswith("docs/")]

    assert pages
    assert [] == [link for link in pages if link[5:].removesuffix(".md") in CHINESE]
