"""Refused HTTP requests, as the service words them: code, message and request id in JSON."""

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["RefusedRequest", "invalid_key", "refusal"]


class RefusedRequest(Exception):
    """
    A request is refused.

    Attributes:
        status: The HTTP status.
        code: The service's code.
        message: What is wrong.
        retry_after: Whole seconds after which the request may succeed; 0 if it never will.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: int = 0) -> None:
        super().__init__(message)
        self.status: int = status
        self.code: str = code
        self.message: str = message
        self.retry_after: int = retry_after


def invalid_key() -> RefusedRequest:
    """Return the refusal of a request without a valid key."""
    return RefusedRequest(401, "InvalidApiKey", "Invalid API-key provided.")


def refusal(refused: RefusedRequest) -> "web.Response":
    """Return the response to a refused request."""
    from aiohttp import web

    body = {"code": refused.code, "message": refused.message, "request_id": uuid.uuid4().hex}
    headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else None
    return web.json_response(body, status=refused.status, headers=headers)
