"""Search in English and Chinese, which has no spaces: it is indexed by pairs of characters."""

import re
from typing import Final

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

HAN: Final = re.compile(r"([\u3400-\u9fff]+)")
# Declared with `var`, because the script of Sphinx that uses it may declare it again.
SPLITTER: Final = r"""
var splitQuery = (query) =>
  query
    .split(/[^\p{Letter}\p{Number}_\p{Emoji_Presentation}]+/gu)
    .flatMap((term) => term.split(/([\u3400-\u9fff]+)/u))
    .flatMap((term) =>
      /^[\u3400-\u9fff]{2,}$/u.test(term)
        ? [...term].slice(1).map((second, index) => term[index] + second)
        : [term],
    )
    .filter((term) => term);
"""


def setup(app: Sphinx) -> None:
    """Replace Sphinx's language."""
    app.add_search_language(EnglishAndChinese)


class EnglishAndChinese(SearchEnglish):
    """The words of a text, with the pairs of characters in Chinese ones."""

    js_splitter_code = SPLITTER

    def split(self, input: str) -> list[str]:
        """Split a text into words and pairs."""
        parts = [part for word in super().split(input) for part in HAN.split(word) if part]
        return [term for part in parts for term in terms(part)]


def terms(part: str) -> list[str]:
    """Return the pairs of characters in Chinese, and anything else as it is."""
    if len(part) > 1 and HAN.fullmatch(part):
        return [part[start : start + 2] for start in range(len(part) - 1)]
    return [part]
