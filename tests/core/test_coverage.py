"""Gaps between finals: what is sent again, what counts as silence, and what memory it takes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async._core.evidence import OpenSentences
from paraformer_async._core.gaps import Gap, between
from paraformer_async._core.ledger import Ledger, Span
from paraformer_async._core.messages import Audio
from paraformer_async._core.timeline import Timeline
from paraformer_async.results import Sentence, Word

# 1 kHz: a millisecond is one sample of 2 bytes, its own number.
PER_SECOND = 2000


def numbered(begin: int, end: int) -> bytes:
    """Return the audio between two times in ms."""
    return b"".join(number.to_bytes(2, "big") for number in range(begin, end))


def ranges_of(data: bytes) -> list[tuple[int, int]]:
    """Return the ranges of the audio that *data* consists of, in ms."""
    ranges: list[tuple[int, int]] = []
    for at in range(0, len(data), 2):
        number = int.from_bytes(data[at : at + 2], "big")
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return ranges


class Account:
    """A ledger, and the audio that it was given: the number of each millisecond."""

    def __init__(self, ms: int = 0, *, keep: float = 60.0) -> None:
        self.ledger = Ledger(PER_SECOND, keep=keep)
        self._given = 0
        self.send(ms)

    def send(self, ms: int) -> None:
        """Record audio, in pieces of 100 ms."""
        for at in range(self._given, self._given + ms, 100):
            end = min(at + 100, self._given + ms)
            self.ledger.record(Audio(numbered(at, end)))
        self._given += ms

    def final(self, begin: int, end: int | None, number: int | None = None) -> Sentence:
        """Have a final be received; return it as the user gets it."""
        sentence = Sentence(begin, end, "x", sentence_end=True, sentence_id=number)
        return self.ledger.settle(sentence, is_final=True)

    def partial(self, begin: int, number: int | None = None) -> Sentence:
        """Have a partial result be received; return it as the user gets it."""
        sentence = Sentence(begin, None, "x", sentence_end=False, sentence_id=number)
        return self.ledger.settle(sentence, is_final=False)

    def heartbeat(self, at: int) -> None:
        """Have a sign of life be received."""
        sentence = Sentence(at, at, heartbeat=True, sentence_id=0)
        assert sentence is self.ledger.settle(sentence, is_final=False)

    def restart(self) -> list[tuple[int, int]]:
        """Begin another task; return the ranges of the audio that it receives, in ms."""
        return ranges_of(b"".join(bytes(audio.data) for audio in self.ledger.restart()))


class TestGaps:
    """What no final covers comes again, wherever it lies."""

    def test_all_gaps_are_sent_again_in_order(self) -> None:
        """Of five sentences, the finals of two are known: the other three are sent again."""
        account = Account(5000)
        account.final(3000, 4000)
        account.final(1000, 2000)
        assert 3.0 == account.ledger.unsettled
        assert [(0, 1000), (2000, 3000), (4000, 5000)] == account.restart()
        assert [(0, 1000), (2000, 3000), (4000, 5000)] == account.restart()

    def test_how_much_is_sent_again(self) -> None:
        """Not what was passed over, nor what is not kept any longer, but the gaps that are."""
        account = Account(5000)
        account.final(1000, 2000)
        account.final(3000, 4000)
        assert 3.0 == account.ledger.to_replay
        account.heartbeat(4800)
        assert 3.0 == account.ledger.to_replay
        account.send(5000)
        account.heartbeat(9900)
        assert 3.1 == account.ledger.to_replay
        assert [(0, 1000), (2000, 3000), (8900, 10_000)] == account.restart()

    def test_their_finals_settle_them_in_the_next_task(self) -> None:
        """Finals of repeated gaps have the user's times, in any order, and are not repeated."""
        account = Account(5000)
        account.final(3000, 4000)
        account.final(1000, 2000)
        account.restart()
        shown = account.final(1000, 2000)
        assert (2000, 3000) == (shown.begin_time, shown.end_time)
        assert [(0, 1000), (4000, 5000)] == account.restart()
        shown = account.final(0, 1000)
        assert (0, 1000) == (shown.begin_time, shown.end_time)
        shown = account.final(1000, 2000)
        assert (4000, 5000) == (shown.begin_time, shown.end_time)
        assert account.ledger.is_settled

    def test_a_final_over_two_gaps_covers_both(self) -> None:
        """What the new task takes for one sentence covers all of it, and what lies between."""
        account = Account(4000)
        account.final(1000, 2000)
        account.final(3000, 4000)
        assert [(0, 1000), (2000, 3000)] == account.restart()
        account.final(500, 1500)
        assert [(0, 500), (2500, 3000)] == account.restart()

    def test_a_final_within_a_gap_divides_it(self) -> None:
        """What remains on either side of a late final stays, unless it is too short for a word."""
        account = Account(4000)
        account.final(3000, 4000)
        account.final(1000, 1500)
        assert [(0, 1000), (1500, 3000)] == account.restart()
        account.final(100, 900)
        assert [(1500, 3000)] == account.restart()

    def test_a_late_final_without_a_gap_changes_nothing(self) -> None:
        """What was covered stays covered, whatever comes late."""
        account = Account(2000)
        account.final(0, 1000)
        shown = account.final(200, 400)
        assert (200, 400) == (shown.begin_time, shown.end_time)
        assert [(1000, 2000)] == account.restart()

    @given(st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 400)), max_size=12))
    def test_coverage_is_that_of_a_naive_set(self, finals: list[tuple[int, int]]) -> None:
        """Whatever finals come, all is sent again but what they cover and what is too short."""
        account = Account(2000)
        covered: set[int] = set()
        for begin, length in finals:
            account.final(begin, begin + length)
            covered |= set(range(begin, begin + length))
            edges = [-1, *sorted(covered)]
            for before, after in pairwise(edges):
                if after - before - 1 < 200:
                    covered |= set(range(before + 1, after))
        sent = {ms for begin, end in account.restart() for ms in range(begin, end)}
        assert set(range(2000)) - covered == sent

    def test_a_gap_in_pieces_is_cut_anywhere(self) -> None:
        """A part of a gap has the bytes between its ends, however the audio was divided."""
        gap = Gap(2, 12, [b"cd", b"efg", b"hijkl"])
        for begin in range(2, 12):
            for end in range(begin, 13):
                part = gap.part(begin, end)
                expected = b"abcdefghijkl"[begin : min(end, 12)]
                assert expected == b"".join(map(bytes, part.pieces))
                assert begin == part.begin == part.kept_begin
        assert [] == list(between(0, 2, [b"c"], 2))


