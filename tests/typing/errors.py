"""The errors, as a program sees them that handles them. Checked for its types only, never run."""

from typing import assert_type

from paraformer_async import (
    AudioLostError,
    AuthenticationError,
    ConnectionLostError,
    DeadlineError,
    HandshakeError,
    InvalidOptionError,
    MissingExtraError,
    ParaformerError,
    RequestError,
    ServiceError,
    TaskFailedError,
)


def facts_of_a_failure(error: ServiceError) -> None:
    """What is known of every failure of the service has a type of its own."""
    assert_type(error.message, str)
    assert_type(error.hint, str)
    assert_type(error.request_id, str)
    assert_type(error.request_ids, tuple[str, ...])
    assert_type(error.retryable, bool)
    assert_type(error.is_throttled, bool)
    assert_type(error.retry_after, float)
    assert_type(error.recognized, str)
    assert_type(error.unsettled, float | None)


def facts_of_a_kind(error: ParaformerError) -> None:
    """The facts of one kind are known after it was told apart."""
    match error:
        case TaskFailedError():
            assert_type((error.error_code, error.error_message), tuple[str, str])
            assert_type(error.with_facts(request_ids=["t"]), TaskFailedError)
        case AuthenticationError() | HandshakeError() | RequestError():
            assert_type(error.status, int)
            assert_type((error.body, error.error_code, error.error_message), tuple[str, str, str])
        case ConnectionLostError():
            assert_type((error.close_code, error.close_reason), tuple[int, str])
        case DeadlineError():
            assert_type((error.phase, error.seconds), tuple[str, float])
        case AudioLostError():
            assert_type((error.begin_time, error.end_time), tuple[int, int])
        case InvalidOptionError():
            assert_type((error.option, error.reason), tuple[str, str])
        case MissingExtraError():
            assert_type((error.purpose, error.extra), tuple[str, str])
        case _:
            assert_type(error, ParaformerError)


def built_in_kinds(late: TimeoutError, wrong: ValueError, missing: ImportError) -> None:
    """An error can be handled as the built-in error that it is."""


built_in_kinds(
    DeadlineError("send", 1.0), InvalidOptionError("a", "b"), MissingExtraError("a", "b")
)
