"""The errors: one tree, facts as attributes, texts that help."""

import copy
import inspect
import pickle

import pytest

from paraformer_async import errors
from paraformer_async.errors import (
    AudioError,
    AudioLostError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    LocalProtocolError,
    MissingExtraError,
    ParaformerError,
    ProtocolError,
    RemoteProtocolError,
    ServiceError,
    TaskFailedError,
    UsageError,
)

TREE: dict[type[BaseException], tuple[type[BaseException], ...]] = {
    ParaformerError: (Exception,),
    InvalidOptionError: (ParaformerError, ValueError),
    MissingExtraError: (ParaformerError, ImportError),
    UsageError: (ParaformerError, RuntimeError),
    AudioError: (ParaformerError, ValueError),
    ServiceError: (ParaformerError,),
    ConnectError: (ServiceError,),
    HandshakeError: (ConnectError,),
    AuthenticationError: (HandshakeError,),
    ConnectionLostError: (ServiceError,),
    DeadlineError: (ServiceError, TimeoutError),
    TaskFailedError: (ServiceError,),
    AudioLostError: (ServiceError,),
    ProtocolError: (ServiceError,),
    LocalProtocolError: (ProtocolError,),
    RemoteProtocolError: (ProtocolError,),
}

TEXTS: list[tuple[ParaformerError, str]] = [
    (ParaformerError("it failed"), "it failed"),
    (ParaformerError("it failed", hint="try that"), "it failed (try that)"),
    (InvalidOptionError("buffer", "0 is too small"), "buffer: 0 is too small"),
    (InvalidOptionError("a", "is wrong", hint="do b"), "a: is wrong (do b)"),
    (
        MissingExtraError("the command line", "cli"),
        (
            "the command line needs packages that are not installed "
            '(pip install "paraformer-async[cli]")'
        ),
    ),
    (UsageError("cannot send after finish()"), "cannot send after finish()"),
    (
        AudioLostError(1200, 3400),
        (
            "the connection broke, and the audio from 1200 to 3400 ms is not kept "
            '(see Reconnect(keep=…), or go on with a gap: Reconnect(lost="gap"))'
        ),
    ),
    (AudioError("no audio"), "no audio"),
    (ServiceError("it failed"), "it failed"),
    (ServiceError("it failed", request_id="t"), "it failed [request id t]"),
    (
        ServiceError("it failed", request_id="t", hint="try that"),
        "it failed (try that) [request id t]",
    ),
    (ConnectError("no connection to h: refused"), "no connection to h: refused"),
    (HandshakeError(418), "the service refused the connection with HTTP 418"),
    (
        HandshakeError(502, "<html>bad gateway"),
        "the service refused the connection with HTTP 502: <html>bad gateway",
    ),
    (
        HandshakeError(404),
        (
            "the service refused the connection with HTTP 404 "
            "(check endpoint=: the path is /api-ws/v1/inference)"
        ),
    ),
    (
        AuthenticationError(401, '{"code":"InvalidApiKey"}'),
        (
            "the service refused the connection with HTTP 401 "
            "(check api_key= or DASHSCOPE_API_KEY, and that the key belongs to the endpoint's "
            'region): {"code":"InvalidApiKey"}'
        ),
    ),
    (ConnectionLostError(1006), "the connection ended in mid-task (close code 1006)"),
    (
        ConnectionLostError(1011, "restart", request_id="t"),
        "the connection ended in mid-task (close code 1011, reason: restart) [request id t]",
    ),
    (
        DeadlineError("connect", 10.0),
        "the connection was not made within 10 s (see Timeouts(connect=…))",
    ),
    (
        DeadlineError("started", 0.5),
        "the service did not answer run-task within 0.5 s (see Timeouts(started=…))",
    ),
    (DeadlineError("send", 10), "the service took no audio within 10 s (see Timeouts(send=…))"),
    (
        DeadlineError("finish", 30, request_id="t"),
        (
            "the service sent nothing more after finish-task within 30 s (see Timeouts(finish=…)) "
            "[request id t]"
        ),
    ),
    (TaskFailedError("X", "odd"), "the service failed the task: X: odd"),
    (
        TaskFailedError("Arrearage", "Access denied.", request_id="t"),
        (
            "the service failed the task: Arrearage: Access denied. "
            "(the account has overdue payments) [request id t]"
        ),
    ),
    (ProtocolError("they disagree"), "they disagree"),
    (LocalProtocolError("cannot send audio while idle"), "cannot send audio while idle"),
    (
        RemoteProtocolError("audio may not come while idle", request_id="t"),
        "audio may not come while idle [request id t]",
    ),
]