class TestSilence:
    """What lies between two finals may be nothing."""

    def test_short_pauses_are_nothing(self) -> None:
        """A pause of less than 200 ms holds no word."""
        account = Account(3000)
        account.final(199, 1000)
        account.final(1199, 2000)
        assert [(2000, 3000)] == account.restart()

    def test_long_pauses_are_silence(self) -> None:
        """A pause of more than 10 s is silence, unless a sentence has begun in it."""
        account = Account(30_000)
        account.final(10_001, 11_000)
        account.partial(12_000)
        account.final(28_000, 29_000)
        assert [(11_000, 28_000), (29_000, 30_000)] == account.restart()
        account.final(0, 3000)
        assert [(29_000, 30_000)] == account.restart()

    def test_nothing_is_missing_between_consecutive_numbers(self) -> None:
        """Where the service numbers its sentences, the pause between two is not sent again."""
        account = Account(9000)
        account.final(500, 1000, 1)
        account.final(2000, 3000, 2)
        account.final(4000, 5000, 4)
        account.final(6000, 7000, 5)
        assert [(3000, 4000), (7000, 9000)] == account.restart()

    def test_each_task_numbers_anew(self) -> None:
        """The first number of a new task shows that what was repeated before it is silence."""
        account = Account(4000)
        account.final(1000, 2000)
        account.restart()
        shown = account.final(1500, 2000, 1)
        assert (2500, 3000) == (shown.begin_time, shown.end_time)
        assert [(3000, 4000)] == account.restart()

    def test_numbers_are_no_evidence_against_a_sentence_that_has_begun(self) -> None:
        """If a sentence has begun in the pause, it is sent again whatever the numbers are."""
        account = Account(4000)
        account.partial(0)
        account.final(2000, 3000, 1)
        assert [(0, 2000), (3000, 4000)] == account.restart()

    def test_numbers_that_do_not_follow_time_are_no_evidence(self) -> None:
        """A service that counts its finals as it sends them shows nothing by that."""
        for first, second in ((1, 2), (2, 1)):
            account = Account(9000)
            account.final(1000 * first, 1000 * first + 500, second)
            account.final(1000 * second, 1000 * second + 500, first)
            account.final(6000, 7000, 3)
            assert (2500, 6000) in account.restart()

    def test_a_final_that_was_corrected_is_no_new_number(self) -> None:
        """A corrected final covers what it was extended by; it says nothing about a pause."""
        account = Account(6000)
        account.final(500, 1000, 1)
        account.final(500, 1500, 1)
        assert 1500 == account.ledger.settled
        account.final(500, 900, 1)
        account.final(3000, 4000, 3)
        account.final(2000, 2500, 2)
        account.final(500, 1400, 1)
        assert [(1500, 2000), (2500, 3000), (4000, 6000)] == account.restart()

    def test_gaps_are_forgotten_when_finals_are_far_beyond(self) -> None:
        """Finals do not come later than after a minute of audio."""
        account = Account(keep=80.0)
        for begin in range(0, 65_000, 13_000):
            account.send(13_000)
            account.final(begin + 300, begin + 13_000)
        assert [(at, at + 300) for at in range(13_000, 65_000, 13_000)] == account.restart()

    def test_a_heartbeat_does_not_hide_the_sentence_that_begins_there(self) -> None:
        """A sentence can begin where a heartbeat was, and is open then."""
        account = Account(4000)
        account.heartbeat(1000)
        account.partial(1000)
        account.heartbeat(3500)
        assert [(0, 4000)] == account.restart()

    def test_a_partial_of_what_is_covered_opens_nothing(self) -> None:
        """A late partial result neither keeps audio nor stops silence from being passed over."""
        account = Account(9000)
        account.final(0, 3000)
        account.partial(1000)
        account.heartbeat(8000)
        assert [(7000, 9000)] == account.restart()

    def test_a_begin_that_was_rounded_is_open(self) -> None:
        """A begin that lies a little before the end of the last final is that of a new sentence."""
        account = Account(9000)
        account.final(0, 3000)
        account.partial(2990)
        account.heartbeat(8000)
        assert [(3000, 9000)] == account.restart()

    def test_a_sentence_that_begins_elsewhere_is_the_same(self) -> None:
        """A partial result can correct its begin; the final of that number closes it."""
        account = Account(9000)
        account.partial(1000, 1)
        account.partial(1200, 1)
        account.final(2000, 3000, 1)
        account.heartbeat(8000)
        assert [(7000, 9000)] == account.restart()

    def test_open_sentences_are_bounded(self) -> None:
        """A service that begins a sentence after the other, and ends none, takes no memory."""
        opens = OpenSentences()
        for begin in range(1000):
            opens.open(Sentence(begin, sentence_id=begin), begin)
            opens.skip([begin], begin)
        assert 64 == len(opens.begins) == len(opens.unseen)
        assert opens.within(0, 1)


