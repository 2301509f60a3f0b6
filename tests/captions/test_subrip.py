"""SubRip captions: complete text, valid times, readable length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from paraformer_async import Sentence, Word
from paraformer_async.captions import to_srt

HOUR = 3_600_000


def parse_srt(srt: str) -> list[tuple[int, int, str]]:
    """Parse *srt* as a player does: (begin ms, end ms, text) of each caption."""
    captions = []
    blocks = srt.split("\n\n") if srt else []
    for number, block in enumerate(blocks, 1):
        head, times, *lines = block.rstrip("\n").split("\n")
        assert str(number) == head
        match = re.fullmatch(
            r"(\d\d+):(\d\d):(\d\d),(\d{3}) --> (\d\d+):(\d\d):(\d\d),(\d{3})", times
        )
        assert match is not None
        fields = [int(field) for field in match.groups()]
        begin, end = (
            ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
            for hours, minutes, seconds, ms in (fields[:4], fields[4:])
        )
        captions.append((begin, end, "\n".join(lines)))
    return captions


def sentence_of(text: str, begin: int = 0, each: int = 300) -> Sentence:
    """Return a sentence whose words, separated by spaces, take *each* ms."""
    words = tuple(
        Word(begin + place * each, begin + (place + 1) * each, word.rstrip(",."), word[-1:])
        for place, word in enumerate(text.split())
    )
    return Sentence(begin, begin + len(words) * each, text, words)


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        ([], ""),
        ([Sentence(0, 900, "")], ""),
        ([Sentence(0, 900, " \n")], ""),
        (
            [Sentence(170, 920, "好，我知道了。"), Sentence(1000, 61_001, "Yes.")],
            (
                "1\n00:00:00,170 --> 00:00:00,920\n好，我知道了。\n\n"
                "2\n00:00:01,000 --> 00:01:01,001\nYes.\n"
            ),
        ),
        (
            [Sentence(HOUR - 1, 11 * HOUR + 754_321, "long")],
            "1\n00:59:59,999 --> 11:12:34,321\nlong\n",
        ),
        ([Sentence(100 * HOUR, 100 * HOUR + 1, "x")], "1\n100:00:00,000 --> 100:00:00,001\nx\n"),
    ],
    ids=["nothing", "no text", "blank text", "Chinese", "hours", "a hundred hours"],
)
def test_format(sentences: list[Sentence], expected: str) -> None:
    """Captions are numbered, timed to the millisecond and separated by a blank line."""
    assert expected == to_srt(sentences)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (Sentence(500, None, "x", (Word(500, 800, "x"),)), (500, 800, "x")),
        (Sentence(500, None, "x"), (500, 1500, "x")),
        (Sentence(500, 500, "x"), (500, 1500, "x")),
        (Sentence(500, 400, "x"), (500, 1500, "x")),
        (Sentence(500, None, "x" * 40), (500, 2500, "x" * 40)),
    ],
    ids=["end of the last word", "no end", "no span", "end before beginning", "long"],
)
def test_sentences_without_a_valid_end(sentence: Sentence, expected: tuple[int, int, str]) -> None:
    """A sentence without an end lasts until its last word, or until it can be read."""
    assert [expected] == parse_srt(to_srt([sentence]))
    following = parse_srt(to_srt([sentence, Sentence(9000, 9900, "y")]))
    assert [expected, (9000, 9900, "y")] == following


def test_captions_do_not_overlap() -> None:
    """A caption ends when the next one begins, but is readable for a second if it was that long."""
    sentences = [Sentence(0, 2000, "a"), Sentence(1500, 1800, "b"), Sentence(1900, 3000, "c")]
    assert [(0, 1500, "a"), (1500, 1800, "b"), (1900, 3000, "c")] == parse_srt(to_srt(sentences))
    same = [Sentence(0, 3000, "a"), Sentence(0, 3000, "b"), Sentence(100, 200, "c")]
    assert [(0, 1000, "a"), (1000, 2000, "b"), (2000, 2100, "c")] == parse_srt(to_srt(same))


def test_times_that_go_back() -> None:
    """Sentences are in order of time, so that one wrong time does not spoil all later captions."""
    sentences = [
        Sentence(0, 900, "a"),
        Sentence(9 * HOUR, 9 * HOUR + 500, "wrong"),
        Sentence(2000, 2900, "c"),
        Sentence(1000, 1900, "b"),
        Sentence(-500, -400, "early"),
    ]
    captions = parse_srt(to_srt(sentences))
    assert ["early", "a", "b", "c", "wrong"] == [text for _, _, text in captions]
    assert (1000, 1900, "b") in captions


def test_words_whose_times_go_back() -> None:
    """The text of one sentence stays in order, whatever the times of its words."""
    words = tuple(Word(at, at + 100, f"word{at}") for at in range(9000, 0, -300))
    text = " ".join(word.text for word in words)
    captions = parse_srt(to_srt([Sentence(0, 9000, text, words)]))
    assert text == " ".join(part.replace("\n", " ") for _, _, part in captions)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("first\n\nsecond", "first second"),
        ("\n\r\n a \t\v\x00 b\u2028\u2029c\x85", "a b c"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x\x9b2J", "red x"),
        ("ab\u202ecd\u2066e\ufeff", "abcde"),
        ("\ud83d half", "\ufffd half"),
        ("2\n00:00:00,000 --> 00:00:09,000\nx", "2 00:00:00,000 -> 00:00:09,000 x"),
        ("a ---> b -----> c", "a -> b -> c"),
        ("\x1b", None),
    ],
)
def test_text_that_would_break_the_file(text: str, expected: str | None) -> None:
    """Blank lines, control characters and arrows in a text do not change how a file is read."""
    srt = to_srt([Sentence(0, 1000, text), Sentence(1000, 2000, "next")])
    captions = parse_srt(srt)
    assert len(captions) == srt.count("-->")
    assert [*filter(None, [expected]), "next"] == [part for _, _, part in captions]
    to_srt([Sentence(0, 1000, text)]).encode()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x " * 21, 1),
        ("x " * 22, 2),
        ("好" * 21, 1),
        ("好" * 22, 2),
        ("好" * 21 + "。", 2),
        ("ア" * 42, 2),
        ("한국어 " * 7, 2),
        ("e\u0301" * 42, 1),
    ],
)
def test_lines_are_wrapped_by_width(text: str, lines: int) -> None:
    """A line has up to 42 columns: 21 full-width characters, or 42 others."""
    ((_, _, part),) = parse_srt(to_srt([Sentence(0, 1000, text)]))
    assert lines == len(part.split("\n"))
    assert text.replace(" ", "") == part.replace("\n", "").replace(" ", "")
    assert not any(line.startswith("。") for line in part.split("\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("안녕하세요 오늘 날씨가 정말 좋네요 우리 같이 산책 가요", "좋네요 우리|같이 산책 가요"),
        ("好" * 20 + "「好」", "好好|「好」"),
        ("好" * 20 + "“好”", "好好|“好”"),
        ("き" * 20 + "ちょっと", "き|ちょっと"),
        ("き" * 20 + "データ", "き|データ"),
        ("き" * 20 + "か\u3099" * 2, "か\u3099|か\u3099"),
        ("👩\u200d🚀" * 12, "👩\u200d🚀|👩\u200d🚀"),
        ("👍🏽" * 12, "👍🏽|👍🏽"),
    ],
    ids=["Korean", "bracket", "quote", "small kana", "long vowel", "accent", "joined", "skin tone"],
)
def test_where_lines_are_not_broken(text: str, expected: str) -> None:
    """Lines are not broken within a Korean word or an emoji, nor where Japanese forbids it."""
    ((_, _, part),) = parse_srt(to_srt([Sentence(0, 1000, text)]))
    assert expected in part.replace("\n", "|")
    assert text.replace(" ", "") == part.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("marks", ["「」", '""', "“”", "()"])
def test_a_caption_does_not_end_in_an_opening_quote(marks: str) -> None:
    """Where a sentence is split before a word, a quote or bracket that opens goes with it."""
    words = [Word(at * 500, at * 500 + 500, f"word{at}") for at in range(10, 30)]
    text = " ".join(f"{marks[0]}{word.text}{marks[1]}" for word in words)
    captions = parse_srt(to_srt([Sentence(5000, 15_000, text, tuple(words))]))
    assert len(captions) > 1
    assert all(marks[0] == part[0] and marks[1] == part[-1] for _, _, part in captions)


def test_long_text_is_split_between_words() -> None:
    """A sentence of more than two lines becomes several captions, timed by its words."""
    text = ", ".join(f"word{number}" for number in range(30)) + "."
    captions = parse_srt(to_srt([sentence_of(text, begin=1000, each=100)]))
    assert len(captions) > 1
    assert all(len(part) <= 85 for _, _, part in captions)
    assert all(len(line) <= 42 for _, _, part in captions for line in part.split("\n"))
    assert text == " ".join(part.replace("\n", " ") for _, _, part in captions)
    assert (1000, 4000) == (captions[0][0], captions[-1][1])
    assert all(re.fullmatch(r"word\d(?s:.*)[,.]", part) for _, _, part in captions)


def test_the_same_word_in_brackets_again_and_again() -> None:
    """A caption that begins with a bracket has the time of the word in it, not of another one."""
    words = tuple(Word(at * 100, at * 100 + 100, "好") for at in range(40))
    captions = parse_srt(to_srt([Sentence(0, 4000, "「好」" * 40, words)]))
    shown = 0
    for begin, _, text in captions:
        assert 100 * shown == begin
        shown += text.count("好")
    assert len(captions) > 2


@given(st.lists(st.sampled_from([1, 2, 3, 5, 8, 13]), min_size=1, max_size=80))
def test_each_caption_begins_with_its_first_word(sizes: list[int]) -> None:
    """Wherever lines end, each caption begins at the time of its first word."""
    sentence = sentence_of(" ".join("x" * size for size in sizes), each=50)
    captions = parse_srt(to_srt([sentence]))
    counts = [len(text.split()) for *_, text in captions]
    firsts = [sentence.words[sum(counts[:place])] for place in range(len(counts))]
    assert [word.begin_time for word in firsts] == [begin for begin, *_ in captions]


@pytest.mark.parametrize("count", range(15, 60))
def test_no_last_word_is_on_a_screen_of_its_own(count: int) -> None:
    """Each caption of a long sentence has at least half a line, so that it stays for a while."""
    captions = parse_srt(to_srt([sentence_of("word " * count, each=200)]))
    assert len(captions) > 1 or count < 20
    assert all(len(text) >= 21 for *_, text in captions)


def test_slow_speech_is_split_by_time() -> None:
    """No caption lasts longer than 7 s if it can be split between words."""
    captions = parse_srt(to_srt([sentence_of("one two three four five six", each=3000)]))
    assert ["one two", "three four", "five six"] == [part for _, _, part in captions]
    assert [(0, 6000), (6000, 12_000), (12_000, 18_000)] == [times[:2] for times in captions]


def test_a_short_sentence_is_not_split() -> None:
    """A sentence of up to two lines and 7 s is one caption."""
    assert 1 == len(parse_srt(to_srt([sentence_of("x" * 84, each=7000)])))


def test_a_long_sentence_without_words() -> None:
    """A sentence without words is split in proportion to its text, after two lines each."""
    captions = parse_srt(to_srt([Sentence(0, 10_000, "好" * 100)]))
    assert [(0, 4200), (4200, 8400), (8400, 10_000)] == [times[:2] for times in captions]
    assert "好" * 100 == "".join(part for _, _, part in captions).replace("\n", "")


def test_a_long_word_is_not_split() -> None:
    """Text without a place to break it stays whole, and nothing is lost."""
    assert [(0, 20_000, "x" * 200)] == parse_srt(to_srt([Sentence(0, 20_000, "x" * 200)]))


def test_long_chinese_is_split_between_words() -> None:
    """Text without spaces is split between words, too, and punctuation stays with its word."""
    words = tuple(Word(at * 200, at * 200 + 200, "你好", "，") for at in range(40))
    text = "你好，" * 40
    captions = parse_srt(to_srt([Sentence(0, 8000, text, words)]))
    assert text == "".join(part for _, _, part in captions).replace("\n", "")
    assert all(re.fullmatch(r"(你好，\n?)+", part) for _, _, part in captions)
    assert all(end - begin <= 7000 for begin, end, _ in captions)


def test_words_spelled_differently_in_the_text() -> None:
    """Numbers written as digits in the text cause neither an empty caption nor lost text."""
    spoken_words = ["nineteen", "hundred", "and", "ninety", "nine"]
    words = tuple(Word(at * 4000, at * 4000 + 4000, word) for at, word in enumerate(spoken_words))
    assert [(0, 20_000, "1999")] == parse_srt(to_srt([Sentence(0, 20_000, "1999", words)]))
    mixed = (*words, Word(20_000, 24_000, "was"), Word(24_000, 28_000, "good", "."))
    captions = parse_srt(to_srt([Sentence(0, 28_000, "1999 was good.", mixed)]))
    assert "1999 was good." == " ".join(part for _, _, part in captions)


def test_words_as_spoken_of_a_text_with_numbers() -> None:
    """Captions end between words of the text, near their times, though many are spelled out."""
    spoken = (
        "in nineteen ninety nine we paid two thousand dollars and fifty cents for three computers "
        "twenty five percent more than in nineteen ninety eight when they were sold at one "
        "thousand dollars each by the well known manufacturer and nobody else"
    )
    text = (
        "In 1999 we paid $2,000.50 for 3 computers, 25% more than in 1998, when they were sold at "
        "$1,000 each by the well-known manufacturer and nobody else."
    )
    words = sentence_of(spoken, each=200).words
    captions = parse_srt(to_srt([Sentence(0, words[-1].end_time, text, words)]))
    assert text == " ".join(part.replace("\n", " ") for *_, part in captions)
    begins = {word.text: word.begin_time for word in words}
    for begin, _, part in captions[1:]:
        first = part.split()[0].rstrip(",").lower()
        assert abs(begins.get(first, begin) - begin) <= 600
    assert all(end - begin >= 1000 for begin, end, _ in captions)


WORDS = st.lists(
    st.tuples(
        st.integers(-50, 4000), st.integers(-50, 9000), st.sampled_from(["好", "ab", "x" * 50, ""])
    ),
    max_size=20,
)


@given(st.lists(st.tuples(st.integers(0, 10_000), st.none() | st.integers(0, 99_999), WORDS)))
def test_arbitrary_times(
    generated: list[tuple[int, int | None, list[tuple[int, int, str]]]],
) -> None:
    """Whatever the service's times and words: no empty or overlapping caption, and no lost text."""
    sentences = []
    for begin, end, marks in generated:
        words = [Word(begin + at, begin + at + span, text, ".") for at, span, text in marks]
        text = " ".join(word.text for word in words)
        sentences.append(Sentence(begin, end, text, tuple(words)))
    captions = parse_srt(to_srt(sentences))
    previous = 0
    for begin, end, part in captions:
        assert previous <= begin < end
        assert part.strip()
        previous = end
        assert all(line.strip() for line in part.split("\n"))
    in_order = sorted(sentences, key=lambda sentence: sentence.begin_time)
    expected = "".join(sentence.text for sentence in in_order).replace(" ", "")
    assert sorted(expected) == sorted(
        "".join(part for _, _, part in captions if part != "\n").replace(" ", "").replace("\n", "")
    )


