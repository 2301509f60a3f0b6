"""How fast audio is accepted, compared to real time."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async._core.pace import Pace

SECOND = 1000  # bytes


class Source:
    """Gives audio to a pace, which keeps 60 s, by a clock that the test sets."""

    def __init__(self, bytes_per_second: int | None = SECOND, keep: float = 60.0) -> None:
        self.pace = Pace(bytes_per_second, keep)
        self.now = 100.0

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def give(self, seconds: float, *, chunk: float = 0.1, is_full: bool = False) -> None:
        """Give so many seconds of audio at once, and fill the buffer with it if *is_full*."""
        for _ in range(round(seconds / chunk)):
            self.pace.accept(round(chunk * SECOND), self.now, is_full=is_full)

    def live(self, seconds: float, *, chunk: float = 0.1) -> bool:
        """Give audio in real time; return whether any of it was ahead."""
        was_ahead = False
        for _ in range(round(seconds / chunk)):
            self.wait(chunk)
            self.give(chunk, chunk=chunk)
            was_ahead |= self.is_ahead()
        return was_ahead

    def is_ahead(self, waiting: float = 0.0) -> bool:
        """Whether audio is ahead after which so many more seconds were accepted."""
        return self.pace.is_ahead(round(waiting * SECOND), self.now)


@pytest.mark.parametrize("chunk", [0.02, 0.1, 1.0, 10.0, 40.0])
def test_real_time_is_never_ahead(chunk: float) -> None:
    """Audio that is given as it is recorded is not ahead, however long its chunks are."""
    source = Source()
    assert not source.live(200, chunk=chunk)
    source.wait(600)
    assert not source.live(200, chunk=chunk)
    assert inf == source.pace.held_until


def test_a_clock_that_is_fast_is_not_ahead() -> None:
    """A sound card whose clock runs 1 % fast is in real time, also after hours."""
    source = Source()
    for _ in range(20_000):
        source.wait(0.99)
        source.give(1.0)
    assert not source.is_ahead()


def test_what_is_faster_is_ahead_until_its_time() -> None:
    """Audio that cannot have been recorded yet is ahead until it can have been."""
    source = Source()
    source.give(102)
    assert source.is_ahead()
    due = source.pace.held_until
    assert due - source.now == pytest.approx(98, abs=0.2)
    source.now = due - 0.01
    assert source.is_ahead()
    source.now = due
    assert not source.is_ahead()
    assert inf == source.pace.held_until


def test_what_comes_first_is_due_first() -> None:
    """Audio is ahead by its own position, not by that of what was accepted after it."""
    source = Source()
    source.give(102)
    assert source.is_ahead(waiting=51)
    assert source.pace.held_until - source.now == pytest.approx(48, abs=0.2)
    assert not source.is_ahead(waiting=102)


def test_idle_time_is_no_credit() -> None:
    """Recorded audio at once after ten idle minutes is ahead from its second second on."""
    source = Source()
    source.live(5)
    source.wait(600)
    source.give(2)
    assert not source.is_ahead()
    source.give(300)
    assert source.is_ahead()
    assert source.pace.held_until - source.now == pytest.approx(294, abs=1)


@settings(max_examples=100)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["live", "silent", "outage"]), st.integers(1, 44)), max_size=12
    ),
    chunk=st.sampled_from([0.02, 0.1, 0.25]),
    buffer=st.integers(1, 10),
)
def test_a_live_source_is_never_ahead(
    steps: list[tuple[str, int]], chunk: float, buffer: int
) -> None:
    """Whatever silences and outages there are, audio that is given as it is recorded may leave."""
    source = Source()
    for kind, seconds in steps:
        if kind == "silent":
            source.wait(seconds)
            continue
        assert not source.live(min(seconds, buffer) if kind == "outage" else seconds, chunk=chunk)
        if kind == "outage" and seconds > buffer:
            source.wait(chunk)
            source.give(chunk, chunk=chunk, is_full=True)
            source.wait(seconds - buffer)
            source.give(seconds - buffer, chunk=chunk)
            assert not source.is_ahead()


@settings(max_examples=100)
@given(
    steps=st.lists(st.tuples(st.floats(0, 700), st.integers(1, 400)), min_size=1, max_size=8),
    chunk=st.sampled_from([0.1, 1.0]),
)
def test_bursts_are_ahead_however_idle_the_source_was(
    steps: list[tuple[float, int]], chunk: float
) -> None:
    """A burst is ahead as soon as it is longer than its largest chunk and what is forgiven."""
    source = Source()
    for idle, seconds in steps:
        source.wait(idle)
        source.give(seconds, chunk=chunk)
        assert source.is_ahead() or seconds < 3 + chunk


@pytest.mark.parametrize("outage", [5, 20, 45])
def test_what_had_to_wait_is_not_ahead(outage: int) -> None:
    """Live audio that gathered while the buffer was full is in real time when it is accepted."""
    source = Source()
    source.live(100)
    source.give(0.1, is_full=True)
    source.wait(outage)
    source.give(outage)
    assert not source.is_ahead()
    assert not source.live(100)
    source.wait(60)
    source.give(4)
    assert source.is_ahead()


def test_credit_is_bounded_by_what_is_kept() -> None:
    """However long a source had to wait, audio is ahead before more than is kept was accepted."""
    source = Source()
    source.give(0.1, is_full=True)
    source.wait(1000)
    source.give(60)
    assert source.is_ahead()


def test_one_large_chunk_is_ahead() -> None:
    """Minutes of audio in one chunk cannot be told from recorded audio, and are ahead."""
    source = Source()
    source.live(5)
    source.wait(600)
    source.give(300, chunk=300)
    assert source.is_ahead()


def test_compressed_audio_is_never_ahead() -> None:
    """Without a known rate, nothing is held back."""
    source = Source(bytes_per_second=None)
    source.give(1000)
    assert not source.is_ahead()


def test_it_stops_holding_back_when_it_is_due() -> None:
    """When the time of held-back audio has come, the deadline is over; not before."""
    source = Source()
    source.give(102)
    assert source.is_ahead()
    due = source.pace.held_until
    source.pace.release(due - 0.01)
    assert due == source.pace.held_until
    source.pace.release(due)
    assert inf == source.pace.held_until


@pytest.mark.parametrize("keep", [0.5, 3.0, 60.0, 600.0])
def test_what_may_be_ahead_is_kept(keep: float) -> None:
    """Whatever a source has to its credit, less than three quarters of *keep* are not ahead."""
    source = Source(keep=keep)
    source.give(0.01, chunk=0.01, is_full=True)
    source.wait(1000)
    source.give(keep * 0.8, chunk=0.01)
    assert source.is_ahead()
