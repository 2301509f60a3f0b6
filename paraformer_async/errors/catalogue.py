"""
What is known of failures, as one table: whether a retry may help, what is at fault, what to do.

A row applies if all of its columns that are filled in apply. The most specific row wins: one with a
part of the message before one without, then the longest code, the longest part of the message, an
HTTP status, a close code; of equal ones the first. Codes are compared from their beginning, and
messages anywhere, both ignoring case: the service spells `RequestTimeOut`, and its proxies
`requesttimeout`.

Imports nothing of this package. Source: "Error codes", Alibaba Cloud Model Studio.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct

__all__ = ["CATALOGUE", "REQUEST_QUOTA", "WAITS", "Row", "Wait", "classify"]

_QUOTA = "the account's quota is used up for the moment; wait, and start fewer streams at once"
_FREE_QUOTA = "the free quota is used up; allow paid use in the console, or use another model"
_QUIET = "send audio without long pauses, or pass heartbeat=True to keep a quiet stream alive"
_SILENT = "the audio had no speech for 60 s; pass heartbeat=True to keep a silent stream alive"
_COMPARE = "compare format= and sample_rate= with the audio"
_NO_AUDIO = f"no audio arrived, or it is not in the declared format: {_COMPARE}"
_NO_SPEECH = f"the audio has no speech, or is not in the declared format: {_COMPARE}"
_FAILED = "the service failed; retry, and quote the request id to its support if it persists"
_OVERLOADED = "the service is overloaded or in maintenance; retry later"
_SLOW = "the service took too long; retry"
_REQUEST = "a parameter of the request is wrong; see the message"
_MISSING = "check the id, and that the key is one of the account that it belongs to"
_MODEL = "check model=, and that the region of the endpoint offers this model"
_CONTENT = "the service's content inspection rejected the data"
_ACCOUNT = "check the account's balance, bills and purchased services in the console"
_INPUT = "`payload.input` is missing; this is a bug, please report it"
_KEY = "check api_key= or DASHSCOPE_API_KEY, and that the key belongs to the endpoint's region"
_PATH = (
    "check endpoint= or DASHSCOPE_WEBSOCKET_BASE_URL: the path is /api-ws/v1/inference; that of "
    "HTTP requests begins with /api/v1"
)
_ACCESS = "the key may not use this model or workspace; check the account's permissions"


REQUEST_QUOTA = "wait before sending it again; retry_after has the seconds, unless it is 0"
"""What to do if an HTTP request, and not a recognition, is throttled."""


class Row(Struct, frozen=True, kw_only=True):
    """
    One kind of failure.

    Attributes:
        code: Beginning of the service's error code.
        message: Part of the error message, or of the reason of a close.
        status: HTTP statuses of a refused handshake or request.
        close: Close codes of a lost connection.
        retryable: Whether the same audio with the same parameters may succeed later.
        throttled: Whether the account's quota is the reason, so that fewer tasks would help.
        hint: What to do, in one sentence.
    """

    code: str = ""
    message: str = ""
    status: Collection[int] = ()
    close: Collection[int] = ()
    retryable: bool = False
    throttled: bool = False
    hint: str = ""

    def applies(self, code: str, message: str, status: int | None, close: int | None) -> bool:
        """Return whether all columns that are filled in apply to these facts."""
        return (
            code.casefold().startswith(self.code.casefold())
            and self.message.casefold() in message.casefold()
            and (not self.status or status in self.status)
            and (not self.close or close in self.close)
        )

    @property
    def rank(self) -> tuple[bool, int, int, bool, bool]:
        """How specific the row is; the highest wins."""
        return (
            bool(self.message),
            len(self.code),
            len(self.message),
            bool(self.status),
            bool(self.close),
        )


def _codes(hint: str, *codes: str, retryable: bool = False, throttled: bool = False) -> list[Row]:
    return [Row(code=code, retryable=retryable, throttled=throttled, hint=hint) for code in codes]


CATALOGUE: tuple[Row, ...] = (
    # Clocks
    Row(message="request timeout after", retryable=True, hint=_QUIET),
    Row(message="response timeout", retryable=True, hint=_SILENT),
    *_codes(_SILENT, "ResponseTimeout", retryable=True),
    # Audio
    *_codes(_NO_AUDIO, "NO_VALID_AUDIO_ERROR"),
    Row(message="NO_VALID_AUDIO_ERROR", hint=_NO_AUDIO),
    *_codes(_NO_SPEECH, "NO_INPUT_AUDIO_ERROR"),
    Row(message="NO_INPUT_AUDIO_ERROR", hint=_NO_SPEECH),
    *_codes(_COMPARE, "UNSUPPORTED_FORMAT"),
    Row(message="decode audio", hint=_COMPARE),
    # Quota
    *_codes(
        _QUOTA,
        "Throttling",
        "limit_burst_rate",
        "LimitRequests",
        "limit_requests",
        "ResourceExhausted",
        "insufficient_quota",
        retryable=True,
        throttled=True,
    ),
    Row(message="rate limit exceeded", retryable=True, throttled=True, hint=_QUOTA),
    Row(status={429}, retryable=True, throttled=True, hint=_QUOTA),
    Row(message="free allocated quota exceeded", hint=_FREE_QUOTA),
    *_codes(_FREE_QUOTA, "AllocationQuota.FreeTierOnly"),
    # The service, or its capacity
    Row(message="due to system capacity limits", retryable=True, hint=_OVERLOADED),
    *_codes(_OVERLOADED, "ModelUnavailable", "ServiceUnavailable", retryable=True),
    *_codes(_SLOW, "GatewayTimeout", "InternalError.Timeout", "RequestTimeOut", retryable=True),
    *_codes(
        _FAILED,
        "ModelServiceFailed",
        "InternalError",
        "SERVER_ERROR",
        "SystemError",
        "EngineError",
        retryable=True,
    ),
    # The request
    *_codes(_REQUEST, "InvalidParameter"),
    *_codes(_MISSING, "BadRequest.ResourceNotExist"),
    Row(message="task can not be null", hint=_INPUT),
    Row(message="invalid payload data", hint=_INPUT),
    *_codes(_MODEL, "Model.NotExist", "ModelNotFound"),
    Row(message="model not found", hint=_MODEL),
    *_codes(_CONTENT, "DataInspectionFailed"),
    # The account
    *_codes("the key's workspace may not use this model", "Model.AccessDenied"),
    *_codes(_KEY, "InvalidApiKey"),
    *_codes(_ACCESS, "AccessDenied"),
    *_codes(
        _ACCOUNT,
        "Arrearage",
        "CommodityNotPurchased",
        "PrepaidBillOverdue",
        "PostpaidBillOverdue",
        "isv.OUT_OF_SERVICE",
    ),
    # HTTP statuses, when the body has no code that is known
    Row(status={401}, hint=_KEY),
    Row(status={403}, hint=_ACCESS),
    Row(status={404}, hint=_PATH),
    Row(status=range(500, 600), retryable=True),
    # Close codes that blame what the client sent: RFC 6455, section 7.4.1; all others do not
    Row(close={1003, 1007, 1008, 1009}),
    Row(close=range(1000, 5000), retryable=True),
)
_BY_RANK = sorted(CATALOGUE, key=lambda row: row.rank, reverse=True)
_UNKNOWN = Row()


def classify(
    *, code: str = "", message: str = "", status: int | None = None, close: int | None = None
) -> Row:
    """
    Return the most specific row that applies; one that is not retryable if none does.

    Args:
        code: The service's error code.
        message: Its error message, or the reason of a close.
        status: The HTTP status of a refused handshake or request.
        close: The close code of a lost connection.
    """
    applying = (row for row in _BY_RANK if row.applies(code, message, status, close))
    return next(applying, _UNKNOWN)


class Wait(Struct, frozen=True):
    """
    A bounded wait that timed out.

    Attributes:
        what: What did not happen, in the words of the error.
        setting: The setting of its bound.
        retryable: Whether the same audio may succeed later.
    """

    what: str
    setting: str
    retryable: bool = True


# By the phases of `Timeouts`, and other waits.
WAITS: Mapping[str, Wait] = {
    "connect": Wait("the connection was not established", "Timeouts(connect=…)"),
    "started": Wait("the service did not respond to run-task", "Timeouts(started=…)"),
    "reused": Wait("nothing was received on a connection that was idle", "Timeouts(reused=…)"),
    "send": Wait("the service accepted no audio", "Timeouts(send=…)"),
    "finish": Wait("the service sent nothing more after finish-task", "Timeouts(finish=…)"),
    "quota": Wait(
        "no task could be submitted within the quota",
        "PoolLimits(tasks_per_second=…, wait=…)",
        retryable=False,
    ),
    "request": Wait("the service did not answer the request", "timeout=…"),
    "ready": Wait("the list of hot words was not ready for use", "ensure(wait=…)"),
    "pool": Wait("no connection became free", "PoolLimits(connections=…, wait=…)", retryable=False),
}
