"""What results say about their turn: begin, early end, stable text."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.messages import ResultGenerated
from paraformer_async._core.utterance import Utterance
from paraformer_async.results import RecognitionResult, Sentence, Translation, Usage


def result(following: Utterance, now: float = 0.0, **fields: Any) -> RecognitionResult:
    """Return the result for the user of a sentence with *fields*."""
    sentence = Sentence(**fields)
    return following.result(ResultGenerated(sentence), sentence, "t", now)


def begins(*sentences: dict[str, Any]) -> list[bool]:
    """Return which results of *sentences* begin one."""
    following = Utterance()
    return [result(following, **fields).begins for fields in sentences]


def test_a_result_has_what_the_event_has() -> None:
    """Sentence, id and usage are passed on, partial and final."""
    following = Utterance()
    for sentence in (Sentence(text="o"), Sentence(0, 900, "one")):
        shown = following.result(ResultGenerated(sentence, Usage(3)), sentence, "t", 0.0)
        assert (sentence, "t", Usage(3)) == (shown.sentence, shown.request_id, shown.usage)


def test_the_first_result_of_each_sentence_begins_it() -> None:
    """Without any mark of the service, a sentence begins after a final result."""
    partial, final = {"text": "o"}, {"text": "one", "end_time": 9}
    assert [True, False, False, True, False, True] == begins(
        partial, partial, final, partial, final, final
    )


def test_another_sentence_begins_without_a_final_result() -> None:
    """Another id is another sentence, even if the service never sent the one before as final."""
    one, two = {"sentence_id": 1}, {"sentence_id": 2}
    assert [True, False, True, False] == begins(one, one, two, two)


def test_the_mark_of_the_service_begins_a_sentence() -> None:
    """Where sentences have no id, the service's own mark shows that another one begins."""
    first, later = {"sentence_begin": True}, {"sentence_begin": False}
    assert [True, False, True, False] == begins(first, later, first, later)


def test_a_repeated_mark_begins_nothing() -> None:
    """A service that repeats its mark in a sentence does not begin it again."""
    marked = {"sentence_begin": True, "sentence_id": 1}
    assert [True, False] == begins(marked, marked)


def test_a_correction_begins_nothing() -> None:
    """What comes after the final result of a sentence under its id is the same sentence."""
    final = {"sentence_id": 1, "end_time": 900}
    assert [True, False, True] == begins(final, final, {"sentence_id": 2})


def test_a_late_partial_result_opens_nothing() -> None:
    """A partial result after the final one is of the same sentence, which stays as it is."""
    following = Utterance()
    assert result(following, sentence_id=1, text="one.", end_time=900).begins
    late = result(following, sentence_id=1, text="on")
    assert (False, "one.") == (late.begins, late.stable_text)
    following.begin_task()
    assert result(following, sentence_id=1, text="two").begins


def test_a_sentence_continues_in_the_next_task() -> None:
    """A sentence that was in progress begins once, although the next task has other ids."""
    following = Utterance()
    assert result(following, sentence_id=7, text="one").begins
    following.begin_task()
    assert not result(following, sentence_id=1, sentence_begin=True, text="one").begins
    assert not result(following, sentence_id=1, text="one two").begins
    assert not result(following, sentence_id=1, end_time=900).begins
    assert result(following, sentence_id=2).begins


def test_a_task_after_a_final_result_begins_a_sentence() -> None:
    """Ids count from one again in each task, so an equal id is another sentence there."""
    following = Utterance()
    assert result(following, sentence_id=1, end_time=900).begins
    following.begin_task()
    assert result(following, sentence_id=1).begins


def test_a_complete_task_leaves_no_sentence_open() -> None:
    """What was not final at the end of an utterance does not continue in the next."""
    following = Utterance()
    assert result(following, text="one").begins
    following.end_task()
    following.begin_task()
    assert result(following, text="two").begins


def test_an_early_end_and_its_withdrawal() -> None:
    """A guess of the service lasts until it is withdrawn; a final result needs none."""
    following = Utterance()
    guess, withdrawal = {"vad_pre_end": True}, {"vad_pre_end": False, "pre_end_failed": True}
    fields: list[dict[str, Any]] = [{}, guess, {}, withdrawal, {}, guess, guess | {"end_time": 9}]
    found = [result(following, **each).pre_end for each in fields]
    assert [False, True, True, False, False, True, False] == found


def test_the_guess_of_a_sentence_is_not_that_of_the_next() -> None:
    """A guess ends with its sentence."""
    following = Utterance()
    assert result(following, sentence_id=1, vad_pre_end=True).pre_end
    assert not result(following, sentence_id=2).pre_end


