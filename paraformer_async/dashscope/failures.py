"""Failures, as the results that the vendor's SDK returns for them."""

from paraformer_async.dashscope.results import RecognitionResult
from paraformer_async.errors import ConnectError, HandshakeError, ParaformerError, TaskFailedError

__all__ = ["result_of"]

_TASK_FAILED = 44
_OTHER = -1


def result_of(error: BaseException, request_id: str) -> RecognitionResult:
    """Return the result for the *error* that has ended a task."""
    message = str(error)
    if isinstance(error, ParaformerError) and error.hint:
        message = f"{error.message} ({error.hint})"
    if isinstance(error, TaskFailedError):
        return RecognitionResult(_TASK_FAILED, request_id, error.error_code, error.error_message)
    if isinstance(error, HandshakeError):
        return RecognitionResult(error.status, request_id, error.status, message)
    if isinstance(error, ConnectError):
        return RecognitionResult(_OTHER, request_id, "ClientConnectorError", message)
    text = f"Error type: {type(error).__name__}, message: {message}"
    return RecognitionResult(_OTHER, request_id, "Unknown", text)
