"""Marked audio is read back exactly, however it is cut, delayed and replayed."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async import RecognitionResult, Sentence, Word
from paraformer_async._core.ledger import Ledger
from paraformer_async._core.messages import Audio
from paraformer_async.testing import ScriptRun, marked, marks, marks_of

BLOCK = 640  # bytes of a block at 16 kHz
RATES = st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000])
# Where audio is cut, as a part of it; so an example stays one when its length shrinks.
CUTS = st.lists(st.floats(0, 1), max_size=8)
# Silence put into the audio: where, and how much of it in ms.
SILENCES = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 1500)), max_size=4)


def begin(sample_rate: int = 16000, *, sentence_ms: int = 1000, **parameters: object) -> ScriptRun:
    """Begin a task with the script of marks."""
    return marks(sentence_ms=sentence_ms)({"sample_rate": sample_rate, **parameters})


def recognized(run: ScriptRun, audio: Iterable[bytes]) -> list[Sentence]:
    """Return all results of whole audio."""
    sentences = [sentence for piece in audio for sentence in run.feed(piece)]
    return [*sentences, *run.finish()]


def finals(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Return the final ones."""
    return [sentence for sentence in sentences if sentence.is_final]


def pieces(data: bytes, cuts: Sequence[float], width: int = 1) -> list[bytes]:
    """Cut *data* at parts of its length, at multiples of *width* bytes."""
    places = sorted({int(cut * len(data)) // width * width for cut in cuts})
    return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)], strict=True)]


