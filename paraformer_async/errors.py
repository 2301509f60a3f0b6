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
        └── ProtocolError
            ├── LocalProtocolError          we were about to break the protocol: a bug of ours
            └── RemoteProtocolError         the peer broke the protocol

Errors store facts as attributes; the sentence is built from them. `hint` says what to do next.
Exceptions raised by the user's own code (an audio source, the body of a loop) are never wrapped.
"""

__all__ = [
    "AudioError",
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

_QUOTA = "the account's quota is used up for the moment; wait and start fewer streams at once"
_SILENT = "the service heard no speech for 60 s; pass heartbeat=True to keep a silent stream alive"
_COMPARE = "compare format= and sample_rate= with the real audio"
_TRY_AGAIN = "the service failed; try again, and quote the request id to its support if it stays"
_CHECK_KEY = (
    "check api_key= or DASHSCOPE_API_KEY, and that the key belongs to the endpoint's region"
)

# What to do about a failure of the service, by the beginning of its `error_code` or by a part of
# its message; the first row that fits speaks. `retryable` tells whether the same audio and the
# same parameters may succeed later. Source: the service's list of error codes, see the README.
# (error_code prefix or message part, worth another try, hint)
_CATALOGUE: tuple[tuple[str, bool, str], ...] = (
    (
        "request timeout after",
        True,
        "send audio at least every 20 s, or pass heartbeat=True to keep a quiet stream alive",
    ),
    ("Response timeout", True, _SILENT),
    ("ResponseTimeout", True, _SILENT),
    (
        "NO_VALID_AUDIO_ERROR",
        False,
        f"no audio arrived, or it is not in the declared format: {_COMPARE}",
    ),
    ("UNSUPPORTED_FORMAT", False, _COMPARE),
    ("decode audio", False, _COMPARE),
    ("Throttling", True, _QUOTA),
    ("rate limit exceeded", True, _QUOTA),
    ("InvalidParameter", False, "a parameter of the request is wrong; see the message"),
    ("ModelNotFound", False, "check model= and that the endpoint's region offers this model"),
    ("Model.AccessDenied", False, "the key's workspace may not use this model"),
    ("InvalidApiKey", False, _CHECK_KEY),
    (
        "AccessDenied",
        False,
        "the key may not use this model or workspace; check the account's permissions",
    ),
    ("Arrearage", False, "the account has overdue payments"),
    ("InternalError", True, _TRY_AGAIN),
    ("SERVER_ERROR", True, _TRY_AGAIN),
    ("SystemError", True, _TRY_AGAIN),
    ("ServiceUnavailable", True, "the service is overloaded or in maintenance; try again"),
    ("RequestTimeOut", True, "the service took too long; try again"),
    ("EngineError", True, "the service's engine failed; try again"),
)

_TOO_MANY_REQUESTS = 429
_SERVER_FAULT = 500
_HANDSHAKE_HINTS = {
    401: _CHECK_KEY,
    403: "the key may not use this endpoint or workspace; check the account's permissions",
    404: "check endpoint=: the path is /api-ws/v1/inference",
    429: _QUOTA,
}
# What was waited for in vain, by the phases of `Timeouts`.
_WAITED_FOR = {
    "connect": "the connection was not made",
    "started": "the service did not answer run-task",
    "send": "the service took no audio",
    "finish": "the service sent nothing more after finish-task",
}


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
        retryable: Whether another try with the same audio may succeed.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str = "",
        retryable: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.request_id = request_id
        self.retryable = retryable

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

    def __init__(self, status: int, body: str = "") -> None:
        super().__init__(
            f"the service refused the connection with HTTP {status}",
            retryable=status == _TOO_MANY_REQUESTS or status >= _SERVER_FAULT,
            hint=_HANDSHAKE_HINTS.get(status, ""),
        )
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
        phase: What was waited for: `connect`, `started`, `send` or `finish`, as in `Timeouts`.
        seconds: How long it was waited for.
    """

    def __init__(self, phase: str, seconds: float, *, request_id: str = "") -> None:
        super().__init__(
            f"{_WAITED_FOR[phase]} within {seconds:g} s",
            request_id=request_id,
            retryable=True,
            hint=f"see Timeouts({phase}=…)",
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
        retryable, hint = _advice(error_code, error_message)
        super().__init__(
            f"the service failed the task: {error_code}: {error_message}",
            request_id=request_id,
            retryable=retryable,
            hint=hint,
        )
        self.error_code = error_code
        self.error_message = error_message


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


def _advice(code: str, message: str) -> tuple[bool, str]:
    for key, retryable, hint in _CATALOGUE:
        if code.startswith(key) or key.lower() in message.lower():
            return retryable, hint
    return False, ""
