"""JSON that is nested too deep for recursive decoders."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.nesting import DEPTH, shallow

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "[]{}", "\\"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def cut(value: Any, depth: int = DEPTH) -> Any:
    """Return *value* with `None` in place of what is nested deeper than *depth*."""
    if isinstance(value, list):
        return [cut(one, depth - 1) for one in value] if depth else None
    if isinstance(value, dict):
        return {name: cut(one, depth - 1) for name, one in value.items()} if depth else None
    return value


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """Return JSON around a depth of `DEPTH`, with brackets in its texts."""
    value = draw(JSON)
    for _ in range(draw(st.integers(0, 2 * DEPTH))):
        siblings = draw(st.lists(JSON, max_size=1))
        value = draw(
            st.sampled_from([[value, *siblings], [*siblings, value], {"]": siblings, "[": value}])
        )
    return value


@given(documents())
def test_only_what_is_too_deep_is_cut(document: Any) -> None:
    """Everything down to the limit stays as it is, and what is deeper is null."""
    assert cut(document) == json.loads(shallow(json.dumps(document)))


@given(
    st.text()
    | st.lists(st.sampled_from(['"', "\\", "a", "[" * 20, "{" * 40, "]" * 30])).map("".join)
)
def test_any_text_can_be_cut(text: str) -> None:
    """Text that is not JSON is neither refused nor made longer than by a null for each cut."""
    assert len(shallow(text)) <= len(text) + 2 * (text.count("]") + text.count("}"))


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[[],{"]":{}},{"a\\"":', "}]")]
)
def test_any_depth(depth: int, opening: str, closing: str) -> None:
    """The depth is not limited by recursion, and what remains can be decoded."""
    kept = json.loads(shallow(f'["a", {opening * depth}0{closing * depth}, "b"]'))
    assert ("a", "b") == (kept[0], kept[2])


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 100_000 + "]" * 99_999, '["' + '\\"' * 99_999],
    ids=["all brackets", "one bracket", "the end of a text"],
)
def test_what_has_no_end_is_no_json(text: str) -> None:
    """What was cut off before its end does not become JSON."""
    with pytest.raises(json.JSONDecodeError):
        json.loads(shallow(text))