def frames(
    user: bytes, rate: int, cuts: Sequence[float], silences: Sequence[tuple[float, int]]
) -> list[Audio]:
    """Cut the user's audio into frames, with silence injected in between."""
    places = sorted((int(place * len(user)) // 2 * 2, ms) for place, ms in silences)
    sent: list[Audio] = []
    at = 0
    for place, ms in [*places, (len(user), 0)]:
        sent += [Audio(piece) for piece in pieces(user[at:place], cuts, 2)]
        sent.append(Audio(bytes(rate * ms // 1000 * 2), injected=True))
        at = place
    return sent


@given(blocks=st.integers(0, 200), first=st.integers(0, 65000), rate=RATES, cuts=CUTS)
def test_audio_in_any_pieces_is_read(blocks: int, first: int, rate: int, cuts: list[float]) -> None:
    """Each block is recognized once and in order, however the audio is cut into pieces."""
    audio = marked(blocks * 20, sample_rate=rate, first=first)

    assert marks_of(recognized(begin(rate), pieces(audio, cuts))) == [*range(first, first + blocks)]


@given(blocks=st.integers(1, 100), rate=RATES, cuts=CUTS, silences=SILENCES)
def test_silence_in_between_changes_no_word(
    blocks: int, rate: int, cuts: list[float], silences: list[tuple[float, int]]
) -> None:
    """Silence put between any two samples, also into a block, neither hides nor doubles one."""
    sent = frames(marked(blocks * 20, sample_rate=rate), rate, cuts, silences)

    assert marks_of(recognized(begin(rate), (bytes(one.data) for one in sent))) == [*range(blocks)]


@given(blocks=st.integers(1, 100), cuts=CUTS, silences=SILENCES)
def test_results_do_not_depend_on_the_frames(
    blocks: int, cuts: list[float], silences: list[tuple[float, int]]
) -> None:
    """All results, partial ones and times included, depend on the audio alone."""
    audio = b"".join(bytes(one.data) for one in frames(marked(blocks * 20), 16000, cuts, silences))

    assert recognized(begin(), [audio]) == recognized(begin(), pieces(audio, cuts))


@given(
    blocks=st.integers(1, 150),
    rate=RATES,
    deaths=CUTS,
    cuts=CUTS,
    silences=SILENCES,
    sentence_ms=st.sampled_from([20, 100, 1000]),
)
def test_replay_from_the_last_final_brings_each_block_once(
    blocks: int,
    rate: int,
    deaths: list[float],
    cuts: list[float],
    silences: list[tuple[float, int]],
    sentence_ms: int,
) -> None:
    """Connections that die anywhere, each replayed from the last final's end: once each word."""
    user = marked(blocks * 20, sample_rate=rate)
    recognized_so_far: list[Sentence] = []
    settled = 0  # ms of the user's audio
    for death in [*deaths, None]:
        run = begin(rate, sentence_ms=sentence_ms)
        ledger = Ledger(rate * 2)
        origin = settled
        sent = frames(user[origin * rate // 1000 * 2 :], rate, cuts, silences)
        size = sum(len(one.data) for one in sent)
        rest = size if death is None else int(death * size) // 2 * 2
        now: list[Sentence] = []
        for one in sent:
            data = bytes(one.data)[:rest]
            rest -= len(data)
            ledger.record(Audio(data, one.injected))
            for sentence in run.feed(data):
                settled = origin + ledger_end(ledger, sentence, settled - origin)
                now.append(sentence)
        recognized_so_far += finals(now if death is not None else [*now, *run.finish()])

    assert marks_of(recognized_so_far) == [*range(blocks)]


def ledger_end(ledger: Ledger, sentence: Sentence, settled: int) -> int:
    """Enter a sentence, and return what is settled then, in ms of the user's audio of the task."""
    if not sentence.is_final:
        return settled
    ledger.settle(sentence, is_final=True)
    return ledger.settled


def test_lost_and_doubled_audio_is_seen() -> None:
    """A client that skips 20 ms of audio, or sends it again, is found out."""
    audio = marked(200)

    assert marks_of(recognized(begin(), [audio[: 4 * BLOCK], audio[5 * BLOCK :]])) == [
        *range(4),
        *range(5, 10),
    ]
    assert marks_of(recognized(begin(), [audio[: 5 * BLOCK], audio[4 * BLOCK :]])) == [
        *range(5),
        *range(4, 10),
    ]


def test_lost_byte_is_seen() -> None:
    """A client that cuts within a sample sends noise, and is found out."""
    assert marks_of(recognized(begin(), [marked(100)[1:]])) != [*range(5)]


def test_times_are_those_of_the_audio() -> None:
    """Words and sentences have the times of their blocks, silence before them included."""
    (sentence,) = finals(recognized(begin(), [bytes(32 * 100), marked(60, first=7)]))

    assert sentence.words == (Word(100, 120, "7"), Word(120, 140, "8"), Word(140, 160, "9"))
    assert (sentence.begin_time, sentence.end_time) == (100, 160)
    assert sentence.text == "7 8 9"


def test_sentence_ends_by_its_length() -> None:
    """A sentence holds `sentence_ms` of marked audio, and what is left comes at the end."""
    sentences = finals(recognized(begin(sentence_ms=400), [marked(1000)]))

    assert [(one.begin_time, one.end_time) for one in sentences] == [
        (0, 400),
        (400, 800),
        (800, 1000),
    ]


def test_sentence_ends_by_silence() -> None:
    """The silence that the task asked for ends a sentence, and less does not."""
    run = begin(max_sentence_silence=300)

    assert not finals(run.feed(marked(100) + bytes(32 * 299)))
    (sentence,) = finals(run.feed(bytes(32)))
    assert sentence.end_time == 100
    assert list(run.finish()) == []


def test_partial_results_grow() -> None:
    """Partial results come every 200 ms, and have all words of the sentence so far."""
    partials = [one for one in recognized(begin(), [marked(1000)]) if not one.is_final]

    assert [len(one.words) for one in partials] == [1, 11, 21, 31, 41]
    assert all(one.end_time is None and one.begin_time == 0 for one in partials)


def test_block_cut_short_is_not_recognized() -> None:
    """Less than two thirds of a block is no word, and two thirds are one."""
    audio = marked(40)

    assert marks_of(recognized(begin(), [audio[: BLOCK + 426]])) == [0]
    assert marks_of(recognized(begin(), [audio[: BLOCK + 428]])) == [0, 1]


def test_marks_of_reads_results_and_passes_over_the_rest() -> None:
    """Numbers are read from results and sentences; what is not final or no text is left out."""
    final = Sentence(end_time=40, text="1 2")
    partial = Sentence(text="3")

    assert marks_of([RecognitionResult(final, "id"), partial, object(), final]) == [1, 2, 1, 2]


@pytest.mark.parametrize("arguments", [(10, 0), (-20, 0), (40, 65534), (20, -1)])
def test_impossible_marks_are_refused(arguments: tuple[int, int]) -> None:
    """Lengths of no whole block, and numbers that fit no sample, are errors."""
    ms, first = arguments

    with pytest.raises(ValueError, match=r"must be a multiple|have numbers"):
        marked(ms, first=first)
