"""Final sentences as they are collected for a transcript."""

from paraformer_async import RecognitionResult, Sentence
from paraformer_async.finals import FinalSentences


def result(text: str, number: int | None, task: str = "t", **fields: bool) -> RecognitionResult:
    """Make a final result."""
    sentence = Sentence(0, 900, text, sentence_end=True, sentence_id=number)
    return RecognitionResult(sentence, task, **fields)


def texts(*results: RecognitionResult) -> list[str]:
    """Return the texts that are collected of *results*."""
    finals = FinalSentences()
    for one in results:
        finals.add(one)
    return [sentence.text for sentence in finals.sentences]


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    """The last text of a sentence counts, where its first one was."""
    finals = (result("won", 1), result("two", 2), result("One", 1, replaces=True))
    assert ["One", "two"] == texts(*finals)
    assert ["one", "two"] == texts(*finals, result("one", 1, replaces=True))


def test_numbers_belong_to_a_task() -> None:
    """The same number in another task, or again without a correction, is another sentence."""
    first = result("one", 1)
    assert ["one", "two"] == texts(first, result("two", 1, "other"))
    assert ["one", "two", "Three"] == texts(
        first, result("two", 1), result("three", None), result("Three", None, replaces=True)
    )


def test_a_correction_of_an_unknown_sentence_is_kept() -> None:
    """If middleware dropped the first final, its correction is a sentence like any other."""
    assert ["one"] == texts(result("one", 1, replaces=True))
