"""Words and their approximate times, from an engine's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async.engines._words import join_words, rambles, split_words, spread_words
from paraformer_async.results import Word


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Go forward, ten.", [("Go", ""), ("forward", ","), ("ten", ".")]),
        ("cold-hearted don't", [("cold-hearted", ""), ("don't", "")]),
        ('He said, "No!" - twice', [("He", ""), ("said", ","), ("No", '!" -'), ("twice", "")]),
        ("-5 or 3.5%", [("-5", ""), ("or", ""), ("3.5%", "")]),
        ("你好，world。", [("你", ""), ("好", "，"), ("world", "。")]),
        ("... ", []),
        ("", []),
    ],
)
def test_text_is_split_into_words_and_marks(text: str, words: list[tuple[str, str]]) -> None:
    """Words carry no punctuation, marks go with the word before, ideographs are words."""
    split = [(word.text, word.punctuation.replace(" ", "")) for word in split_words(text)]
    assert split == [(word, marks.replace(" ", "")) for word, marks in words]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Go forward, ten.", "Go forward ten"),
        ("你好，世界。", "你好世界"),
        ("今天 is Monday。", "今天 is Monday"),
    ],
)
def test_words_are_joined_as_they_are_written(text: str, plain: str) -> None:
    """Joined words are the text again, and without punctuation the text less its marks."""
    words = split_words(text)
    assert join_words(words) == text
    assert join_words(words, punctuation=False) == plain


def test_longer_words_get_more_time() -> None:
    """Words share the voiced time by their length, and leave pauses out."""
    words = spread_words(split_words("abc abcdefg, abc"), [(100, 200), (500, 560)])
    assert words == (
        Word(100, 140, "abc"),
        Word(140, 520, "abcdefg", ","),
        Word(520, 560, "abc"),
    )


def test_a_word_after_a_pause_begins_after_it() -> None:
    """A word whose share begins at a pause does not begin in it."""
    words = spread_words(split_words("one two"), [(0, 50), (90, 140)])
    assert [(word.begin_time, word.end_time) for word in words] == [(0, 50), (90, 140)]


@given(
    st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=8),
)
def test_times_are_in_order_and_inside(texts: list[str], steps: list[tuple[int, int]]) -> None:
    """Whatever the words and pauses, times never go back, overlap or leave the sentence."""
    spans: list[tuple[int, int]] = []
    clock = 0
    for pause, voice in steps:
        spans.append((clock + pause, clock + pause + voice))
        clock += pause + voice
    words = spread_words([Word(text=text) for text in texts], spans)
    times = [time for word in words for time in (word.begin_time, word.end_time)]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (spans[0][0], spans[-1][1])
    assert [word.text for word in words] == texts


def test_rambling_is_noticed() -> None:
    """A word four times in a row is taken for the model's rambling, three times for speech."""
    assert rambles("Go forward ten, ten, ten, ten")
    assert not rambles("No, no, no! Not ten.")
    assert not rambles("")
