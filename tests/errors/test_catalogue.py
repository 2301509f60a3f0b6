"""The catalogue: each failure that was seen, whether a retry may help, and what to do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paraformer_async.errors import (
    AuthenticationError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    RequestError,
    ServiceError,
    TaskFailedError,
)
from paraformer_async.errors.catalogue import CATALOGUE, WAITS, Row, classify

NO, RETRY, THROTTLED = (False, False), (True, False), (True, True)
QUOTA = "wait, and start fewer streams"
ACCOUNT = "the account's balance, bills"

# The table "Failures seen" of the protocol: code, message, retryable and throttled, part of hint.
FAILURES: list[tuple[str, str, tuple[bool, bool], str]] = [
    ("CLIENT_ERROR", "request timeout after 23 seconds.", RETRY, "heartbeat=True"),
    ("ResponseTimeout", "Response timeout!", RETRY, "heartbeat=True"),
    ("CLIENT_ERROR", "Response timeout!", RETRY, "heartbeat=True"),
    ("NO_VALID_AUDIO_ERROR", "NO_VALID_AUDIO_ERROR", NO, "no audio arrived"),
    ("CLIENT_ERROR", "[FLOW] NO_VALID_AUDIO_ERROR", NO, "no audio arrived"),
    ("UNSUPPORTED_FORMAT", "x", NO, "compare format= and sample_rate="),
    ("CLIENT_ERROR", "Failed to decode audio", NO, "compare format= and sample_rate="),
    ("Throttling", "Requests throttling triggered.", THROTTLED, QUOTA),
    ("Throttling.RateQuota", "x", THROTTLED, QUOTA),
    ("Throttling.BurstRate", "x", THROTTLED, QUOTA),
    ("Throttling.Concurrency", "x", THROTTLED, QUOTA),
    ("Throttling.AllocationQuota", "Allocated quota exceeded.", THROTTLED, QUOTA),
    ("limit_burst_rate", "x", THROTTLED, QUOTA),
    ("LimitRequests", "x", THROTTLED, QUOTA),
    ("limit_requests", "x", THROTTLED, QUOTA),
    ("ResourceExhausted", "x", THROTTLED, QUOTA),
    ("insufficient_quota", "You exceeded your current quota.", THROTTLED, QUOTA),
    ("CLIENT_ERROR", "Requests rate limit exceeded, please try again later.", THROTTLED, QUOTA),
    ("Throttling.AllocationQuota", "Free allocated quota exceeded.", NO, "the free quota"),
    ("AllocationQuota.FreeTierOnly", "x", NO, "the free quota"),
    ("ModelUnavailable", "x", RETRY, "overloaded"),
    ("ModelServiceFailed", "x", RETRY, "quote the request id"),
    ("GatewayTimeout", "x", RETRY, "took too long"),
    ("InternalError.Timeout", "x", RETRY, "took too long"),
    (
        "Throttling",
        "Too many requests. Your requests are being throttled due to system capacity limits.",
        RETRY,
        "overloaded",
    ),
    ("NO_INPUT_AUDIO_ERROR", "x", NO, "no speech"),
    ("CLIENT_ERROR", "NO_INPUT_AUDIO_ERROR", NO, "no speech"),
    ("Model.NotExist", "x", NO, "check model="),
    ("DataInspectionFailed", "x", NO, "content inspection"),
    ("CommodityNotPurchased", "x", NO, ACCOUNT),
    ("PrepaidBillOverdue", "x", NO, ACCOUNT),
    ("PostpaidBillOverdue", "x", NO, ACCOUNT),
    ("isv.OUT_OF_SERVICE", "x", NO, ACCOUNT),
    ("InvalidParameter", "task can not be null", NO, "payload.input"),
    ("InvalidParameter", "x", NO, "a parameter of the request is wrong"),
    ("InvalidParameter.DataInspection", "x", NO, "a parameter of the request is wrong"),
    ("InvalidParameter", "the sample rate limit is 8000", NO, "a parameter of the request"),
    ("ModelNotFound", "Model not exist.", NO, "check model="),
    ("Model.AccessDenied", "Model access denied.", NO, "workspace may not use this model"),
    ("InvalidApiKey", "Invalid API-key provided.", NO, "check api_key= or DASHSCOPE_API_KEY"),
    ("AccessDenied", "Access denied.", NO, "the account's permissions"),
    ("Arrearage", "Access denied.", NO, ACCOUNT),
    ("InternalError", "x", RETRY, "quote the request id"),
    ("InternalError.Algo", "x", RETRY, "quote the request id"),
    ("SERVER_ERROR", "x", RETRY, "quote the request id"),
    ("SystemError", "x", RETRY, "quote the request id"),
    ("ServiceUnavailable", "x", RETRY, "overloaded"),
    ("RequestTimeOut", "x", RETRY, "took too long"),
    ("EngineError", "x", RETRY, "quote the request id"),
    # In any case
    ("throttling.ratequota", "x", THROTTLED, QUOTA),
    ("CLIENT_ERROR", "RESPONSE TIMEOUT!", RETRY, "heartbeat=True"),
    # Not in the table
    ("SomethingNew", "never seen before", NO, ""),
    ("", "", NO, ""),
]


def worth(error: ServiceError) -> tuple[bool, bool]:
    """Return whether a retry of *error* may help, and whether the quota is the reason."""
    return error.retryable, error.is_throttled


@pytest.mark.parametrize(("code", "message", "expected", "hint"), FAILURES)
def test_failures_of_a_task(
    code: str, message: str, expected: tuple[bool, bool], hint: str
) -> None:
    """Every failure that was seen has its hint, and is retryable or throttled as it should."""
    error = TaskFailedError(code, message)
    assert expected == worth(error)
    assert hint in error.hint
    assert bool(hint) is bool(error.hint)


@pytest.mark.parametrize(("code", "message", "expected", "hint"), FAILURES)
def test_failures_of_a_handshake(
    code: str, message: str, expected: tuple[bool, bool], hint: str
) -> None:
    """A code in the body of a refused handshake means what it means for a task."""
    error = HandshakeError(400, f'{{"code": "{code}", "message": "{message}"}}')
    assert expected == worth(error)
    assert hint in error.hint
    assert bool(hint) is bool(error.hint)


CLOSES: list[tuple[int, str, tuple[bool, bool], str]] = [
    *[(code, "", RETRY, "") for code in (1000, 1001, 1005, 1006, 1011, 1012, 1013, 4000)],
    *[(code, "", NO, "") for code in (1003, 1007, 1008, 1009)],
    (1007, "Model not found", NO, "check model="),
    (1007, "Invalid payload data", NO, "payload.input"),
    (1011, "Response timeout!", RETRY, "heartbeat=True"),
    (1008, "Requests rate limit exceeded", THROTTLED, QUOTA),
]


@pytest.mark.parametrize(("code", "reason", "expected", "hint"), CLOSES)
def test_closes(code: int, reason: str, expected: tuple[bool, bool], hint: str) -> None:
    """A lost connection is retryable, unless its code or reason blames what the client sent."""
    error = ConnectionLostError(code, reason)
    assert expected == worth(error)
    assert hint in error.hint
    assert bool(hint) is bool(error.hint)


STATUSES: list[tuple[int, str, tuple[bool, bool], str]] = [
    (400, "", NO, ""),
    (401, "", NO, "check api_key="),
    (403, "", NO, "the account's permissions"),
    (404, "", NO, "check endpoint="),
    (429, "", THROTTLED, QUOTA),
    (500, "", RETRY, ""),
    (503, "<html>", RETRY, ""),
    (429, '{"code": "Throttling.RateQuota"}', THROTTLED, QUOTA),
    (429, '{"code": "PostpaidBillOverdue", "message": "overdue"}', NO, ACCOUNT),
    (429, '{"error": {"code": "insufficient_quota"}}', THROTTLED, QUOTA),
    (429, '{"message": "Free allocated quota exceeded."}', NO, "the free quota"),
    (403, '{"code": "Arrearage"}', NO, ACCOUNT),
    (403, '{"code": "AllocationQuota.FreeTierOnly"}', NO, "the free quota"),
    (401, '{"code": "SomethingNew"}', NO, "check api_key="),
    (503, '{"code": "SomethingNew"}', RETRY, ""),
]


@pytest.mark.parametrize(("status", "body", "expected", "hint"), STATUSES)
def test_handshakes(status: int, body: str, expected: tuple[bool, bool], hint: str) -> None:
    """A refused handshake is judged by the code in its body, and by its status without one."""
    error = HandshakeError(status, body, retry_after=2.0)
    assert expected == worth(error)
    assert hint in error.hint
    assert bool(hint) is bool(error.hint)
    assert 2.0 == error.retry_after
    assert expected == worth(AuthenticationError(status, body))
    assert expected == worth(RequestError(status, body))


def test_waits() -> None:
    """What ran out of time may succeed later, but no limit of our own becomes larger by a retry."""
    expected = {name: name not in ("pool", "quota") for name in WAITS}
    assert expected == {name: DeadlineError(name, 1.0).retryable for name in WAITS}
    assert not any(DeadlineError(name, 1.0).is_throttled for name in WAITS)


def test_what_is_throttled_is_retryable() -> None:
    """There is no quota that is worth waiting for without a retry, and no two rows are the same."""
    assert all(row.retryable for row in CATALOGUE if row.throttled)
    facts = [(row.code.casefold(), row.message.casefold(), tuple(row.status)) for row in CATALOGUE]
    assert len({(*fact, tuple(row.close)) for fact, row in zip(facts, CATALOGUE, strict=True)}) == (
        len(CATALOGUE)
    )


@pytest.mark.parametrize("row", CATALOGUE)
def test_every_row_can_win(row: Row) -> None:
    """No row of the catalogue is hidden by another one."""
    status, close = (next(iter(codes), None) for codes in (row.status, row.close))
    if row == CATALOGUE[-1]:
        close = 1006
    assert row is classify(code=row.code, message=row.message, status=status, close=close)


@given(st.text(), st.text(), st.none() | st.integers(), st.none() | st.integers())
def test_any_facts_have_a_row(
    code: str, message: str, status: int | None, close: int | None
) -> None:
    """Whatever the service answers is classified, and never raises."""
    assert isinstance(classify(code=code, message=message, status=status, close=close), Row)
