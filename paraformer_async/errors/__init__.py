"""
Everything this library raises, as one tree.

    ParaformerError
    ├── InvalidOptionError (ValueError)     an option or parameter is wrong; nothing was sent
    ├── MissingExtraError (ImportError)     an optional dependency is not installed
    ├── UsageError (RuntimeError)           the API was used out of order
    ├── AudioError (ValueError)             the audio cannot be used as it is
    └── ServiceError                        something went wrong on the way to or at the service
        ├── ConnectError                    no connection could be made
        │   └── HandshakeError              the service answered, but refused the WebSocket
        │       └── AuthenticationError     … because of the key (401, 403)
        ├── ConnectionLostError             an open connection ended in mid-task
        ├── DeadlineError (TimeoutError)    a bounded wait ran out (see `Timeouts`)
        ├── TaskFailedError                 the service ended the task with an error
        ├── AudioLostError                  more audio was unsettled than is kept for a reconnection
        └── ProtocolError
            ├── LocalProtocolError          we were about to break the protocol: a bug of ours
            └── RemoteProtocolError         the peer broke the protocol

Errors store facts as attributes; the sentence is built from them. `hint` says what to do next.
Exceptions raised by the user's own code (an audio source, the body of a loop) are never wrapped.
"""

from paraformer_async.errors.catalogue import HANDSHAKE_HINTS, QUOTA, WAITS, advice

__all__ = [
    "AudioError",
    "AudioLostError",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLostError",
    "DeadlineError",
    "HandshakeError",
    "InvalidOptionError",
    "LocalProtocolError",
    "MissingExtraError",
    "ParaformerError",
    "ProtocolError",
    "RemoteProtocolError",
    "ServiceError",
    "TaskFailedError",
    "UsageError",
]

_TOO_MANY_REQUESTS = 429
_SERVER_FAULT = 500


class ParaformerError(Exception):
    """
    Base of all errors of this library.

    Attributes:
        hint: What to do next, in one sentence; empty when there is nothing useful to say.
    """

    hint: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all facts on the way to another process, whatever `__init__` takes."""
        return _restored, (type(self), self.args, vars(self).copy())


class InvalidOptionError(ParaformerError, ValueError):
    """
    An option or parameter has a value that cannot work. Raised before anything is sent.

    Attributes:
        option: Name of the option.
    """

    def __init__(self, option: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{option}: {message}", hint=hint)
        self.option = option


class MissingExtraError(ParaformerError, ImportError):
    """
    An optional dependency is needed and not installed.

    Attributes:
        extra: Name of the extra that brings it: `pip install "paraformer-async[extra]"`.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(
            f"{purpose} needs packages that are not installed",
            hint=f'pip install "paraformer-async[{extra}]"',
        )
        self.extra = extra


class UsageError(ParaformerError, RuntimeError):
    """The API was used out of order, for example audio was sent after `finish()`."""


class AudioError(ParaformerError, ValueError):
    """The audio cannot be used as it is: unreadable, empty, or not what the model takes."""


class ServiceError(ParaformerError):
    """
    Something went wrong on the way to the service or at the service.

    Attributes:
        request_id: Id of the task it happened to; empty when there was none yet.
        request_ids: Ids of all tasks of the recognition, reconnections included.
        retryable: Whether another try with the same audio may succeed.
        is_throttled: Whether the account's quota was the reason.
        retry_after: Seconds that the service asked to wait for before another try.
        recognized: What was said for good before, as one text.
        unsettled: Seconds of audio that were sent and are covered by no final result; `None` for
            compressed audio.
    """

    def __init__(
        self, message: str, *, request_id: str = "", retryable: bool = False, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.request_id = request_id
        self.request_ids: tuple[str, ...] = ()
        self.retryable = retryable
        self.is_throttled = False
        self.retry_after = 0.0
        self.recognized = ""
        self.unsettled: float | None = 0.0

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said} [request id {self.request_id}]" if self.request_id else said


