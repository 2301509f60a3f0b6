"""
What goes wrong on the way to the service and at the service.

Imports only the root of the tree and the catalogue. Whether a failure is retryable or
throttled, and its hint, come from the catalogue alone.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

from paraformer_async.errors.base import ParaformerError
from paraformer_async.errors.catalogue import REQUEST_QUOTA, WAITS, Row, classify
from paraformer_async.text import clean

__all__ = [
    "AudioLostError",
    "AuthenticationError",
    "ConnectError",
    "ConnectionLostError",
    "DeadlineError",
    "HandshakeError",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "RequestError",
    "ServiceError",
    "TaskFailedError",
]

_OF_ANSWER = ("body", "error_code", "error_message", "request_id")


class ServiceError(ParaformerError):
    """
    Something went wrong on the way to the service or at the service.

    Attributes:
        request_id: Id of the task it happened to, or of the refused request; empty if there was
            none.
        request_ids: Ids of all tasks of the recognition, reconnections included.
        retryable: Whether a retry with the same audio may succeed.
        is_throttled: Whether the account's quota was the reason.
        retry_after: Seconds to wait before a retry, as requested by the service.
        recognized: What had been recognized for good, as one text.
        unsettled: Seconds of audio that were sent and are covered by no final result; `None` for
            compressed audio that is sent as it is, with `reconnect=None`.
    """

    _from_outside: ClassVar[tuple[str, ...]] = ()  # attributes whose text the peer has chosen

    def __init__(
        self,
        message: str = "",
        *,
        request_id: str = "",
        retryable: bool = False,
        retry_after: float = 0.0,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.hint: str
        self.request_id: str = request_id
        self.request_ids: tuple[str, ...] = ()
        self.retryable: bool = retryable
        self.is_throttled: bool = False
        self.retry_after: float = retry_after
        self.recognized: str = ""
        self.unsettled: float | None = 0.0

    def __str__(self) -> str:
        text = super().__str__()
        return clean(f"{text} [request id {self.request_id}]" if self.request_id else text)

    def with_facts(
        self,
        *,
        request_ids: Sequence[str] = (),
        recognized: str = "",
        unsettled: float | None = 0.0,
        hint: str = "",
    ) -> Self:
        """
        Return this error with what only the client knows. Called once, where the client gives up.

        Args:
            request_ids: Ids of all tasks of the recognition, the failed one last. It becomes the
                `request_id` of an error that has none, unless no connection was made for the task.
            recognized: What was recognized for good, as one text.
            unsettled: Seconds of audio that no final result covers; `None` for compressed audio.
            hint: Replaces the hint, unless it is empty.
        """
        self.request_ids = tuple(request_ids)
        if request_ids and not self.request_id and not isinstance(self, ConnectError):
            self.request_id = request_ids[-1]
        self.recognized = recognized
        self.unsettled = unsettled
        self.hint = hint or self.hint
        return self

    def redacted(self, hide: Callable[[str], str]) -> Self:
        """
        Return this error with *hide* applied to all text that came from the service or a proxy.

        The service may quote what it was sent, the API key included.

        Args:
            hide: Returns a text without secrets.
        """
        for name in self._from_outside:
            setattr(self, name, hide(getattr(self, name)))
        return self

    def _look_up(self, row: Row) -> None:
        """Take from the catalogue what follows from the facts."""
        self.retryable = row.retryable
        self.is_throttled = row.throttled
        self.hint = row.hint


class ConnectError(ServiceError):
    """No connection to the service could be made (name resolution, network, TLS, proxy)."""


class HandshakeError(ConnectError):
    """
    The service, or a proxy in front of it, refused the WebSocket handshake with an HTTP error.

    Attributes:
        status: The HTTP status.
        body: The beginning of the response's body.
        error_code: The service's code in a JSON body, for example `InvalidApiKey`; otherwise empty.
        error_message: The service's message in a JSON body; otherwise empty.
    """

    _from_outside = _OF_ANSWER

    def __init__(
        self,
        status: int,
        body: str = "",
        *,
        retry_after: float = 0.0,
        refused: Literal["connection", "request"] = "connection",
    ) -> None:
        self.status: int = status
        self.body: str = body
        self.error_code: str
        self.error_message: str
        self.error_code, self.error_message, request_id = _read(body)
        self._refused = refused
        super().__init__(request_id=request_id, retry_after=retry_after)
        self._look_up(
            classify(code=self.error_code, message=self.error_message, status=self.status)
        )

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        parts = [self.error_code, self.error_message] if self.error_code else [self.body]
        what = f"the service refused the {self._refused} with HTTP {self.status}"
        return ": ".join([what, *filter(None, parts)])


class AuthenticationError(HandshakeError):
    """The service refused the API key (HTTP 401) or its access (HTTP 403)."""


class RequestError(ServiceError):
    """
    The service refused an HTTP request of `paraformer_async.account`.

    A key that is refused (HTTP 401 or 403) raises `AuthenticationError`, as for a recognition.

    Attributes:
        status: The HTTP status.
        body: The beginning of the response's body.
        error_code: The service's code in a JSON body, for example `InvalidParameter`; otherwise
            empty.
        error_message: The service's message in a JSON body; otherwise empty.
    """

    _from_outside = _OF_ANSWER

    def __init__(self, status: int, body: str = "", *, retry_after: float = 0.0) -> None:
        self.status: int = status
        self.body: str = body
        self.error_code: str
        self.error_message: str
        self.error_code, self.error_message, request_id = _read(body)
        super().__init__(request_id=request_id, retry_after=retry_after)
        self._look_up(classify(code=self.error_code, message=self.error_message, status=status))
        if self.is_throttled:
            self.hint = REQUEST_QUOTA

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        parts = [self.error_code, self.error_message] if self.error_code else [self.body]
        what = f"the service refused the request with HTTP {self.status}"
        return ": ".join([what, *filter(None, parts)])


class ConnectionLostError(ServiceError):
    """
    An open connection ended before the task was finished.

    Attributes:
        close_code: The WebSocket close code; 1006 when the connection ended without one.
        close_reason: The reason that came with the close code, often empty.
    """

    _from_outside = ("close_reason",)

    def __init__(self, close_code: int, close_reason: str = "", *, request_id: str = "") -> None:
        self.close_code: int = close_code
        self.close_reason: str = close_reason
        super().__init__(request_id=request_id)
        self._look_up(classify(message=close_reason, close=close_code))

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        reason = f", reason: {self.close_reason}" if self.close_reason else ""
        return f"the connection was lost during the task (close code {self.close_code}{reason})"


class DeadlineError(ServiceError, TimeoutError):
    """
    A bounded wait timed out.

    Attributes:
        phase: What was waited for: `connect`, `started`, `reused`, `send` or `finish`, as in
            `Timeouts`; `pool`, a free connection; `quota`, a place in the account's quota;
            `request`, the answer to an HTTP request; or `ready`, a list of hot words that can be
            used.
        seconds: How long the wait was.
    """

    def __init__(self, phase: str, seconds: float, *, request_id: str = "") -> None:
        self.phase: str = phase
        self.seconds: float = seconds
        wait = WAITS[phase]
        super().__init__(
            request_id=request_id, retryable=wait.retryable, hint=f"see {wait.setting}"
        )

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        return f"{WAITS[self.phase].what} within {self.seconds:g} s"


class TaskFailedError(ServiceError):
    """
    The service ended the task with an error.

    Attributes:
        error_code: The service's code, for example `InvalidParameter`.
        error_message: The service's message.
    """

    _from_outside = ("error_code", "error_message")

    def __init__(self, error_code: str, error_message: str, *, request_id: str = "") -> None:
        self.error_code: str = error_code
        self.error_message: str = error_message
        super().__init__(request_id=request_id)
        self._look_up(classify(code=error_code, message=error_message))

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        return ": ".join(filter(None, ("the task failed", self.error_code, self.error_message)))


class AudioLostError(ServiceError):
    """
    The connection was lost for longer than live audio is kept (`Reconnect.keep`).

    Either it was lost while more audio was unsettled than is kept, or attempts have failed for as
    long as audio is kept.

    Attributes:
        begin_time: Start of the audio that was lost, in ms of the user's audio.
        end_time: Its end in ms.
        outage: What happened in the last attempt, if attempts failed until the end; the error
            itself is the `__cause__`. Empty if there was a connection again.
    """

    _from_outside = ("outage",)

    def __init__(self, begin_time: int, end_time: int, *, outage: str = "") -> None:
        self.begin_time: int = begin_time
        self.end_time: int = end_time
        self.outage: str = outage
        gap = ', or continue with a gap: Reconnect(lost="gap")'
        super().__init__(hint=f"see Reconnect(keep=…){'' if outage else gap}")

    @property
    def message(self) -> str:
        """What happened, without the hint and ids."""
        audio = f"the audio from {self.begin_time} to {self.end_time} ms"
        if not self.outage:
            return f"the connection was lost, and {audio} is no longer kept"
        return f"attempts failed for longer than audio is kept, and {audio} is lost: {self.outage}"


class ProtocolError(ServiceError):
    """Client and service disagree about the protocol."""


class LocalProtocolError(ProtocolError):
    """This side was about to send what the protocol does not allow now. Nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent a message that the protocol does not allow now, or that cannot be decoded."""

    args: tuple[Any, ...]  # assigned here, too: without it, pyright finds the type ambiguous

    def redacted(self, hide: Callable[[str], str]) -> Self:
        """Return this error with *hide* applied to its message, which may quote the peer's."""
        self.args = (hide(self.message),)
        return self


def _read(body: str) -> tuple[str, str, str]:
    """Return code, message and request id of a JSON *body*; empty texts for what is missing."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", "", ""
    if not isinstance(answer, dict):
        return "", "", ""
    nested = answer.get("error")  # of the gateways that are compatible with OpenAI's
    found = answer | nested if isinstance(nested, dict) else answer
    code, message, request_id = (
        text if isinstance(text := found.get(name), str) else ""
        for name in ("code", "message", "request_id")
    )
    return code, message, request_id
