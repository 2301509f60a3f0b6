"""Whether and when another attempt is made, as tables."""

import math

import pytest

from paraformer_async import (
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    LocalProtocolError,
    Reconnect,
    ServiceError,
    TaskFailedError,
)
from paraformer_async._core.protocol import Phase
from paraformer_async._core.retries import Retries, Setback
from paraformer_async.testing.marking import marked, marks_of
from tests.core.simulation import RATE, World

LOST = ConnectionLostError(1006)
FAILED = TaskFailedError("InternalError", "try again")
THROTTLED = TaskFailedError("Throttling.RateQuota", "Requests rate limit exceeded")
UNAVAILABLE = HandshakeError(503)
REFUSED = ConnectError("refused", retryable=True)

# The backoff of these tests: as many seconds as there were failures in a row.
dropped = Setback(LOST, was_connected=True)
dropped_late = Setback(LOST, was_connected=True, ran_for=5.0)
dropped_after_words = Setback(LOST, was_connected=True, ran_for=1.0, gained=1000)
failed = Setback(FAILED, was_connected=True)
failed_late = Setback(FAILED, was_connected=True, ran_for=60.0)
throttled = Setback(THROTTLED, was_connected=True)
refused = Setback(UNAVAILABLE)
stale = Setback(LOST, was_connected=True, was_stale=True)


def test_a_finished_task_gives_the_budget_back() -> None:
    """However short the tasks between two seams are, those that are finished are progress."""
    retries = Retries(Reconnect(attempts=2, backoff=float))
    for _ in range(9):
        assert 1 == retries.delay(dropped, 0.0)
        assert 1 == retries.delay(throttled, 0.0)
        retries.finished()
        assert 0 == retries.failures


def delays(setbacks: list[Setback], policy: Reconnect | None) -> list[float | None]:
    """Return the decision after each setback."""
    retries = Retries(policy)
    return [retries.delay(setback, float(now)) for now, setback in enumerate(setbacks)]


@pytest.mark.parametrize(
    ("setbacks", "expected"),
    [
        pytest.param([refused] * 5, [1, 2, 3, 4, None], id="the budget counts failures in a row"),
        pytest.param([throttled] * 5, [1, 2, 3, 4, 5], id="throttling costs no budget"),
        pytest.param([dropped] * 3, [1, 2, None], id="three connections in vain end it"),
        pytest.param([failed] * 3, [1, 2, None], id="and so do three failed tasks"),
        pytest.param(
            [dropped, throttled, dropped, dropped],
            [1, 1, 2, None],
            id="throttling is no connection in vain, and does not excuse those before",
        ),
        pytest.param(
            [dropped, refused, refused, dropped, dropped],
            [1, 2, 3, 4, None],
            id="a refusal is no connection in vain",
        ),
        pytest.param([dropped_after_words] * 9, [1] * 9, id="words give the budget back"),
        pytest.param([dropped_late] * 9, [1] * 9, id="5 s of connection give the budget back"),
        pytest.param(
            [dropped, dropped, dropped_after_words, dropped, dropped],
            [1, 2, 1, 2, 3],
            id="words give the patience with connections back, too",
        ),
        pytest.param(
            [refused, refused, refused, dropped_late, refused],
            [1, 2, 3, 1, 2],
            id="the budget is full again",
        ),
        pytest.param(
            [failed_late] * 3, [1, 2, None], id="a task that fails after a minute is no success"
        ),
        pytest.param(
            [dropped, stale, stale, stale, dropped, dropped],
            [1, 0, 0, 0, 2, None],
            id="a stale connection costs nothing and changes nothing",
        ),
    ],
)
def test_the_budget(setbacks: list[Setback], expected: list[float | None]) -> None:
    """With four attempts, each row of the table is decided as its name suggests."""
    assert expected == delays(setbacks, Reconnect(attempts=4, backoff=float))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ConnectionLostError(1006), 1),
        (ConnectionLostError(1000), 1),
        (ConnectionLostError(1008), None),
        (DeadlineError("connect", 1), 1),
        (DeadlineError("finish", 1), 1),
        (DeadlineError("pool", 1), None),
        (HandshakeError(429), 1),
        (HandshakeError(500), 1),
        (HandshakeError(404), None),
        (TaskFailedError("InternalError", ""), 1),
        (TaskFailedError("InvalidParameter", ""), None),
        (LocalProtocolError("ours"), None),
    ],
    ids=str,
)
def test_what_is_not_worth_it(failure: ServiceError, expected: float | None) -> None:
    """A failure that the same audio would bring again is never tried again, not even once."""
    assert [expected] == delays([Setback(failure)], Reconnect(backoff=float))


@pytest.mark.parametrize(("seconds", "expected"), [(60.0, 60.0), (61.0, None), (math.inf, None)])
def test_a_service_that_wants_to_be_left_alone(seconds: float, expected: float | None) -> None:
    """What the service asks for is waited for, up to a minute; then its failure is raised."""
    failure = HandshakeError(503, retry_after=seconds)
    assert [expected] == delays([Setback(failure)], Reconnect(backoff=float))


@pytest.mark.parametrize("setback", [dropped, dropped_after_words], ids=str)
def test_without_a_policy(setback: Setback) -> None:
    """Without a policy, a stale connection is replaced, and nothing is tried again."""
    assert [0, 0, None] == delays([stale, stale, setback], None)


def test_it_ends_without_any_result() -> None:
    """Connections that hold, but never bring a result, are given up after five times the budget."""
    in_vain = delays([dropped_late] * 21, Reconnect(attempts=4, backoff=float))
    assert [1] * 20 + [None] == in_vain
    mixed = [*[dropped_late] * 20, dropped_after_words, *[dropped_late] * 20]
    assert None not in delays(mixed, Reconnect(attempts=4, backoff=float))


