"""The count that the processes of a cluster share, without a cluster."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paraformer_async.integrations.ray.leases import Leases

LEASE, WINDOW = 10.0, 1.1


@pytest.fixture
def leases() -> Leases:
    """Return a count without grants."""
    return Leases(LEASE, WINDOW)


def test_no_more_than_the_quota(leases: Leases) -> None:
    """As many grants as the quota are free at first, and none after they were made."""
    assert 3 == leases.free("key", 3, 0.0)
    assert [1, 2, 3] == leases.grant("key", 3, 0.0)
    assert (0, 2) == (leases.free("key", 3, 0.0), leases.free("key", 5, 0.0))


def test_a_used_grant_counts_for_a_second_from_its_use(leases: Leases) -> None:
    """However long a grant was held, its task counts from the report on."""
    used = leases.grant("key", 1, 0.0)
    leases.used(used, 5.0)
    assert 5.0 + WINDOW == leases.next("key", 1, 5.0)
    assert (0, 1) == (leases.free("key", 1, 6.0), leases.free("key", 1, 5.0 + WINDOW))


def test_a_grant_of_which_nothing_is_known_counts_as_long_as_it_may_be_used(
    leases: Leases,
) -> None:
    """A process that has died may have submitted its task in the last moment."""
    leases.grant("key", 1, 0.0)
    assert LEASE + WINDOW == leases.next("key", 1, 3.0)
    assert (0, 1) == (leases.free("key", 1, 11.0), leases.free("key", 1, LEASE + WINDOW))


def test_a_grant_that_is_given_back_is_free_at_once(leases: Leases) -> None:
    """Only once: giving it back, or reporting its use, again changes nothing."""
    first, second = leases.grant("key", 2, 0.0)
    leases.give_back([first])
    leases.give_back([first])
    leases.used([first], 0.0)
    assert (1, 0.0) == (leases.free("key", 2, 0.0), leases.next("key", 2, 0.0))
    leases.used([second], 0.0)
    leases.give_back([second])
    assert 1 == leases.free("key", 2, 0.0)


def test_what_is_not_known_is_ignored(leases: Leases) -> None:
    """The ids of another counter, and those that have expired, change nothing."""
    leases.grant("key", 1, 0.0)
    assert 1 == leases.free("key", 1, 20.0)
    leases.used([1, 99], 20.0)
    leases.give_back([1, 99])
    assert 1 == leases.free("key", 1, 20.0)


def test_each_key_is_counted_by_itself(leases: Leases) -> None:
    """What is granted for one model leaves the quota of another one alone."""
    leases.grant(("ws://a", "one"), 5, 0.0)
    free = [leases.free(("ws://a", model), 5, 0.0) for model in ("one", "two")]
    assert [0, 5] == free


@dataclass
class Held:
    """A grant of a process, by the clock of the test."""

    number: int
    since: float


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "use", "give back", "die"]), st.floats(0, 4)),
    min_size=10,
    max_size=80,
)


@settings(max_examples=100)
@given(per_second=st.integers(1, 4), steps=STEPS, delay=st.floats(0, 0.5))
def test_the_service_never_counts_more(
    per_second: int, steps: list[tuple[str, float]], delay: float
) -> None:
    """Whatever processes do with grants, tasks arrive within the quota; reports may be late."""
    leases = Leases(LEASE, WINDOW)
    now = 0.0
    held: list[Held] = []
    submitted: list[float] = []
    reports: list[tuple[float, int]] = []
    for step, wait in steps:
        now += wait
        for due, number in [one for one in reports if one[0] <= now]:
            leases.used([number], due)
        reports = [one for one in reports if one[0] > now]
        held = [one for one in held if now < one.since + LEASE]
        if step == "take":
            free = leases.free("key", per_second, now)
            held += [Held(number, now) for number in leases.grant("key", free, now)]
        elif held:
            one = held.pop(0)
            if step == "give back":
                leases.give_back([one.number])
            else:
                submitted.append(now)
            if step == "use":
                reports.append((now + delay, one.number))
    for early, late in zip(submitted, submitted[per_second:], strict=False):
        assert late - early >= 1.0
