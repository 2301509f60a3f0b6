"""The waits of a recognition."""

from math import inf

import pytest

from paraformer_async import Timeouts
from paraformer_async._core.deadlines import Deadlines


def test_no_wait_has_no_deadline() -> None:
    """When nothing is waited for, nothing is ever overdue."""
    waits = Deadlines(Timeouts())
    assert inf == waits.soonest()
    assert waits.overdue(1e9) is None
    waits.end("send")


def test_the_first_to_run_out_counts() -> None:
    """Of several waits the one counts that runs out first, and it is named."""
    waits = Deadlines(Timeouts(started=3, send=1))
    waits.begin("started", 10.0)
    waits.begin("send", 11.0)
    assert 12.0 == waits.soonest()
    assert waits.overdue(11.9) is None
    assert "send" == waits.overdue(12.0)
    assert "send" in waits
    waits.end("send")
    assert "send" not in waits
    assert 13.0 == waits.soonest()
    assert "started" == waits.overdue(13.0)


def test_a_wait_that_begins_again_has_all_its_time() -> None:
    """A wait that begins again is counted from then."""
    waits = Deadlines(Timeouts(finish=5))
    waits.begin("finish", 0.0)
    waits.begin("finish", 4.0)
    assert 9.0 == waits.soonest()


def test_only_what_has_begun_is_renewed() -> None:
    """Progress renews a wait that is going on, and begins none."""
    waits = Deadlines(Timeouts(send=2, finish=5))
    waits.begin("send", 0.0)
    waits.renew("send", 1.0)
    waits.renew("finish", 1.0)
    assert 3.0 == waits.soonest()
    assert "finish" not in waits


def test_all_end_at_once() -> None:
    """When an attempt has ended, nothing is waited for."""
    waits = Deadlines(Timeouts())
    waits.begin("send", 0.0)
    waits.begin("finish", 0.0)
    waits.clear()
    assert inf == waits.soonest()


@pytest.mark.parametrize("wait", Timeouts.__struct_fields__)
def test_each_limit_is_that_of_its_name(wait: str) -> None:
    """Each wait has the bound of its name in `Timeouts`."""
    assert 0.5 == Deadlines(Timeouts(**{wait: 0.5})).limit(wait)
