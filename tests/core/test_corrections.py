"""Finals that come again: corrected, repeated, or of another sentence with the same number."""

from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.corrections import Corrections
from paraformer_async.results import Sentence, Word

REPEATED = None


def places(*sentences: Sentence) -> list[int | None]:
    """Return the places of finals that come one after the other."""
    corrections, found, count = Corrections(), list[int | None](), 0
    for sentence in sentences:
        place = corrections.place(sentence, count)
        found.append(place)
        count += place == count
    return found


def final(begin: int, end: int | None, text: str, number: int | str | None = None) -> Sentence:
    """Make a final sentence."""
    return Sentence(begin, end, text, sentence_end=True, sentence_id=number)


def test_other_text_or_times_correct() -> None:
    """The same number with other text, other times or other words is a correction, every time."""
    words = (Word(0, 800, "a"),)
    corrected = Sentence(0, 800, "a", words, sentence_end=True, sentence_id=1)
    finals = (final(0, 900, "b", 1), final(0, 900, "a", 1), final(0, 800, "a", 1), corrected)
    assert [0, 0, 0, 0] == places(*finals)


def test_an_older_sentence_can_be_corrected() -> None:
    """Not only the last final is corrected, and later ones keep their places."""
    first, second = final(0, 900, "a", 1), final(900, 1500, "b", 2)
    assert [0, 1, 0, 1] == places(first, second, final(0, 950, "c", 1), final(950, 1500, "d", 2))


def test_identical_finals_are_repetitions() -> None:
    """The same final once more is no correction, whatever came between, with or without numbers."""
    for numbers in ((1, 2), (None, None)):
        first, second = final(0, 900, "a", numbers[0]), final(900, 1500, "a", numbers[1])
        assert [0, 1, REPEATED, REPEATED] == places(first, second, first, second)


def test_sentences_without_numbers_are_not_corrected() -> None:
    """Without a number, another final at the same time is another sentence."""
    assert [0, 1] == places(final(0, 900, "a"), final(0, 900, "b"))


def test_sentences_without_times_are_told_apart_by_their_numbers() -> None:
    """Without an end, the same text again is another sentence, unless the number says otherwise."""
    assert [0, 1] == places(final(0, None, "a"), final(0, None, "a"))
    assert [0, 0] == places(final(0, None, "a", "x"), final(0, None, "b", "x"))


def test_numbers_that_are_all_the_same_correct_nothing() -> None:
    """A service that gives each sentence the same number loses none of them."""
    finals = [final(at, at + 500, "a", 0) for at in range(0, 3000, 500)]
    assert list(range(6)) == places(*finals)


def test_another_task_has_other_sentences() -> None:
    """A number of an earlier task stands for another sentence."""
    corrections = Corrections()
    assert 0 == corrections.place(final(0, 900, "a", 1), 0)
    corrections.begin_task()
    assert 1 == corrections.place(final(0, 900, "b", 1), 1)


@given(st.integers(257, 400))
def test_memory_is_bounded(count: int) -> None:
    """Of a task of hours, only the latest finals are remembered."""
    corrections = Corrections()
    for number in range(count):
        assert number == corrections.place(final(number, number + 1, "a", number), number)
    assert 256 == len(corrections._finals)
    assert count == corrections.place(final(0, 1, "b", 0), count)
    assert count - 1 == corrections.place(final(count - 1, count, "b", count - 1), count)