def test_stable_text() -> None:
    """The stable text grows by agreement, is that of one sentence, and the text of a final one."""
    following = Utterance()
    found = [result(following, n * 0.2, text="one two three").stable_text for n in range(4)]
    assert ["", "", "", "one two"] == found
    assert "one two three." == result(following, 0.7, text="one two three.", end_time=9).stable_text
    assert "" == result(following, 0.8, text="one two three").stable_text


def test_translations_are_passed_on() -> None:
    """Translations are in the result, partial or final; without any, it has none."""
    following, translation = Utterance(), Translation(text="uno", lang="es")
    for sentence in (Sentence(text="o"), Sentence(0, 900, "one")):
        event = ResultGenerated(sentence, None, (translation,))
        assert (translation,) == following.result(event, sentence, "t", 0.0).translations
    assert () == result(following, text="two").translations


FLAGS = st.none() | st.booleans()
SENTENCES = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text("ab "),
        "end_time": st.none() | st.integers(0, 9),
        "sentence_end": FLAGS,
        "sentence_id": st.none() | st.integers(1, 3),
        "sentence_begin": FLAGS,
        "vad_pre_end": FLAGS,
        "pre_end_failed": FLAGS,
    },
)


@given(st.lists(SENTENCES | st.sampled_from(["begin_task", "end_task"])))
def test_any_sequence(steps: list[Any]) -> None:
    """Whatever the service sends: between two begins, the stable text of partials only grows."""
    following, stable, is_first = Utterance(), "", True
    for n, step in enumerate(steps):
        if isinstance(step, str):
            getattr(following, step)()
            continue
        shown = result(following, n * 0.2, **step)
        assert shown.begins or not is_first
        stable = "" if shown.begins else stable
        if shown.is_final:
            assert shown.text == shown.stable_text
            assert not shown.pre_end
            stable = ""
        else:
            assert shown.stable_text.startswith(stable)
            stable = shown.stable_text
        is_first = False


def test_a_correction_leaves_the_sentence_in_progress() -> None:
    """While another sentence is in progress, a correction begins nothing and ends nothing."""
    following, now = Utterance(), 0.0
    result(following, sentence_id=1, end_time=900, text="one")
    for word in range(8):
        now += 0.3
        text = "hello brave new world of words"[: 20 + word]
        before = result(following, now, sentence_id=2, begin_time=1000, text=text)
    assert before.stable_text
    corrected = Sentence(0, 900, "One!", sentence_end=True, sentence_id=1)
    event = ResultGenerated(corrected, replaces=True)
    shown = following.result(event, corrected, "t", now)
    assert (False, "One!", True) == (shown.begins, shown.stable_text, shown.replaces)
    after = result(following, now + 0.3, sentence_id=2, begin_time=1000, text=text + "s")
    assert not after.begins
    assert after.stable_text.startswith(before.stable_text)


def test_finals_in_another_order_begin_nothing_again() -> None:
    """A final that is late, when the next sentence has begun, changes nothing about that one."""
    one, two = {"sentence_id": 1}, {"sentence_id": 2, "begin_time": 1000}
    late = {**one, "end_time": 900}
    assert [True, True, False, False] == begins(one, two, late, two)
    assert [True, True, False] == begins(two, late, two)
    assert [True, True, False, False] == begins(one, two, {**two, "end_time": 1900}, late)


def test_a_late_result_keeps_its_stable_text() -> None:
    """A partial result of the sentence before the current one neither grows nor shrinks."""
    following, now = Utterance(), 0.0
    for end in range(10, 26):
        now += 0.3
        first = result(following, now, sentence_id=1, text="one sentence of several words"[:end])
    result(following, now, sentence_id=2, text="two")
    late = result(following, now + 1, sentence_id=1, text="one sentence of several words")
    assert (False, first.stable_text) == (late.begins, late.stable_text)


def test_sentences_that_share_a_number() -> None:
    """Where all sentences have one number, one begins after the end of the other."""
    first, later = {"sentence_id": 0, "end_time": 900}, {"sentence_id": 0, "begin_time": 950}
    assert [True, True, False] == begins(first, later, later)


def test_the_memory_of_sentences_is_bounded() -> None:
    """Of a task of hours, only the latest sentences are remembered."""
    following = Utterance()
    for number in range(1000):
        assert result(following, sentence_id=number, begin_time=number, end_time=number + 1).begins
    assert 256 == len(following._begun)


def test_the_memory_of_sentences_that_never_end_is_bounded() -> None:
    """A service that gives each partial result another number, and makes none final."""
    following = Utterance()
    for number in range(1000):
        assert result(following, sentence_id=number, begin_time=number).begins
    assert 256 == len(following._begun) == len(following._open)
