"""How far a recognition has come."""

from paraformer_async._core.progress import Progress
from paraformer_async.results import Sentence, Usage, Word


def test_reach_is_how_far_results_have_come() -> None:
    """The last sentence counts as far as it has come, by its end, its words, or its begin."""
    progress = Progress()
    assert 0 == progress.reach
    for sentence, reach in (
        (Sentence(500, None, "o"), 500),
        (Sentence(500, None, "one", (Word(500, 700, "one"),)), 700),
        (Sentence(500, 800, "one", sentence_end=True), 800),
    ):
        progress.last = sentence
        assert reach == progress.reach


def test_the_reach_of_a_task_before_stays() -> None:
    """Another task that begins at an earlier time does not take the reach back."""
    progress = Progress()
    progress.last = Sentence(500, None, "o")
    progress.begin_task()
    progress.last = Sentence(200, None, "o")
    assert 500 == progress.reach
    progress.last = Sentence(600, None, "o")
    assert 600 == progress.reach


def test_billed_seconds_add_up() -> None:
    """The newest sum of each task counts, and the sums of all tasks are added."""
    progress = Progress()
    assert progress.usage is None
    progress.note_usage(None)
    assert progress.usage is None
    progress.note_usage(Usage(2))
    progress.note_usage(Usage(3))
    progress.note_usage(None)
    assert Usage(3) == progress.usage
    progress.begin_task()
    assert Usage(3) == progress.usage
    progress.note_usage(Usage(4))
    assert Usage(7) == progress.usage
    progress.begin_task()
    progress.begin_task()
    assert Usage(7) == progress.usage


def test_tokens_add_up() -> None:
    """Each value is a sum of its task: one that is missing or late takes nothing back."""
    progress = Progress()
    progress.note_usage(Usage(0, 10, 2, 12))
    progress.note_usage(Usage(0, 0, 3))
    assert Usage(0, 10, 3, 12) == progress.usage
    progress.begin_task()
    progress.note_usage(Usage(1, 5, 1, 6))
    assert Usage(1, 15, 4, 18) == progress.usage