# The table "Failures seen" of the protocol: code, message, worth another try, a part of the hint.
FAILURES = [
    ("CLIENT_ERROR", "request timeout after 23 seconds.", True, "heartbeat=True"),
    ("ResponseTimeout", "Response timeout!", True, "heartbeat=True"),
    ("CLIENT_ERROR", "Response timeout!", True, "heartbeat=True"),
    ("NO_VALID_AUDIO_ERROR", "NO_VALID_AUDIO_ERROR", False, "no audio arrived"),
    ("CLIENT_ERROR", "[FLOW] NO_VALID_AUDIO_ERROR", False, "no audio arrived"),
    ("UNSUPPORTED_FORMAT", "x", False, "compare format= and sample_rate="),
    ("CLIENT_ERROR", "Failed to decode audio", False, "compare format= and sample_rate="),
    ("Throttling", "Requests throttling triggered.", True, "wait and start fewer streams"),
    ("Throttling.RateQuota", "x", True, "wait and start fewer streams"),
    ("Throttling.AllocationQuota", "x", True, "wait and start fewer streams"),
    (
        "CLIENT_ERROR",
        "Requests rate limit exceeded, please try again later.",
        True,
        "wait and start fewer streams",
    ),
    ("InvalidParameter", "x", False, "a parameter of the request is wrong"),
    ("InvalidParameter.DataInspection", "x", False, "a parameter of the request is wrong"),
    ("InvalidParameter", "the sample rate limit is 8000", False, "a parameter of the request"),
    ("ModelNotFound", "Model not exist.", False, "check model="),
    ("Model.AccessDenied", "Model access denied.", False, "workspace may not use this model"),
    ("InvalidApiKey", "Invalid API-key provided.", False, "check api_key= or DASHSCOPE_API_KEY"),
    ("AccessDenied", "Access denied.", False, "the account's permissions"),
    ("Arrearage", "x", False, "overdue payments"),
    ("InternalError", "x", True, "try again"),
    ("InternalError.Algo", "x", True, "try again"),
    ("SERVER_ERROR", "x", True, "try again"),
    ("SystemError", "x", True, "try again"),
    ("ServiceUnavailable", "x", True, "overloaded or in maintenance"),
    ("RequestTimeOut", "x", True, "took too long"),
    ("EngineError", "x", True, "engine failed"),
    ("SomethingNew", "never heard of", False, ""),
    ("", "", False, ""),
]


def test_the_tree_is_complete() -> None:
    """The module's public names are exactly the errors of the tree."""
    assert sorted(error.__name__ for error in TREE) == sorted(errors.__all__)
    assert set(TREE) == {one for _, one in inspect.getmembers(errors, inspect.isclass)}


@pytest.mark.parametrize(("error", "bases"), TREE.items())
def test_the_tree(error: type[BaseException], bases: tuple[type[BaseException], ...]) -> None:
    """Each error has its place, and can be caught as the built-in error that it is."""
    assert bases == error.__bases__
    assert error.__doc__


@pytest.mark.parametrize(("error", "expected"), TEXTS, ids=lambda value: type(value).__name__)
def test_texts(error: ParaformerError, expected: str) -> None:
    """An error tells what happened, what to do, and for which task."""
    assert expected == str(error)


def test_every_error_has_a_text_in_the_table() -> None:
    """No error is missing from the table of texts."""
    assert set(TREE) == {type(error) for error, _ in TEXTS}


def test_facts_are_attributes() -> None:
    """What a program wants to know of an error it need not parse from the text."""
    lost = ConnectionLostError(1011, "restart", request_id="t")
    assert (1011, "restart", "t") == (lost.close_code, lost.close_reason, lost.request_id)
    late = DeadlineError("send", 10.0)
    assert ("send", 10.0) == (late.phase, late.seconds)
    refused = HandshakeError(503, "busy")
    assert (503, "busy", "") == (refused.status, refused.body, refused.request_id)
    failed = TaskFailedError("X", "odd")
    assert ("X", "odd", "") == (failed.error_code, failed.error_message, failed.hint)
    assert "cli" == MissingExtraError("x", "cli").extra
    assert "buffer" == InvalidOptionError("buffer", "x").option


@pytest.mark.parametrize(("code", "message", "retryable", "hint"), FAILURES)
def test_failures_of_a_task(code: str, message: str, retryable: bool, hint: str) -> None:
    """Every failure that was seen has its hint, and says whether another try is worth it."""
    error = TaskFailedError(code, message)
    assert retryable is error.retryable
    assert hint in error.hint
    assert bool(hint) is bool(error.hint)


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        *[(code, True) for code in (1000, 1001, 1005, 1006, 1011, 1012, 1013)],
        *[(code, False) for code in (1003, 1007, 1008, 1009)],
    ],
)
def test_close_codes(code: int, retryable: bool) -> None:
    """A socket that closes is worth another try, unless its code blames what the client sent."""
    assert retryable is ConnectionLostError(code).retryable


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (403, False), (404, False), (429, True), (500, True), (503, True)],
)
def test_handshakes(status: int, retryable: bool) -> None:
    """A refused handshake is worth another try when the service is busy or failed."""
    assert retryable is HandshakeError(status).retryable
    assert bool(HandshakeError(status).hint) is (status in (401, 403, 404, 429))


def test_other_retries() -> None:
    """What ran out of time may succeed later; a breach of the protocol will not."""
    assert DeadlineError("finish", 1.0).retryable
    assert not RemoteProtocolError("x").retryable
    assert not ServiceError("x").retryable
    assert ConnectError("x", retryable=True).retryable


@pytest.mark.parametrize("error", [error for error, _ in TEXTS], ids=lambda one: type(one).__name__)
def test_errors_can_be_copied(error: ParaformerError) -> None:
    """An error survives what copies exceptions: pickling, process pools, test runners."""
    error.add_note("from a worker")
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert type(error) is type(copied)
        assert (str(error), error.args, vars(error)) == (str(copied), copied.args, vars(copied))
