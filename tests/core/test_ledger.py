"""The account of audio: service time and user time against a naive model."""

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from paraformer_async._core.ledger import Ledger, Span
from paraformer_async._core.messages import Audio, ResultGenerated
from paraformer_async._core.timeline import Timeline
from paraformer_async._core.wav import LARGEST_HEADER, WavHeader
from paraformer_async.results import Overhead, Sentence, Translation, Usage, Word

# 1 kHz: a millisecond is 2 bytes.
PER_SECOND = 2000

# (ms, injected?)
PIECES = st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=15)
RATES = st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 48_000])


def settle(ledger: Ledger, result: ResultGenerated) -> ResultGenerated:
    """Let *ledger* settle the sentence of a result; return the result as it is then."""
    sentence = result.sentence
    if sentence is None:
        return result
    is_final = sentence.is_final and not sentence.heartbeat
    settled = ledger.settle(sentence, is_final=is_final)
    return result if settled is sentence else ResultGenerated(settled, result.usage)


def final(begin: int, end: int, text: str = "x") -> ResultGenerated:
    """Return a final result."""
    return ResultGenerated(Sentence(begin, end, text, sentence_end=True))


def to_user(ledger: Ledger, at: int) -> int:
    """Give the user's time of a time of the service, by a partial result that begins there."""
    said = settle(ledger, ResultGenerated(Sentence(at))).sentence
    assert said is not None
    return said.begin_time


def places(ledger: Ledger) -> int:
    """Return at how many positions the ledger still records that the two timelines differ."""
    assert ledger._timeline is not None
    return len(ledger._timeline._at)


def filled(*pieces: tuple[int, bool]) -> Ledger:
    """Return a ledger of 1 kHz audio with *pieces* of (ms, injected?)."""
    ledger = Ledger(PER_SECOND)
    for ms, injected in pieces:
        ledger.record(Audio(bytes(ms * 2), injected=injected))
    return ledger


@dataclass
class Model:
    """The naive account: for every sample that was sent, whether it is the user's."""

    rate: int
    is_users: list[bool] = field(default_factory=list)

    def record(self, samples: int, *, injected: bool) -> None:
        """Enter samples."""
        self.is_users += [not injected] * samples

    def to_user(self, ms: int) -> float:
        """Count the user's samples before a time of the service."""
        before = self.is_users[: round(ms * self.rate / 1000)]
        beyond = max(0, ms * self.rate / 1000 - len(self.is_users))
        return (sum(before) + beyond) * 1000 / self.rate


