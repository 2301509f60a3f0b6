"""How fast audio is sent, compared to real time."""

from math import inf

from paraformer_async._core.pace import Pace


def test_real_time_is_never_ahead() -> None:
    """Audio that can have been recorded by now, and a little more, is not held back."""
    pace = Pace(1000)
    pace.begin(10.0)
    for second in range(60):
        assert not pace.is_ahead(second * 1000 + 1000, 10.0 + second)
        assert inf == pace.held_until


def test_what_is_faster_is_ahead_until_its_time() -> None:
    """Audio that cannot have been recorded yet is held back until it can have been."""
    pace = Pace(1000)
    pace.begin(10.0)
    assert pace.is_ahead(5000, 10.0)
    assert 14.0 == pace.held_until
    assert pace.is_ahead(5000, 13.9)
    assert not pace.is_ahead(5000, 14.0)
    assert inf == pace.held_until


def test_it_begins_once() -> None:
    """Another connection does not turn the clock back."""
    pace = Pace(1000)
    pace.begin(0.0)
    pace.begin(100.0)
    assert not pace.is_ahead(50_000, 100.0)


def test_without_a_beginning_or_a_rate_nothing_is_ahead() -> None:
    """Before the first connection, and for compressed audio, nothing is held back."""
    assert not Pace(1000).is_ahead(10**9, 0.0)
    compressed = Pace(None)
    compressed.begin(0.0)
    assert not compressed.is_ahead(10**9, 0.0)


def test_what_may_be_ahead_is_kept() -> None:
    """Audio may be ahead by half of what is kept, if that is less than a second."""
    pace = Pace(1000, keep=0.5)
    pace.begin(0.0)
    assert not pace.is_ahead(250, 0.0)
    assert pace.is_ahead(251, 0.0)
