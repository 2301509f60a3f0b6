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
    BatchStoppedError,
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
    RequestError,
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
    BatchStoppedError: (ParaformerError,),
    ServiceError: (ParaformerError,),
    ConnectError: (ServiceError,),
    HandshakeError: (ConnectError,),
    AuthenticationError: (HandshakeError,),
    RequestError: (ServiceError,),
    ConnectionLostError: (ServiceError,),
    DeadlineError: (ServiceError, TimeoutError),
    TaskFailedError: (ServiceError,),
    AudioLostError: (ServiceError,),
    ProtocolError: (ServiceError,),
    LocalProtocolError: (ProtocolError,),
    RemoteProtocolError: (ProtocolError,),
}

TEXTS: list[tuple[ParaformerError, str]] = [
    (ParaformerError(), ""),
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
    (
        BatchStoppedError(3, 7, 93),
        (
            "the batch was stopped, because no connection could be made for 3 consecutive files; "
            "7 files are done, 93 are left "
            "(with a checkpoint, the same call continues where this one stopped)"
        ),
    ),
    (UsageError("cannot send after finish()"), "cannot send after finish()"),
    (
        AudioLostError(1200, 3400),
        (
            "the connection was lost, and the audio from 1200 to 3400 ms is no longer kept "
            '(see Reconnect(keep=…), or continue with a gap: Reconnect(lost="gap"))'
        ),
    ),
    (
        AudioLostError(1200, 3400, outage="HTTP 503"),
        (
            "attempts failed for longer than audio is kept, and the audio from 1200 to 3400 ms is "
            "lost: HTTP 503 (see Reconnect(keep=…))"
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
            "(check endpoint= or DASHSCOPE_WEBSOCKET_BASE_URL: the path is /api-ws/v1/inference; "
            "that of HTTP requests begins with /api/v1)"
        ),
    ),
    (
        AuthenticationError(401, '{"code":"InvalidApiKey"}'),
        (
            "the service refused the connection with HTTP 401: InvalidApiKey "
            "(check api_key= or DASHSCOPE_API_KEY, and that the key belongs to the endpoint's "
            "region)"
        ),
    ),
    (
        HandshakeError(429, '{"code": "PostpaidBillOverdue", "message": "m", "request_id": "r"}'),
        (
            "the service refused the connection with HTTP 429: PostpaidBillOverdue: m (check the "
            "account's balance, bills and purchased services in the console) [request id r]"
        ),
    ),
    (
        AuthenticationError(401, '{"code":"InvalidApiKey"}', refused="request"),
        (
            "the service refused the request with HTTP 401: InvalidApiKey "
            "(check api_key= or DASHSCOPE_API_KEY, and that the key belongs to the endpoint's "
            "region)"
        ),
    ),
    (RequestError(418, "no"), "the service refused the request with HTTP 418: no"),
    (
        RequestError(429, '{"code": "Throttling.RateQuota", "message": "m"}'),
        (
            "the service refused the request with HTTP 429: Throttling.RateQuota: m (wait before "
            "sending it again; retry_after has the seconds, unless it is 0)"
        ),
    ),
    (
        RequestError(
            400, '{"code": "BadRequest.ResourceNotExist", "message": "m", "request_id": "r"}'
        ),
        (
            "the service refused the request with HTTP 400: BadRequest.ResourceNotExist: m (check "
            "the id, and that the key is one of the account that it belongs to) [request id r]"
        ),
    ),
    (TaskFailedError("", ""), "the task failed"),
    (
        ConnectionLostError(3000, "\x1b[31mno\n\x9b2J such\u202e key\ud83d"),
        "the connection was lost during the task (close code 3000, reason: no such key\ufffd)",
    ),
    (ConnectionLostError(1006), "the connection was lost during the task (close code 1006)"),
    (
        ConnectionLostError(1011, "restart", request_id="t"),
        "the connection was lost during the task (close code 1011, reason: restart) [request id t]",
    ),
    (
        DeadlineError("connect", 10.0),
        "the connection was not established within 10 s (see Timeouts(connect=…))",
    ),
    (
        DeadlineError("request", 30.0),
        "the service did not answer the request within 30 s (see timeout=…)",
    ),
    (
        DeadlineError("ready", 60.0),
        "the list of hot words was not ready for use within 60 s (see ensure(wait=…))",
    ),
    (
        DeadlineError("started", 0.5),
        "the service did not respond to run-task within 0.5 s (see Timeouts(started=…))",
    ),
    (DeadlineError("send", 10), "the service accepted no audio within 10 s (see Timeouts(send=…))"),
    (
        DeadlineError("finish", 30, request_id="t"),
        (
            "the service sent nothing more after finish-task within 30 s (see Timeouts(finish=…)) "
            "[request id t]"
        ),
    ),
    (TaskFailedError("X", "odd"), "the task failed: X: odd"),
    (
        TaskFailedError("Arrearage", "Access denied.", request_id="t"),
        (
            "the task failed: Arrearage: Access denied. "
            "(check the account's balance, bills and purchased services in the console) "
            "[request id t]"
        ),
    ),
    (ProtocolError("they disagree"), "they disagree"),
    (LocalProtocolError("cannot send audio while idle"), "cannot send audio while idle"),
    (
        RemoteProtocolError("audio is not allowed while idle", request_id="t"),
        "audio is not allowed while idle [request id t]",
    ),
]


