"""Several addresses: which one is used, when another one is, and when the first one is again."""

import pytest

from paraformer_async import (
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    ServiceError,
    TaskFailedError,
    UsageError,
)
from paraformer_async._net.endpoints import REST, Endpoints
from tests.client.clock import Clock

A, B, C = URLS = ("ws://a", "ws://b", "ws://c")
LOST = ConnectionLostError(1006)
DOWN = ConnectError("no connection", retryable=True)


@pytest.fixture
def clock() -> Clock:
    """A clock that is moved by hand."""
    return Clock()


@pytest.fixture
def endpoints(clock: Clock) -> Endpoints:
    """What is known of the addresses: nothing but their order."""
    endpoints = Endpoints(clock)
    endpoints.in_order(URLS)
    return endpoints


def test_the_order_of_preference(endpoints: Endpoints) -> None:
    """The addresses are tried in the given order."""
    assert URLS == endpoints.in_order(URLS)
    assert (A,) == endpoints.in_order((A,))


def test_an_address_that_fails_rests(endpoints: Endpoints, clock: Clock) -> None:
    """An address without a connection comes last, and after its rest one caller tries it first."""
    assert endpoints.not_connected(A, DOWN)
    assert (B, C, A) == endpoints.in_order(URLS)
    clock.now = REST
    assert (A, B, C) == endpoints.in_order(URLS)
    assert (B, C, A) == endpoints.in_order(URLS)
    clock.now += REST
    assert (A, B, C) == endpoints.in_order(URLS)
    endpoints.connected(A)
    assert (A, B, C) == endpoints.in_order(URLS)


def test_all_addresses_rest(endpoints: Endpoints, clock: Clock) -> None:
    """If all fail, all are tried, the one that has rested longest first."""
    for url in (B, C, A):
        endpoints.not_connected(url, DOWN)
        clock.now += 1
    assert (B, C, A) == endpoints.in_order(URLS)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (DOWN, True),
        (ConnectError("unknown host"), True),
        (HandshakeError(503), True),
        (DeadlineError("connect", 10), True),
        (HandshakeError(404), True),
        (HandshakeError(302), True),
        (HandshakeError(429), False),
        (HandshakeError(400), False),
        (AuthenticationError(401), False),
        (AuthenticationError(403), False),
    ],
    ids=repr,
)
def test_whose_fault_a_refusal_is(
    endpoints: Endpoints, failure: ServiceError, *, expected: bool
) -> None:
    """An address is left for what is not the fault of the request or of the account."""
    assert expected is endpoints.not_connected(A, failure)
    assert ((B, C, A) if expected else URLS) == endpoints.in_order(URLS)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (TaskFailedError("InternalError", ""), True),
        (DeadlineError("started", 10), True),
        (LOST, True),
        (TaskFailedError("InvalidParameter", ""), False),
        (TaskFailedError("Throttling.RateQuota", ""), False),
        (TaskFailedError("CLIENT_ERROR", "request timeout after 23 seconds."), False),
        (DeadlineError("quota", 60), False),
        (ConnectionLostError(1007), False),
        (UsageError("closed"), False),
    ],
    ids=repr,
)
def test_two_tasks_in_a_row(endpoints: Endpoints, failure: Exception, *, expected: bool) -> None:
    """One failed task is no evidence; the second in a row is, if the address is at fault."""
    endpoints.ended(A, failure, is_excused=False)
    assert URLS == endpoints.in_order(URLS)
    endpoints.ended(A, failure, is_excused=False)
    assert ((B, C, A) if expected else URLS) == endpoints.in_order(URLS)


def test_a_task_that_succeeds_clears_the_record(endpoints: Endpoints) -> None:
    """Only consecutive failures count."""
    for failure in (LOST, None, LOST):
        endpoints.ended(A, failure, is_excused=False)
    assert URLS == endpoints.in_order(URLS)


def test_a_failure_that_is_excused(endpoints: Endpoints) -> None:
    """What is no evidence against an address is not counted, however often it happens."""
    for _ in range(5):
        endpoints.ended(A, LOST, is_excused=True)
    assert URLS == endpoints.in_order(URLS)


def test_an_address_without_alternatives_is_not_remembered(clock: Clock) -> None:
    """Of the only address, no failure is kept: there is nothing to choose."""
    endpoints = Endpoints(clock)
    assert (A,) == endpoints.in_order((A,))
    for _ in range(3):
        endpoints.ended(A, DOWN, is_excused=False)
    assert URLS == endpoints.in_order(URLS)


def test_a_switch_is_noted_once(endpoints: Endpoints) -> None:
    """A switch has the previous address and its failure; the way back has no failure."""
    assert endpoints.switched(URLS, A) is None
    endpoints.not_connected(A, DOWN)
    assert (A, DOWN) == endpoints.switched(URLS, B)
    assert endpoints.switched(URLS, B) is None
    assert (B, None) == endpoints.switched(URLS, A)


def test_the_first_connection_may_be_a_switch(endpoints: Endpoints) -> None:
    """If the preferred address never worked, the first connection is a switch already."""
    assert (A, None) == endpoints.switched(URLS, B)
