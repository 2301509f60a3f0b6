"""
What is known of failures, as data: what they mean, whether another try is worth it, what to do.

Ground floor: imports nothing of ours.
"""

from collections.abc import Mapping

__all__ = ["HANDSHAKE_HINTS", "QUOTA", "WAITS", "advice"]

QUOTA = "the account's quota is used up for the moment; wait and start fewer streams at once"
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
    ("Throttling", True, QUOTA),
    ("rate limit exceeded", True, QUOTA),
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

HANDSHAKE_HINTS: Mapping[int, str] = {
    401: _CHECK_KEY,
    403: "the key may not use this endpoint or workspace; check the account's permissions",
    404: "check endpoint=: the path is /api-ws/v1/inference",
    429: QUOTA,
}
# What was waited for in vain, and the setting of its bound, by the phases of `Timeouts`.
WAITS: Mapping[str, tuple[str, str]] = {
    "connect": ("the connection was not made", "Timeouts(connect=…)"),
    "started": ("the service did not answer run-task", "Timeouts(started=…)"),
    "send": ("the service took no audio", "Timeouts(send=…)"),
    "finish": ("the service sent nothing more after finish-task", "Timeouts(finish=…)"),
    "quota": ("no task could be submitted within the quota", "PoolLimits(tasks_per_second=…)"),
    "pool": ("no connection became free", "PoolLimits(connections=…, wait=…)"),
}


def advice(code: str, message: str) -> tuple[bool, str]:
    """Give whether another try is worth it after a failed task, and what to do."""
    for key, retryable, hint in _CATALOGUE:
        if code.startswith(key) or key.lower() in message.lower():
            return retryable, hint
    return False, ""