class ConnectError(ServiceError):
    """No connection to the service could be made (name resolution, network, TLS, proxy)."""


class HandshakeError(ConnectError):
    """
    The service answered the WebSocket handshake with an HTTP error.

    Attributes:
        status: The HTTP status.
        body: The beginning of the answer's body.
    """

    def __init__(self, status: int, body: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(
            f"the service refused the connection with HTTP {status}",
            retryable=status == _TOO_MANY_REQUESTS or status >= _SERVER_FAULT,
            hint=HANDSHAKE_HINTS.get(status, ""),
        )
        self.is_throttled = status == _TOO_MANY_REQUESTS
        self.retry_after = retry_after
        self.status = status
        self.body = body

    def __str__(self) -> str:
        return f"{super().__str__()}: {self.body}" if self.body else super().__str__()


class AuthenticationError(HandshakeError):
    """The service refused the API key (HTTP 401) or its access (HTTP 403)."""


class ConnectionLostError(ServiceError):
    """
    An open connection ended before the task was finished.

    Attributes:
        close_code: The WebSocket close code; 1006 when the connection just ended.
        close_reason: The reason that came with the close code, often empty.
    """

    # Close codes that blame what the client sent: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1
    _CLIENT_FAULTS = frozenset({1003, 1007, 1008, 1009})

    def __init__(self, close_code: int, close_reason: str = "", *, request_id: str = "") -> None:
        because = f", reason: {close_reason}" if close_reason else ""
        super().__init__(
            f"the connection ended in mid-task (close code {close_code}{because})",
            request_id=request_id,
            retryable=close_code not in self._CLIENT_FAULTS,
        )
        self.close_code = close_code
        self.close_reason = close_reason


class DeadlineError(ServiceError, TimeoutError):
    """
    A bounded wait ran out.

    Attributes:
        phase: What was waited for: `connect`, `started`, `send` or `finish`, as in `Timeouts`, or
            `pool`, a free connection.
        seconds: How long it was waited for.
    """

    def __init__(self, phase: str, seconds: float, *, request_id: str = "") -> None:
        what, setting = WAITS[phase]
        super().__init__(
            f"{what} within {seconds:g} s",
            request_id=request_id,
            retryable=phase != "pool",
            hint=f"see {setting}",
        )
        self.phase = phase
        self.seconds = seconds


class TaskFailedError(ServiceError):
    """
    The service ended the task with an error.

    Attributes:
        error_code: The service's code, for example `InvalidParameter`.
        error_message: The service's own words.
    """

    def __init__(self, error_code: str, error_message: str, *, request_id: str = "") -> None:
        retryable, hint = advice(error_code, error_message)
        super().__init__(
            f"the service failed the task: {error_code}: {error_message}",
            request_id=request_id,
            retryable=retryable,
            hint=hint,
        )
        self.is_throttled = hint == QUOTA
        self.error_code = error_code
        self.error_message = error_message


class AudioLostError(ServiceError):
    """
    The connection broke when more audio was unsettled than is kept (`Reconnect.keep`).

    Attributes:
        begin_time: Where the audio begins that cannot be sent again, in ms of the user's audio.
        end_time: Where it ends.
    """

    def __init__(self, begin_time: int, end_time: int) -> None:
        super().__init__(
            f"the connection broke, and the audio from {begin_time} to {end_time} ms is not kept",
            hint='see Reconnect(keep=…), or go on with a gap: Reconnect(lost="gap")',
        )
        self.begin_time = begin_time
        self.end_time = end_time


class ProtocolError(ServiceError):
    """Client and service disagree about the protocol."""


class LocalProtocolError(ProtocolError):
    """This side was about to send what the protocol does not allow now. Nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent what the protocol does not allow now, or what cannot be decoded."""


def _restored(
    kind: type[ParaformerError], args: tuple[object, ...], facts: dict[str, object]
) -> ParaformerError:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(facts)
    return error