@given(RATES, PIECES, st.data())
def test_times_are_those_of_a_naive_count(
    rate: int, pieces: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """Any time is right within 1 ms, times never run backwards, whatever was settled before."""
    ledger, model = Ledger(rate * 2), Model(rate)
    settled = previous = 0
    for ms, injected in pieces:
        samples = ms * rate // 1000
        ledger.record(Audio(bytes(samples * 2), injected=injected))
        model.record(samples, injected=injected)
        sent = len(model.is_users) * 1000 // rate
        settled = data.draw(st.integers(settled, max(settled, sent)), "end of a final sentence")
        said = settle(ledger, final(settled, settled)).sentence
        assert said is not None
        assert abs(model.to_user(settled) - said.begin_time) <= 1
        for at in sorted(
            data.draw(st.lists(st.integers(settled, max(settled, sent) + 50), max_size=5))
        ):
            # no time reaches the user that lies beyond their audio
            expected = min(model.to_user(at), sum(model.is_users) * 1000 / rate)
            assert abs(expected - to_user(ledger, at)) <= 1
        assert previous <= to_user(ledger, settled)
        previous = to_user(ledger, settled)
    users = sum(model.is_users)
    assert users * 1000 / rate == pytest.approx(ledger.given)
    assert (len(model.is_users) - users) * 1000 / rate == pytest.approx(ledger.injected)


@given(PIECES, st.lists(st.integers(0, 2000)))
def test_time_is_monotone(pieces: list[tuple[int, bool]], times: list[int]) -> None:
    """A later time of the service is never an earlier time of the user."""
    ledger = filled(*pieces)
    translated = [to_user(ledger, at) for at in sorted(times)]
    assert sorted(translated) == translated


def test_silence_takes_no_time() -> None:
    """All of an injected silence is, for the user, the moment at which it began."""
    ledger = filled((1000, False), (500, True), (1000, False))
    expected = [999, 1000, 1000, 1000, 1001, 2000]
    assert expected == [to_user(ledger, at) for at in (999, 1000, 1200, 1500, 1501, 2500)]


def test_long_runs_keep_the_list_of_silences_short() -> None:
    """What lies ten minutes before a final is only counted, so hours of pauses cost little."""
    ledger = Ledger(PER_SECOND)
    for turn in range(1, 5001):
        ledger.record(Audio(bytes(200)))
        ledger.record(Audio(bytes(200), injected=True))
        settle(ledger, final(turn * 200 - 200, turn * 200))
        assert places(ledger) <= 4096
    assert 500_000 == ledger.settled == ledger.given == ledger.injected
    assert 500_000 == to_user(ledger, 1_000_010)


def test_adjoining_silences_are_one() -> None:
    """A long silence that is sent in small pieces takes one place, also after it was settled."""
    ledger = filled((100, False), *[(100, True)] * 1000)
    assert 3 == places(ledger)
    settle(ledger, final(100_100, 100_100))
    ledger.record(Audio(bytes(200), injected=True))
    assert 3 == places(ledger)
    assert 100 == to_user(ledger, 100_150)


def test_final_sentences_settle() -> None:
    """Only final sentences settle audio, by the user's time, and never backwards."""
    ledger = filled((1000, False), (1000, True), (1000, False))
    settle(ledger, ResultGenerated(Sentence(0, None, "x")))
    assert 0 == ledger.settled
    settle(ledger, final(0, 2500))
    assert 1500 == ledger.settled
    settle(ledger, final(2000, 2400))
    assert 1500 == ledger.settled


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (Sentence(100, None, "x", (Word(100, 700),), sentence_end=True), 700),
        (Sentence(100, None, "x", sentence_end=True), 100),
        (Sentence(100, 800, "x", (Word(100, 700),)), 800),
    ],
    ids=["by its last word", "by its beginning", "by its own end"],
)
def test_where_a_final_sentence_ends(sentence: Sentence, expected: int) -> None:
    """A final sentence without an end settles up to its last word, or to its beginning."""
    ledger = filled((1000, False))
    settle(ledger, ResultGenerated(sentence))
    assert expected == ledger.settled


@pytest.mark.parametrize(
    "result",
    [
        ResultGenerated(),
        ResultGenerated(None, Usage(3)),
        ResultGenerated(Sentence(0, 900, heartbeat=True)),
    ],
    ids=["no sentence", "only usage", "heartbeat"],
)
def test_what_is_no_sentence_is_untouched(result: ResultGenerated) -> None:
    """Heartbeats and results without a sentence pass as they are, and settle nothing."""
    ledger = filled((500, False), (500, True))
    assert result is settle(ledger, result)
    assert 0 == ledger.settled


def test_without_injected_silence_nothing_is_changed() -> None:
    """As long as nothing was injected, a result is not even copied."""
    ledger = filled((1000, False))
    result = final(0, 900)
    assert result is settle(ledger, result)
    assert 900 == ledger.settled


def test_everything_in_a_sentence_is_translated() -> None:
    """Words and stash are moved with the sentence, all else is kept."""
    ledger = filled((1000, False), (1000, True), (1000, False))
    words = (Word(500, 2100, "a", ",", fixed=True), Word(2100, 2500, "b"))
    stash = Sentence(2500, None, "c", (Word(2500, 2600, "c"),))
    given = Sentence(500, 2500, "a, b", words, emo_tag="neutral", sentence_id=7, stash=stash)
    expected = Sentence(
        500,
        1500,
        "a, b",
        (Word(500, 1100, "a", ",", fixed=True), Word(1100, 1500, "b")),
        emo_tag="neutral",
        sentence_id=7,
        stash=Sentence(1500, None, "c", (Word(1500, 1600, "c"),)),
    )
    usage = Usage(3)
    assert ResultGenerated(expected, usage) == settle(ledger, ResultGenerated(given, usage))


def test_translations_are_translated_and_settle_nothing() -> None:
    """A translation is put on the user's timeline, and stays a translation."""
    ledger = filled((1000, False), (1000, True), (1000, False))
    given = Translation(500, 2500, "a", (Word(2100, 2500, "a"),), sentence_end=True, lang="en")
    expected = Translation(500, 1500, "a", (Word(1100, 1500, "a"),), sentence_end=True, lang="en")
    assert expected == ledger.placed(given)
    assert 0 == ledger.settled
    assert given is Ledger(None).placed(given)


