"""Text from outside is made safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async.text import clean, width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world.", "Hello, world."),
        ("你好，世界。", "你好，世界。"),
        ("مرحبا \u200fبالعالم", "مرحبا \u200fبالعالم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        (" a  b ", "a b"),
        ("a\r\nb\n\nc\td", "a b c d"),
        ("\x1b[2J\x1b[1;31mred\x1b[m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1bPq#0;2\x1b\\x", "x"),
        ("\x9b31mred", "red"),
        ("a\x1bcb\x07\x08\x00\x7f", "ab"),
        ("gpj.\u202e3pm", "gpj.3pm"),
        ("\u2066x\u2069\ufeff", "x"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\ud83d", "\ufffd"),
        ("", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    """What acts on a terminal or a file is removed, and all other text stays as it is."""
    assert expected == clean(text)


@given(st.text(st.characters() | st.sampled_from("\x1b\x9b\x07[]\n\u202e\ud800 m;")))
def test_any_text(text: str) -> None:
    """Whatever the text: the result is one line that can be encoded, and is clean already."""
    cleaned = clean(text)
    assert len(cleaned.encode().splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in cleaned)
    assert cleaned == clean(cleaned)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("好a。", 5), ("ｆｕｌｌ", 8), ("ﾊﾝ", 2), ("e\u0301", 1), ("", 0)],
)
def test_width(text: str, columns: int) -> None:
    """Full-width characters take two columns, combining characters none."""
    assert columns == width(text)