def test_channels() -> None:
    """If there are several channels, each caption begins with its own, on at most two lines."""
    long = replace(sentence_of("word " * 40), channel_id="agent")
    answer = Sentence(20_000, 20_900, "Yes.", channel_id="customer")
    captions = parse_srt(to_srt([answer, long]))
    assert "[customer] Yes." == captions[-1][2]
    assert all(text.startswith("[agent] word") for *_, text in captions[:-1])
    assert all(len(line) <= 42 for *_, text in captions for line in text.split("\n"))
    assert 40 == sum(text.count("word") for *_, text in captions)
    assert "Yes." == parse_srt(to_srt([answer]))[0][2]


TIMES = st.integers(0, 9000)


@given(st.lists(st.tuples(TIMES, TIMES, st.integers(1, 60)), max_size=12))
def test_words_keep_their_order(words: list[tuple[int, int, int]]) -> None:
    """The words of a sentence are shown in its order, whatever times they have."""
    texts = [chr(ord("a") + place) * size for place, (_, _, size) in enumerate(words)]
    times = [(min(one, other), max(one, other)) for one, other, _ in words]
    each = tuple(Word(*span, text, " ") for span, text in zip(times, texts, strict=True))
    end = max((end for _, end in times), default=0)
    captions = parse_srt(to_srt([Sentence(0, end, " ".join(texts), each)]))
    assert texts == [word for _, _, lines in captions for word in lines.split()]
