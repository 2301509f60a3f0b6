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
        place = corrections.place(sentence, sentence, count)
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


def test_a_correction_that_is_taken_back() -> None:
    """The first version again, after another one, corrects that; it is no repetition."""
    first, second = final(0, 900, "a", 1), final(0, 900, "b", 1)
    assert [0, 0, 0, REPEATED] == places(first, second, first, first)


def test_a_repetition_under_a_number_that_all_share() -> None:
    """An earlier final that comes again is a repetition, although its number is in use again."""
    finals = [final(at, at + 500, "a", 0) for at in (0, 500)]
    assert [0, 1, REPEATED, REPEATED] == places(*finals, *finals)


def test_a_repetition_whose_times_had_to_be_bounded() -> None:
    """What counts is the final as the service sent it, not as far as the audio went at the time."""
    corrections, sent = Corrections(), final(0, 1050, "a")
    assert 0 == corrections.place(sent, final(0, 1000, "a"), 0)
    assert corrections.place(sent, sent, 1) is REPEATED


def test_what_is_known() -> None:
    """A number that is a sentence's own is known, and any final that comes again."""
    corrections = Corrections()
    for count, one in enumerate((final(0, 500, "a", 7), final(500, 900, "b"))):
        corrections.place(one, one, count)
    assert corrections.knows(final(0, 500, "A", 7))
    assert corrections.knows(final(500, 900, "b"))
    assert not corrections.knows(final(500, 900, "B"))
    shared = final(900, 950, "c", 7)
    assert 2 == corrections.place(shared, shared, 2)
    assert not corrections.knows(final(950, 990, "d", 7))


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


def test_padding_makes_no_correction() -> None:
    """Nor does it if it pads its sentences, so that they have a little audio in common."""
    finals = [final(at, at + 600, "a", 0) for at in range(0, 3000, 500)]
    assert list(range(6)) == places(*finals)
    assert [0, 0] == places(final(0, 900, "a", 0), final(600, 900, "b", 0))


def test_versions() -> None:
    """A final is a version of an earlier one of its number at its time, or the same once more."""
    corrections = Corrections()
    for count, one in enumerate((final(0, 500, "a", 7), final(500, 900, "b"))):
        corrections.place(one, final(one.begin_time + 5000, 6000, one.text, 7), count)
    assert corrections.has_version_of(final(100, 500, "A", 7))
    assert corrections.has_version_of(final(500, 900, "b"))
    assert not corrections.has_version_of(final(500, 900, "A", 7))
    assert not corrections.has_version_of(final(500, 900, "B"))
    assert not corrections.has_version_of(final(0, 500, "A", 8))


def test_another_task_has_other_sentences() -> None:
    """A number of an earlier task stands for another sentence."""
    corrections = Corrections()
    first, second = final(0, 900, "a", 1), final(0, 900, "b", 1)
    assert 0 == corrections.place(first, first, 0)
    assert corrections.knows(second)
    corrections.begin_task()
    assert not corrections.knows(second)
    assert 1 == corrections.place(second, second, 1)


@given(st.integers(257, 400))
def test_memory_is_bounded(count: int) -> None:
    """Of a task of hours, only the latest finals are remembered."""
    corrections = Corrections()
    for number in range(count):
        one = final(number, number + 1, "a", number)
        assert number == corrections.place(one, one, number)
    assert 256 == len(corrections._numbered) == len(corrections._digests)
    oldest, latest = final(0, 1, "b", 0), final(count - 1, count, "b", count - 1)
    assert count == corrections.place(oldest, oldest, count)
    assert count - 1 == corrections.place(latest, latest, count)
