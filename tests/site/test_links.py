"""Every link within the site holds, and nothing is loaded from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Tags whose link is not followed by the browser before the user does.
FOLLOWED = ("a",)


class Page(HTMLParser):
    """The anchors of a page, its links, and the addresses of what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag has."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        addresses = [given[name] for name in ("href", "src", "data", "poster") if name in given]
        (self.links if tag in FOLLOWED else self.loaded).extend(addresses)


def pages_of(site: Path) -> dict[Path, Page]:
    """Return all pages of the site."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(pages) > 40
    return pages


def test_every_link_has_a_target(site: Path) -> None:
    """Each page, file and section that is linked to exists."""
    pages = pages_of(site)
    broken = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            anchors = pages[target].anchors if target in pages else {""}
            if not target.is_file() or unquote(url.fragment) not in anchors:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert [] == broken


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """Styles, scripts, fonts and images are files of the site: it works without a network."""
    outside = [
        link
        for page in pages_of(site).values()
        for link in page.loaded
        if urlsplit(link).netloc or urlsplit(link).scheme not in ("", "data")
    ]
    assert [] == outside
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert styles
    imported = re.compile(r"""(?:url\(\s*|@import\s+)["']?(?:https?:)?//[^"')]*""")
    assert [] == [found for style in styles for found in imported.findall(style)]
