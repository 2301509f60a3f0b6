"""Final sentences as they are collected for a transcript."""

from paraformer_async import RecognitionResult, Sentence, Translation
from paraformer_async.finals import FinalSentences, FinalTranslations


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


def test_another_version_of_a_translation_takes_its_place() -> None:
    """Of each sentence and language, the last final translation counts; others are all kept."""
    translations = FinalTranslations()
    for text, number, lang, is_final in (
        ("one", 1, "en", True),
        ("eins", 1, "de", True),
        ("zwei", 2, "de", False),
        ("One", 1, "en", True),
        ("x", None, "en", True),
        ("x", None, "en", True),
    ):
        one = Translation(0, 9, text, sentence_end=is_final, sentence_id=number, lang=lang)
        sentence = Sentence(sentence_id=number)
        translations.add(RecognitionResult(sentence, "t", translations=(one,)))
    assert ["One", "eins", "x", "x"] == [one.text for one in translations.in_order]


def test_channels() -> None:
    """Sentences of several channels are in order of time, with the one in progress of each."""
    results = [
        RecognitionResult(Sentence(5, 9, "b", channel_id=1), "t1"),
        RecognitionResult(Sentence(6, None, "d", channel_id=1), "t1"),
        RecognitionResult(Sentence(0, None, "x", channel_id=0), "t0"),
        RecognitionResult(Sentence(0, 4, "a", channel_id=0), "t0"),
        RecognitionResult(Sentence(5, None, "c", channel_id=0), "t0"),
    ]
    finals = FinalSentences()
    for result in results:
        finals.add(result)
    assert ["a", "c", "b", "d"] == [sentence.text for sentence in finals.with_unsettled()]
    assert ["b", "a"] == [sentence.text for sentence in finals.sentences]