class TestSkippedNumbers:
    """A number that was skipped is that of a sentence whose results are late."""

    def test_a_later_sentence_passes_over_none(self) -> None:
        """A partial result of the second sentence says that there is a first, before it."""
        account = Account(6000)
        account.partial(4400, 2)
        assert [(0, 6000)] == account.restart()

    @pytest.mark.parametrize("is_announced", [False, True])
    def test_it_has_been_seen_once_its_result_comes(self, is_announced: bool) -> None:
        """The sentence is late, and nothing else is missing: silence is passed over again."""
        account = Account(9000)
        account.partial(4400, 2)
        if is_announced:
            account.partial(1200, 1)
        account.final(1200, 1400, 1)
        account.final(4400, 5000, 2)
        account.heartbeat(8000)
        assert [(7000, 9000)] == account.restart()

    def test_a_long_pause_is_none(self) -> None:
        """Between finals whose numbers are not consecutive, there is a sentence, however far."""
        account = Account(60_000)
        account.final(50_000, 51_000, 4)
        account.final(1000, 2000, 1)
        account.final(20_000, 21_000, 2)
        assert [(0, 1000), (21_000, 50_000), (51_000, 60_000)] == account.restart()

    def test_silence_that_the_service_has_reported_is_none(self) -> None:
        """A sentence that had no result does not begin before a heartbeat."""
        account = Account(9000)
        account.final(0, 500, 1)
        account.heartbeat(4000)
        account.partial(6000, 3)
        assert [(3000, 9000)] == account.restart()

    def test_it_is_not_far_away(self) -> None:
        """A sentence that had no result does not begin more than half a minute before another."""
        account = Account(50_000)
        account.partial(45_000, 2)
        assert [(14_000, 50_000)] == account.restart()

    @pytest.mark.parametrize("number", [None, "2", 0, 1, 37, -3])
    def test_other_numbers_show_nothing(self, number: int | None) -> None:
        """Numbers that are missing, text, the first, or count something else are no evidence."""
        account = Account(6000)
        account.partial(4400, number)
        assert [(3400, 6000)] == account.restart()

    def test_numbers_that_do_not_follow_time_show_nothing(self) -> None:
        """A service that counts its finals as it sends them shows nothing by that."""
        account = Account(9000)
        account.final(2000, 3000, 1)
        account.final(0, 1000, 2)
        account.partial(8000, 4)
        assert [(7000, 9000)] == account.restart()

    def test_a_number_that_never_comes_was_none(self) -> None:
        """After a task without it, or a minute, the service is known to skip numbers."""
        account = Account(6000)
        account.partial(4400, 2)
        account.final(4400, 6000, 2)
        account.ledger.seal()
        account.send(6000)
        account.restart()
        account.partial(4400, 2)
        assert [(9400, 12_000)] == account.restart()

    @pytest.mark.parametrize("step", [1, 2, 3, 9, -1])
    @pytest.mark.parametrize("first", [0, 1, 2, 37])
    @pytest.mark.parametrize("pause", [3000, 20_000])
    def test_no_numbers_hold_a_stream_back(self, first: int, step: int, pause: int) -> None:
        """However a service counts, a stream goes on, and what is kept suffices."""
        account = Account()
        ledger, at = account.ledger, 0
        for number in range(first, first + 20 * step, step):
            for _ in range(0, pause + 1000, 100):
                ledger.record(Audio(bytes(200)))
            at += pause
            account.partial(at, number)
            ledger.record(Audio(bytes(2000)))
            account.final(at, at + 2000, number)
            at += 2000
            assert () == ledger.lost
        assert ledger.horizon - ledger.size > PER_SECOND * 10


