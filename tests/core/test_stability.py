"""The part of partial results that does not change any more."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.stability import StableText
from paraformer_async.results import Sentence, Word

TEXTS = st.lists(st.text("ab ,.好，", max_size=12), max_size=12)
GAPS = st.floats(0.0, 2.0)


def marked(words: str, fixed: int, *, separator: str = " ") -> Sentence:
    """Return a partial result whose first *fixed* words are marked."""
    spelled = words.split()
    return Sentence(
        text=separator.join(spelled),
        words=tuple(
            Word(
                text=word.rstrip(",."), punctuation=word[len(word.rstrip(",.")) :], fixed=n < fixed
            )
            for n, word in enumerate(spelled)
        ),
    )


def stable(*texts: str, every: float = 0.2) -> list[str]:
    """Return the stable text after each of *texts*."""
    following = StableText()
    return [following.update(Sentence(text=text), n * every) for n, text in enumerate(texts)]


class TestAgreement:
    """Where the service marks nothing."""

    def test_whole_words_that_results_agree_on_are_stable(self) -> None:
        """Four results and 300 ms have to agree on it; the last word may still grow."""
        found = stable("I", "I am", "I am he", "I am here", "I am here no", "I am here now.")
        assert ["", "", "", "I", "I am", "I am"] == found

    def test_chinese_needs_no_spaces(self) -> None:
        """Each full-width character is a word."""
        found = stable("今", "今天", "今天天", "今天天气", "今天天气好")
        assert ["", "", "", "今", "今天"] == found

    def test_latin_words_among_chinese_are_whole(self) -> None:
        """A word in letters stays whole between full-width characters."""
        texts = ["用Py", "用Pytho", "用Python", "用Python写", "用Python写的", "用Python写的代"]
        assert ["", "", "", "用", "用", "用Python"] == stable(*texts)

    def test_agreement_takes_time(self) -> None:
        """However many results agree, nothing is stable before 300 ms."""
        assert [""] * 7 == stable(*["one two three"] * 7, every=0.049)
        assert "one two" == stable(*["one two three"] * 8, every=0.049)[-1]

    def test_agreement_takes_results(self) -> None:
        """However much time has passed, nothing is stable before four results."""
        assert ["", "", "", "one two"] == stable(*["one two three"] * 4, every=60.0)

    def test_a_change_starts_the_agreement_again(self) -> None:
        """What comes after a change has to be agreed on again; what is before it has been."""
        texts = ["one two three", "one two free", "one two free for", "one two free for all"]
        assert ["", "", "", "one two", "one two free"] == stable(*texts, texts[-1])

    def test_punctuation_is_stable_only_within(self) -> None:
        """Punctuation can change until a word follows it that is stable itself."""
        assert "好" == stable(*["好，吧"] * 4)[-1]
        assert "好，吧" == stable(*["好，吧。嗯"] * 4)[-1]

    def test_nothing_is_taken_back(self) -> None:
        """Where a result contradicts the stable text, it stays, and does not grow."""
        texts = ["one two three"] * 4 + ["won two three four"] * 5
        assert ["one two"] * 6 == stable(*texts)[3:]

    def test_a_service_that_changes_older_text_has_to_agree_for_longer(self) -> None:
        """After a change of text that was 0.6 s old, agreement takes 1.2 s."""
        following = StableText()
        for n in range(4):
            following.update(Sentence(text="one two three"), n * 0.2)
        assert "one two" == following.text
        following.end(Sentence(text="won two three."), 0.6)
        following.begin()
        found = [following.update(Sentence(text="one two three"), n * 0.25) for n in range(6)]
        assert ["", "", "", "", "", "one two"] == found

    def test_a_change_of_the_last_word_is_expected(self) -> None:
        """The last word of a partial result may change without making agreement slower."""
        following = StableText()
        for n, text in enumerate(["one two three", "one two free", "one two for", "one two four."]):
            following.update(Sentence(text=text), n * 0.2)
        following.end(Sentence(text="one two four!"), 1.0)
        following.begin()
        found = [following.update(Sentence(text="one two three"), n * 0.2) for n in range(4)]
        assert ["", "", "", "one two"] == found

    def test_trust_comes_back(self) -> None:
        """Each sentence without such a change makes agreement faster again."""
        following = StableText()
        following.update(Sentence(text="one two three"), 0.0)
        following.end(Sentence(text="won two three."), 10.0)
        following.begin()
        for _ in range(50):
            following.end(Sentence(text="one."), 0.0)
            following.begin()
        found = [following.update(Sentence(text="one two three"), n * 0.2) for n in range(4)]
        assert ["", "", "", "one two"] == found

    def test_each_sentence_begins_anew(self) -> None:
        """The stable text of a sentence is no part of the next."""
        following = StableText()
        for n in range(4):
            following.update(Sentence(text="one two three"), n * 0.2)
        assert "one two" == following.text
        following.end(Sentence(text="one two three."), 0.6)
        following.begin()
        assert "" == following.text == following.update(Sentence(text="one two three"), 1.0)

    def test_a_result_without_text_changes_nothing(self) -> None:
        """A result without text, as of translations alone, neither agrees nor contradicts."""
        assert "one two" == stable(*["one two three", "", "one two three"] * 2)[-1]

    def test_a_late_result_changes_nothing(self) -> None:
        """After the final result of a sentence, its text is stable, whatever comes late."""
        following = StableText()
        following.end(Sentence(text="one two three."), 0.0)
        assert "one two three." == following.update(Sentence(text="one two"), 0.1)


class TestMarks:
    """Where the service marks words as fixed."""

    @pytest.mark.parametrize(
        ("fixed", "expected"), [(0, ""), (1, "Yes"), (2, "Yes, I"), (3, "Yes, I am"), (4, "")]
    )
    def test_fixed_words_are_stable_at_once(self, fixed: int, expected: str) -> None:
        """The words that begin the text and are all fixed are stable, at the first result."""
        sentence = marked("Yes, I am, here.", fixed)
        expected = expected or ("Yes, I am, here" if fixed == 4 else "")
        assert expected == StableText().update(sentence, 0.0)

    def test_only_the_beginning_counts(self) -> None:
        """A fixed word after one that is not fixed is not stable."""
        words = (
            Word(text="一", fixed=True),
            Word(text="二", fixed=False),
            Word(text="三", fixed=True),
        )
        assert "一" == StableText().update(Sentence(text="一二三", words=words), 0.0)

    def test_words_that_are_not_in_the_text(self) -> None:
        """Where the text and its words disagree, nothing more is stable."""
        words = (Word(text=" one", punctuation=",", fixed=True), Word(text="2", fixed=True))
        assert "one" == StableText().update(Sentence(text="one two", words=words), 0.0)

    def test_false_marks_are_no_reason_to_guess(self) -> None:
        """As long as marks are false and may become true, agreement alone decides nothing."""
        following = StableText()
        assert [""] * 9 == [following.update(marked("one two three", 0), n) for n in range(9)]
        assert "one" == following.update(marked("one two three", 1), 9.0)

    def test_marks_that_stay_false_mean_nothing(self) -> None:
        """A service that does not fix the words of a final result does not mark words at all."""
        following = StableText()
        following.update(marked("one two three", 0), 0.0)
        following.end(marked("one two three.", 0), 1.0)
        following.begin()
        found = [following.update(marked("one two three", 0), n) for n in range(4)]
        assert ["", "", "", "one two"] == found

    def test_marks_count_from_the_first_on(self) -> None:
        """Once the service has marked a word, agreement decides nothing any more."""
        following = StableText()
        following.end(marked("one two.", 2), 1.0)
        following.begin()
        assert [""] * 9 == [following.update(Sentence(text="one two three"), n) for n in range(9)]


@given(st.lists(st.tuples(TEXTS, st.text("ab ,.好，"), GAPS), max_size=5))
def test_the_stable_text_never_shrinks(sentences: list[tuple[list[str], str, float]]) -> None:
    """Within a sentence it only grows, and it begins a text that was received in the sentence."""
    following, now = StableText(), 0.0
    for texts, final, gap in sentences:
        found = [""]
        for n, text in enumerate(texts):
            now += gap
            found.append(following.update(Sentence(text=text), now))
            assert not found[-1] or any(one.startswith(found[-1]) for one in texts[: n + 1])
        assert all(later.startswith(earlier) for earlier, later in pairwise(found))
        following.end(Sentence(text=final), now)
        following.begin()


@st.composite
def services_that_mark(draw: st.DrawFn) -> list[list[Sentence]]:
    """Return sentences of a service that changes any word but the fixed ones."""
    word = st.sampled_from(["a", "b,", "cd", "e.", "好", "，"])
    sentences = []
    for _ in range(draw(st.integers(1, 4))):
        final = draw(st.lists(word, min_size=1, max_size=6))
        separator = draw(st.sampled_from(["", " "]))
        counts = sorted(draw(st.lists(st.integers(0, len(final)), max_size=8)))
        results = [
            marked(
                " ".join(final[:fixed] + draw(st.lists(word, max_size=4))),
                fixed,
                separator=separator,
            )
            for fixed in counts
        ]
        sentences.append([*results, marked(" ".join(final), len(final), separator=separator)])
    return sentences


@given(services_that_mark(), GAPS)
def test_fixed_words_begin_the_final_text(sentences: list[list[Sentence]], gap: float) -> None:
    """Where words are marked as fixed, the stable text always begins the final text."""
    following, now = StableText(), 0.0
    for *partials, final in sentences:
        for partial in partials:
            now += gap
            assert final.text.startswith(following.update(partial, now))
        following.end(final, now)
        following.begin()