def test_the_tree_is_complete() -> None:
    """The room's public names are exactly the errors of the tree."""
    assert sorted(error.__name__ for error in TREE) == errors.__all__
    assert set(TREE) == {one for _, one in inspect.getmembers(errors, inspect.isclass)}


@pytest.mark.parametrize(("error", "bases"), TREE.items())
def test_the_tree(error: type[BaseException], bases: tuple[type[BaseException], ...]) -> None:
    """Each error has its place, and can be caught as the built-in error that it is."""
    assert bases == error.__bases__
    assert error.__doc__


@pytest.mark.parametrize(("error", "expected"), TEXTS, ids=lambda value: type(value).__name__)
def test_texts(error: ParaformerError, expected: str) -> None:
    """The text of an error is what happened, what to do, and for which task."""
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
    missing = MissingExtraError("x", "cli")
    assert ("x", "cli") == (missing.purpose, missing.extra)
    wrong = InvalidOptionError("buffer", "x")
    assert ("buffer", "x", "buffer: x") == (wrong.option, wrong.reason, wrong.message)


def test_the_text_follows_the_facts() -> None:
    """The text is built when it is shown: what the client adds later is in it."""
    error = TaskFailedError("X", "odd").with_facts(
        request_ids=["a", "b"], recognized="好。", unsettled=None, hint="do that"
    )
    assert "the task failed: X: odd (do that) [request id b]" == str(error)
    assert (("a", "b"), "好。", None) == (error.request_ids, error.recognized, error.unsettled)


def test_facts_that_are_known_stay() -> None:
    """The client does not replace the id and the hint that the failure has itself."""
    error = TaskFailedError("InvalidApiKey", "", request_id="own")
    hint = error.hint
    assert error is error.with_facts(request_ids=["a"])
    assert ("own", hint) == (error.request_id, error.hint)
    refused = HandshakeError(401, '{"code": "InvalidApiKey", "request_id": "http"}')
    assert "http" == refused.with_facts(request_ids=["a"]).request_id
    assert not ConnectError("x").with_facts(request_ids=["a"]).request_id
    assert not ServiceError("x").with_facts().request_id


REPRS: list[tuple[ParaformerError, str]] = [
    (ParaformerError("it failed", hint="do"), "ParaformerError('it failed', hint='do')"),
    (InvalidOptionError("a", "is b"), "InvalidOptionError(option='a', reason='is b')"),
    (ConnectionLostError(1006), "ConnectionLostError(close_code=1006, retryable=True)"),
    (
        DeadlineError("send", 2, request_id="t"),
        (
            "DeadlineError(phase='send', seconds=2, hint='see Timeouts(send=…)', request_id='t', "
            "retryable=True)"
        ),
    ),
]


@pytest.mark.parametrize(("error", "expected"), REPRS, ids=lambda value: type(value).__name__)
def test_reprs(error: ParaformerError, expected: str) -> None:
    """In a debugger or a log of reprs, an error shows all that is known of it, the hint too."""
    error.add_note("not shown")
    assert expected == repr(error)


BODIES = [
    ('{"code": "A", "message": "b", "request_id": "c"}', ("A", "b", "c")),
    ('{"error": {"code": "A", "message": "b"}, "request_id": "c"}', ("A", "b", "c")),
    ('{"code": 5, "message": null, "request_id": []}', ("", "", "")),
    ('{"error": "x"}', ("", "", "")),
    ("[]", ("", "", "")),
    ("<html>", ("", "", "")),
    ("", ("", "", "")),
    ("[" * 100_000, ("", "", "")),
]


@pytest.mark.parametrize(("body", "expected"), BODIES)
def test_bodies(body: str, expected: tuple[str, str, str]) -> None:
    """A JSON body of the service is read, whatever it holds; any other one is only shown."""
    error = HandshakeError(400, body)
    assert expected == (error.error_code, error.error_message, error.request_id)
    assert body == error.body


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