class TestMemory:
    """All that is kept has one bound."""

    def test_gaps_make_room_first(self) -> None:
        """When more is unsettled than is kept, gaps without a sentence go first; none is lost."""
        account = Account(2000, keep=2.0)
        account.final(1000, 1100)
        account.send(900)
        assert () == account.ledger.lost
        assert [(800, 1000), (1100, 2900)] == account.restart()
        assert [(800, 1000), (1100, 2900)] == account.restart()

    def test_a_sentence_that_makes_room_is_lost(self) -> None:
        """Speech of a gap that is not kept any more is named as lost, and only once."""
        account = Account(2000, keep=2.0)
        account.partial(300)
        account.final(1000, 1100)
        account.final(1900, 2000)
        account.send(1000)
        assert (Span(0, 800),) == account.ledger.lost
        account.send(1500)
        assert (Span(0, 1000), Span(2000, 2500)) == account.ledger.lost
        assert [(2500, 4500)] == account.restart()
        assert () == account.ledger.lost

    def test_silence_that_was_passed_over_makes_room_before_gaps(self) -> None:
        """What the service has passed over is dropped before what may be a sentence."""
        account = Account(3000, keep=3.0)
        account.final(1000, 1100)
        account.heartbeat(3000)
        account.send(900)
        assert [(0, 1000), (2000, 3900)] == account.restart()

    def test_samples_are_not_divided(self) -> None:
        """What is sent again begins with a whole sample, however odd the pieces were."""
        ledger = Ledger(PER_SECOND, keep=0.1)
        for _ in range(70):
            ledger.record(Audio(b"abc"))
        assert 198 == sum(len(audio.data) for audio in ledger.restart())

    def test_gaps_that_touch_keep_their_places(self) -> None:
        """A gap of which only the end is kept is not joined to the gap that it follows."""
        account = Account(1000, keep=3.0)
        account.final(500, None)
        account.send(1900)
        account.heartbeat(2900)
        account.send(1000)
        account.final(3000, 3500)
        assert [(0, 500), (1400, 3000), (3500, 3900)] == account.restart()
        assert [0, 499, 1400, 3500] == [
            account.partial(at).begin_time for at in (0, 499, 500, 2100)
        ]