@pytest.mark.parametrize(("retry_after", "expected"), [(0.0, 1), (0.5, 1), (7.0, 7)])
def test_the_service_may_ask_for_more(retry_after: float, expected: float) -> None:
    """The longer wait counts: the policy's, or the one that the service asked for."""
    refusal = HandshakeError(429, retry_after=retry_after)
    assert [expected] == delays([Setback(refusal)], Reconnect(backoff=float))


def test_failures_are_counted_in_a_row() -> None:
    """`failures` counts those since the last progress, for the observer."""
    retries = Retries(Reconnect())
    counted = []
    for setback in (refused, throttled, stale, dropped_after_words, dropped):
        retries.delay(setback, 0.0)
        counted.append(retries.failures)
    assert [1, 1, 1, 1, 2] == counted


def test_the_default_policy_ends_within_reason() -> None:
    """By default six failures in a row are put up with, a wait of 8 s at most after each."""
    given = delays([refused] * 7, Reconnect())
    assert [False] * 6 + [True] == [delay is None for delay in given]
    assert all(0 <= delay <= 8 for delay in given if delay is not None)


def test_an_outage_is_survived_for_as_long_as_the_audio_is_kept() -> None:
    """Once there was progress, attempts go on for `keep` seconds, and end after them."""
    retries = Retries(Reconnect(attempts=2, backoff=float, keep=30))
    assert retries.delay(dropped_after_words, 100.0) is not None
    for now in range(101, 130):
        assert retries.delay(refused if now % 2 else dropped, float(now)) is not None
    assert not retries.is_outlasted
    assert retries.delay(refused, 130.0) is None
    assert retries.is_outlasted


@pytest.mark.parametrize("accepted", [dropped, stale], ids=["dropped", "stale"])
def test_an_outage_after_the_first_connection_is_survived(accepted: Setback) -> None:
    """A service that has accepted a connection is waited for, results or not."""
    retries = Retries(Reconnect(attempts=2, backoff=float, keep=30))
    assert retries.delay(accepted, 0.0) is not None
    for now in range(1, 30):
        assert retries.delay(refused, float(now)) is not None
    assert not retries.is_outlasted
    assert retries.delay(refused, 31.0) is None
    assert retries.is_outlasted


def test_connections_that_are_accepted_and_cut_are_an_outage_of_a_task_that_had_started() -> None:
    """Once a task has started, only tasks that start again, in vain, end it early."""
    started = Setback(LOST, was_connected=True, has_started=True, ran_for=0.6)
    retries = Retries(Reconnect(attempts=2, backoff=float, keep=30))
    for now in range(30):
        assert retries.delay(dropped if now else started, float(now)) is not None
    assert retries.delay(dropped, 30.0) is None
    assert retries.is_outlasted
    assert [1, 2, None] == delays([started] * 3, Reconnect(attempts=4, backoff=float))


def test_a_live_stream_without_results_survives_an_outage() -> None:
    """A stream that has just begun loses nothing if the service cannot be reached for 20 s."""
    world = World(reconnect=Reconnect(backoff=lambda _: 1.0))
    world.machine._retries = Retries(world.options.reconnect)
    world.connect()
    world.pump()
    for second in range(20):
        world.machine.send(marked(1000, sample_rate=RATE, first=second * 50), world.now)
        world.lose(ConnectionLostError(1006) if second == 0 else REFUSED)
        assert world.error is None
        world.tick(1.0)
    world.settle()
    world.machine.finish(world.now)
    world.settle()
    assert Phase.DONE is world.machine.phase
    assert list(range(20 * 50)) == marks_of(world.results)


def test_an_outage_ends_with_progress() -> None:
    """Each outage has all the time: progress between two of them starts it anew."""
    retries = Retries(Reconnect(attempts=2, backoff=float, keep=30))
    for now in range(0, 200, 20):
        assert retries.delay(dropped_after_words, float(now)) is not None
        assert retries.delay(refused, float(now + 10)) is not None


def test_progress_that_is_not_worth_a_task_ends_it() -> None:
    """Tasks that gain a millisecond each do not reset the budget; half a second does."""
    a_little = Setback(LOST, was_connected=True, gained=1)
    assert [1, 2, None] == delays([a_little] * 3, Reconnect(attempts=4, backoff=float))
    more = Setback(LOST, was_connected=True, gained=250)
    assert [1, 1, 2, 1] == delays([more, more, more, more], Reconnect(attempts=4, backoff=float))


def test_a_throttled_account_is_waited_for_with_a_bound_of_its_own() -> None:
    """Throttling is waited out for `busy` seconds, and from the beginning after another failure."""
    retries = Retries(Reconnect(attempts=2, backoff=float, busy=100))
    for now in range(100):
        assert retries.delay(throttled, float(now)) is not None
    assert retries.delay(throttled, 100.0) is None
    assert retries.delay(refused, 101.0) == 1
    assert retries.delay(throttled, 102.0) == 1


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1, "x", None, 10**400])
@pytest.mark.parametrize("setback", [dropped, throttled])
def test_a_backoff_that_is_no_number_of_seconds(seconds: object, setback: Setback) -> None:
    """A backoff of the user that returns nonsense is one clear error."""
    retries = Retries(Reconnect(backoff=lambda _: seconds))  # type: ignore[arg-type, return-value]
    with pytest.raises(InvalidOptionError, match=r"reconnect\.backoff.*number of seconds"):
        retries.delay(setback, 0.0)