def test_times_of_an_early_end_are_translated() -> None:
    """The pause that led to a guess is on the user's timeline; a negative time is none."""
    ledger = filled((1000, False), (1000, True), (1000, False))
    given = Sentence(500, None, "a", pre_end_start_time=2500, pre_end_end_time=-1)
    given = replace(given, pre_end_timemillis=1234)
    expected = replace(given, pre_end_start_time=1500)
    assert ResultGenerated(expected) == settle(ledger, ResultGenerated(given))


def test_compressed_audio_has_no_time() -> None:
    """Compressed audio has no times, and its results pass unchanged."""
    ledger = Ledger(None)
    ledger.record(Audio(b"OggS"))
    assert (None, 0.0) == (ledger.given, ledger.injected)
    assert 700 == to_user(ledger, 700)
    assert final(0, 900) == settle(ledger, final(0, 900))
    assert (None, (), []) == (ledger.unsettled, ledger.lost, ledger.restart())


def joined(audios: list[Audio]) -> bytes:
    """Return the user's audio that a service receives."""
    return b"".join(bytes(audio.data) for audio in audios if not audio.injected)


CUTS = st.lists(st.tuples(st.integers(1, 40), st.booleans(), st.integers(0, 3)), max_size=25)


@given(CUTS)
def test_a_restart_hears_all_that_no_final_sentence_covers(
    pieces: list[tuple[int, bool, int]],
) -> None:
    """Whenever a connection is lost, the new task receives all unsettled audio, to the sample."""
    ledger = Ledger(PER_SECOND, keep=60)
    audio, service_ms, samples = b"", 0, 0
    for ms, injected, event in pieces:
        data = (
            bytes(2 * ms)
            if injected
            else b"".join((samples + number).to_bytes(2, "little") for number in range(ms))
        )
        ledger.record(Audio(data, injected=injected))
        audio += b"" if injected else data
        samples += 0 if injected else ms
        service_ms += ms
        if event == 1:
            settle(ledger, final(service_ms // 2, service_ms - ms // 2))
        elif event == 2:
            to_replay = ledger.to_replay
            again = ledger.restart()
            assert audio[2 * ledger.settled :] == joined(again)
            assert to_replay == pytest.approx((len(audio) / 2 - ledger.settled) / 1000)
            service_ms = sum(len(one.data) for one in again) // 2
            assert not again or not again[0].injected or ledger.settled == 0
    assert audio[2 * ledger.settled :] == joined(ledger.restart())
    assert ledger.unsettled == pytest.approx((len(audio) / 2 - ledger.settled) / 1000)
    assert () == ledger.lost


def test_times_go_on_after_a_restart() -> None:
    """Results of a new task have the times that those of the old one would have had."""
    ledger = Ledger(PER_SECOND, keep=60)
    ledger.record(Audio(bytes(2000)))
    settle(ledger, final(0, 400))
    ledger.record(Audio(bytes(200), injected=True))
    ledger.record(Audio(bytes(2000)))
    ledger.restart()
    # the new task hears 600 ms, 100 ms of silence, 1000 ms
    assert [400, 999, 1000, 1000, 1001, 2000] == [
        to_user(ledger, at) for at in (0, 599, 600, 700, 701, 1700)
    ]


def test_what_is_too_much_to_keep_is_told() -> None:
    """Unsettled audio beyond the limit is named, and not named again after the restart."""
    ledger = Ledger(PER_SECOND, keep=1)
    for _ in range(30):
        ledger.record(Audio(bytes(200)))
    assert (Span(0, 2000),) == ledger.lost
    assert 2000 == len(joined(ledger.restart()))
    assert () == ledger.lost
    assert 2000 == to_user(ledger, 0)


def test_silence_before_a_sentence_that_has_begun_is_no_loss() -> None:
    """When a later sentence has begun, what lies before it was no speech, and may be let go."""
    ledger = Ledger(PER_SECOND, keep=1)
    for _ in range(30):
        ledger.record(Audio(bytes(200)))
    settle(ledger, ResultGenerated(Sentence(1500)))
    assert (Span(1500, 2000),) == ledger.lost
    settle(ledger, final(1500, 1900))
    settle(ledger, ResultGenerated(Sentence(2100)))
    assert () == ledger.lost


def test_without_a_limit_nothing_is_kept() -> None:
    """A ledger that is to keep nothing can resume only what was not begun."""
    ledger = Ledger(PER_SECOND)
    assert ledger.is_resumable
    ledger.record(Audio(bytes(200)))
    assert not ledger.is_resumable
    assert [] == ledger.restart()


def wav(samples: bytes, *, rate: int = 1000, extra: bytes = b"") -> bytes:
    """Return a WAV file, with further chunks before its samples."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVE" + form + extra + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


@given(st.lists(st.integers(1, 100), min_size=1), st.sampled_from([b"", b"LIST\x03\0\0\0abc\0"]))
def test_the_header_of_a_wav_stream_is_heard_again(sizes: list[int], extra: bytes) -> None:
    """A WAV stream is resumed with header and unsettled samples; the header takes no time."""
    samples = b"".join(number.to_bytes(2, "little") for number in range(500))
    file = wav(samples, extra=extra)
    header = file[: -len(samples)]
    ledger, at, turn = Ledger(16_000, keep=60, is_wav=True), 0, 0
    while at < len(file):
        piece = file[at : at + sizes[turn % len(sizes)]]
        ledger.record(Audio(piece))
        assert ledger.is_resumable is (at + len(piece) >= len(header))
        at, turn = at + len(piece), turn + 1
    assert 500 == ledger.given
    settle(ledger, final(0, 120))
    assert header + samples[240:] == joined(ledger.restart())
    assert 130 == to_user(ledger, 10)


@pytest.mark.parametrize(
    "data",
    [b"OggS" + bytes(40), b"RIFF\0\0\0\0WAVEdata\0\0\0\0" + bytes(40), b"RIFF" + bytes(70_000)],
    ids=["no WAV", "no format", "no end"],
)
def test_what_is_no_wav_cannot_be_resumed(data: bytes) -> None:
    """A stream that was declared as WAV, but is not, is passed on, and cannot be resumed."""
    ledger = Ledger(16_000, keep=60, is_wav=True)
    ledger.record(Audio(data))
    ledger.record(Audio(data))
    assert not ledger.is_resumable
    assert final(0, 900) == settle(ledger, final(0, 900))


def test_silence_before_the_header_is_no_audio_of_the_users() -> None:
    """Silence that is sent before the header of a WAV file is complete has no duration."""
    ledger = Ledger(16_000, keep=60, is_wav=True)
    ledger.record(Audio(bytes(1600), injected=True))
    assert not ledger.is_resumable
    ledger.record(Audio(wav(bytes(1600))))
    assert 800 == ledger.given
    assert ledger.is_resumable


def test_a_wav_header_that_never_ends_is_no_header() -> None:
    """Chunks beyond 64 KB before the samples are taken for no header."""
    header = WavHeader()
    header.feed(wav(b"")[:36] + b"junk" + struct.pack("<I", 1_000_000))
    assert not header.problem
    header.feed(bytes(LARGEST_HEADER))
    assert header.problem
    assert b"rest" == header.feed(b"rest")


def test_settled_is_what_needs_no_other_task() -> None:
    """Only when every sample that was sent is covered, nothing is left to be sent again."""
    ledger = Ledger(PER_SECOND, keep=1)
    assert not ledger.is_settled
    ledger.record(Audio(bytes(2000)))
    assert not ledger.is_settled
    settle(ledger, final(0, 999))
    assert not ledger.is_settled
    settle(ledger, final(0, 1000))
    assert ledger.is_settled
    ledger.record(Audio(bytes(8000)))
    settle(ledger, final(1000, 1001))
    assert not ledger.is_settled


def test_silence_right_behind_a_jump_does_not_undo_it() -> None:
    """Silence that follows a repeated pause at once lies where the audio goes on, not before."""
    timeline = Timeline(2.0, begin=200)
    timeline.jump(100, 1000)
    timeline.inject(100, 40)
    timeline.inject(140, 20)
    assert [100, 125, 500, 500, 505] == [timeline.to_user(ms) for ms in (0, 25, 50, 80, 85)]
    assert 150 == timeline.to_user(50, is_end=True)


def test_what_ends_behind_a_jump_begins_behind_it() -> None:
    """A begin that a service rounds or pads into the repeated pause is where the audio goes on."""
    timeline = Timeline(2.0, begin=200)
    timeline.jump(99, 1000)
    word = Word(49, 90, "x")
    spanning = timeline.translated(Sentence(20, 90, "x", (word,)))
    assert (500, 540) == (spanning.begin_time, spanning.end_time)
    assert (500, 540) == (spanning.words[0].begin_time, spanning.words[0].end_time)
    before = timeline.translated(Sentence(20, 40, "x"))
    assert (120, 140) == (before.begin_time, before.end_time)


def test_a_final_beyond_the_audio_settles_nothing() -> None:
    """What ends far beyond the audio that was sent cannot be trusted: all of it is kept."""
    ledger = Ledger(PER_SECOND, keep=10)
    ledger.record(Audio(bytes(2000)))
    shown = settle(ledger, final(0, 30_000)).sentence
    assert shown is not None
    assert 1000 == shown.end_time
    assert 0 == ledger.settled
    assert 2000 == sum(len(audio.data) for audio in ledger.restart())


def test_compressed_audio_has_times_once_its_packets_are_measured() -> None:
    """What no final covers has a range in ms only when the duration of the audio is known."""
    ledger = Ledger(None, keep=10)
    assert ledger.open_span(0) is None
    ledger.measure(PER_SECOND)
    ledger.record(Audio(bytes(PER_SECOND // 2)))
    assert (0, 500) == ledger.open_span(0)


def test_a_seal_of_compressed_audio_begins_anew() -> None:
    """After a complete task of compressed audio, another one can fail without a loss."""
    ledger = Ledger(None, keep=10)
    ledger.record(Audio(b"mp3"))
    assert not ledger.is_resumable
    assert not ledger.is_fresh
    ledger.seal()
    assert ledger.is_resumable
    assert ledger.is_fresh


def test_a_pause_before_a_final_is_sent_again_without_injected_silence() -> None:
    """The user's audio of the pause comes again, in case finals overtake; silence of ours not."""
    ledger = Ledger(PER_SECOND, keep=10)
    ledger.record(Audio(b"\x01" * 400))
    ledger.record(Audio(bytes(600), injected=True))
    ledger.record(Audio(b"\x02" * 400))
    ledger.record(Audio(b"\x03" * 1000))
    settle(ledger, final(700, 1200))
    again = [(bytes(audio.data[:1]), len(audio.data)) for audio in ledger.restart()]
    assert [(b"\x01", 400), (b"\x02", 400)] == again


def test_a_final_of_the_pause_settles_the_pause() -> None:
    """A final that was overtaken comes late, and its audio is not sent again then."""
    ledger = Ledger(PER_SECOND, keep=10)
    ledger.record(Audio(bytes(2000)))
    settle(ledger, final(500, 1000))
    assert 1000 == sum(len(audio.data) for audio in ledger.restart())
    shown = settle(ledger, final(0, 450)).sentence
    assert shown is not None
    assert (0, 450) == (shown.begin_time, shown.end_time)
    assert [] == ledger.restart()
    assert ledger.is_settled


def test_what_is_sent_in_addition() -> None:
    """Injected silence counts once, and all that is sent again counts each time, as it is sent."""
    ledger = Ledger(PER_SECOND, keep=10)
    ledger.record(Audio(bytes(2000)))
    ledger.record(Audio(bytes(1000), injected=True))
    assert Overhead(0.0, 0.5) == ledger.overhead
    for seconds in (1.5, 3.0):
        for audio in ledger.restart():
            ledger.replayed(audio)
        assert Overhead(seconds, 0.5) == ledger.overhead


def test_what_a_source_delivers_again_is_sent_in_addition() -> None:
    """After a rewind, audio counts as sent again up to where it had come, each time."""
    ledger = Ledger(PER_SECOND, keep=10)
    ledger.record(Audio(bytes(2000)))
    for replayed in (0.4, 0.8):
        assert 0 == ledger.rewind()
        ledger.reread(Audio(bytes(800)))
        assert Overhead(replayed) == ledger.overhead
    ledger.reread(Audio(bytes(3000)))
    assert Overhead(1.4) == ledger.overhead


def test_the_header_and_compressed_audio_are_no_overhead() -> None:
    """The header of a WAV stream has no duration, and compressed audio is never sent again."""
    ledger = Ledger(None, keep=10, is_wav=True)
    ledger.record(Audio(wav(bytes(8000))))
    for audio in ledger.restart():
        ledger.replayed(audio)
    assert Overhead(4.0) == ledger.overhead
    compressed = Ledger(None)
    compressed.record(Audio(bytes(100)))
    assert Overhead() == compressed.overhead


def test_places_that_nobody_asks_for_are_forgotten() -> None:
    """However often silence is injected without a result, the timeline is bounded and right."""
    timeline = Timeline(2.0)
    for number in range(20_000):
        timeline.inject(number * 4 + 2, 2)
    assert len(timeline._at) < 10_000
    assert 20_000 == timeline.to_user(40_000)


def test_gaps_of_audio_without_times() -> None:
    """Compressed audio has no gaps that could be closed."""
    ledger = Ledger(None)
    ledger.record(Audio(bytes(100)))
    ledger.close_gaps(None)
    assert ledger.unsettled is None