class TestReadingAgain:
    """A source delivers again what is not kept; the task receives of it what no final covers."""

    def reread(self, account: Account, begin: int, end: int) -> list[tuple[int, int]]:
        """Deliver audio again, 150 ms at a time; return what the task receives."""
        sent = b""
        for at in range(begin, end, 150):
            piece = numbered(at, min(at + 150, end))
            sent += b"".join(bytes(one.data) for one in account.ledger.reread(Audio(piece)))
        return ranges_of(sent)

    def test_only_what_no_final_covers_is_sent_again(self) -> None:
        """Gaps that are not kept come from the source, and what lies between is skipped."""
        account = Account(6000, keep=1.0)
        account.final(1000, 2000)
        account.final(2500, 3000)
        assert not account.ledger.is_kept
        assert 0 == account.ledger.rewind()
        assert [] == account.restart()
        assert not account.ledger.is_settled
        assert 1.5 == account.ledger.unsettled
        assert [(0, 1000), (2000, 2500), (3000, 6000)] == self.reread(account, 0, 6000)
        shown = [account.final(0, 1000), account.final(1000, 1500), account.final(1500, 2500)]
        assert [(0, 1000), (2000, 2500), (3000, 4000)] == [
            (one.begin_time, one.end_time) for one in shown
        ]
        assert 4000 == account.ledger.settled

    def test_a_final_within_a_gap_that_is_being_read_leaves_its_rest(self) -> None:
        """While a gap has not been delivered whole, its end so far is no end, however short."""
        account = Account(3000, keep=1.0)
        account.final(1000, 2000)
        account.ledger.rewind()
        account.restart()
        assert [(0, 600)] == self.reread(account, 0, 600)
        account.final(0, 550)
        assert [(550, 600)] == account.restart()
        assert [(600, 1000), (2000, 3000)] == self.reread(account, 600, 3000)

    def test_what_is_kept_is_not_read_again(self) -> None:
        """The source continues at the first gap that is not kept; earlier ones are sent at once."""
        account = Account(1000, keep=3.0)
        account.final(500, 1000)
        account.send(2000)
        account.heartbeat(3000)
        account.send(1500)
        account.final(4000, 4500)
        assert () == account.ledger.lost
        assert 2 * 1000 == account.ledger.rewind()
        assert [(0, 500)] == account.restart()
        assert [(1000, 4000)] == self.reread(account, 1000, 4500)

    def test_audio_that_is_read_again_is_bounded(self) -> None:
        """If the gaps alone are more than is kept, they are read again after each drop."""
        account = Account(5000, keep=1.0)
        account.final(2000, 2500)
        for _ in range(2):
            assert 0 == account.ledger.rewind()
            account.restart()
            assert [(0, 2000), (2500, 4000)] == self.reread(account, 0, 4000)
            assert not account.ledger.is_kept

    def test_pieces_that_are_longer_than_what_is_kept_are_read_again(self) -> None:
        """A piece of a gap that cannot be kept is sent all the same, after each drop."""
        account = Account(3000, keep=0.1)
        account.final(0, 1000)
        account.final(1500, 2500)
        for _ in range(2):
            assert 2 * 1000 == account.ledger.rewind()
            account.restart()
            assert [(1000, 1500), (2500, 3000)] == self.reread(account, 1000, 3000)
            assert not account.ledger.is_kept

    def test_injected_silence_is_not_read_again(self) -> None:
        """Silence that comes while gaps are read again is none of their audio."""
        account = Account(3000, keep=1.0)
        account.final(1000, 2000)
        account.ledger.rewind()
        account.restart()
        silence = Audio(bytes(200), injected=True)
        assert [(0, 300)] == self.reread(account, 0, 300)
        assert [silence] == account.ledger.reread(silence)
        assert [(300, 1000), (2000, 3000)] == self.reread(account, 300, 3000)
        shown = account.final(400, 1100)
        assert (300, 1000) == (shown.begin_time, shown.end_time)


class TestTimes:
    """Times of a task that received several gaps."""

    def test_there_are_as_many_jumps_as_gaps(self) -> None:
        """Each time is that of the gap it lies in; an end belongs to what comes before."""
        timeline = Timeline(2.0, begin=200)
        timeline.jump(100, 1000)
        timeline.jump(200, 3000)
        assert [100, 500, 1500] == [timeline.to_user(ms) for ms in (0, 50, 100)]
        assert [150, 550] == [timeline.to_user(ms, is_end=True) for ms in (50, 100)]

    def test_words_begin_behind_the_jump_before_their_end(self) -> None:
        """A begin that was padded moves behind the jump; a sentence begins with its first word."""
        timeline = Timeline(2.0, begin=200)
        timeline.jump(100, 1000)
        timeline.jump(200, 3000)
        words = (Word(20, 50, "a"), Word(49, 70, "b"), Word(95, 120, "c"))
        shown = timeline.translated(Sentence(20, 120, "a b c", words))
        assert (120, 1520) == (shown.begin_time, shown.end_time)
        assert [(120, 150), (500, 520), (1500, 1520)] == [
            (word.begin_time, word.end_time) for word in shown.words
        ]

    def test_a_sentence_over_several_gaps_begins_in_the_first(self) -> None:
        """What begins long before a jump begins there; what is padded moves to the next jump."""
        timeline = Timeline(2.0, begin=200)
        timeline.jump(2000, 3000)
        timeline.jump(4000, 6000)
        shown = [timeline.translated(Sentence(at, 2500, "x")) for at in (400, 900, 1400, 1900)]
        assert [500, 1500, 1900, 3000] == [one.begin_time for one in shown]

    def test_audio_that_continues_is_no_jump(self) -> None:
        """A task that continues where its audio does has the same times, and copies no result."""
        account = Account(1000)
        assert [(0, 1000)] == account.restart()
        sentence = Sentence(0, 500, "x", sentence_end=True)
        assert sentence is account.ledger.settle(sentence, is_final=True)

    def test_no_time_is_negative(self) -> None:
        """A time before all that is remembered is not before the beginning of the audio."""
        timeline = Timeline(2.0)
        timeline.inject(100, 1000)
        timeline.forget_before(200)
        assert 0 == timeline.to_user(50)

    @pytest.mark.parametrize("end", [None, 700])
    def test_a_final_without_an_end_leaves_a_gap(self, end: int | None) -> None:
        """A final without an end covers nothing, but what lies before it is a gap like any."""
        account = Account(2000)
        account.final(700, end)
        assert [(0, 2000)] == account.restart()
