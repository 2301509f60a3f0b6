"""The account of the local service: who may use it, and the HTTP routes beside the WebSocket."""

import hmac
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from paraformer_async.options.service import (
    CUSTOMIZATION_MODEL,
    CUSTOMIZATION_PATH,
    HTTP_PATH,
    TEMPORARY,
    TOKENS_PATH,
)
from paraformer_async.server._refusals import RefusedRequest, invalid_key, refusal
from paraformer_async.server._tokens import TokenStore
from paraformer_async.server._vocabularies import VocabularyStore

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Account"]


class Account:
    """
    The one account of a local service: its key, its tokens and its hot words, all in memory.

    Args:
        api_key: The key that clients must send; `None` accepts any key.
        clock: Unix time in seconds.
        deployment: Seconds from a change of a list of hot words until its status is `OK`.
    """

    def __init__(
        self,
        api_key: str | None,
        *,
        clock: Callable[[], float] = time.time,
        deployment: float = 0.0,
    ) -> None:
        self._api_key = api_key
        self._tokens = TokenStore(clock)
        self._vocabularies = VocabularyStore(clock, deployment)

    def is_authorized(self, authorization: str) -> bool:
        """Return whether the header has the key, or a temporary token that has not expired."""
        scheme, _, key = authorization.partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            return False
        if key.startswith(TEMPORARY) and key != self._api_key:
            return self._tokens.accepts(key)
        # aiohttp escapes bytes that are no UTF-8 so.
        received = key.encode(errors="surrogateescape")
        return self._api_key is None or hmac.compare_digest(received, self._api_key.encode())

    def add_routes(self, app: "web.Application") -> None:
        """Add the HTTP routes to *app*."""
        app.router.add_post(f"{HTTP_PATH}{TOKENS_PATH}", self._answering(self._token))
        app.router.add_post(f"{HTTP_PATH}{CUSTOMIZATION_PATH}", self._answering(self._customize))

    def _answering(
        self, answer: Callable[["web.Request"], Awaitable[dict[str, object]]]
    ) -> Callable[["web.Request"], Awaitable["web.Response"]]:
        """Return a handler that answers only with a key, and refuses as the service does."""
        from aiohttp import web

        async def handle(request: web.Request) -> web.Response:
            try:
                if not self.is_authorized(request.headers.get("Authorization", "")):
                    raise invalid_key()
                return web.json_response(await answer(request))
            except RefusedRequest as refused:
                return refusal(refused)

        return handle

    async def _token(self, request: "web.Request") -> dict[str, object]:
        return self._tokens.issue(request.query.get("expire_in_seconds"))

    async def _customize(self, request: "web.Request") -> dict[str, object]:
        try:
            document = msgspec.json.decode(await request.read())
        except (ValueError, RecursionError):
            document = None
        given = document.get("input") if isinstance(document, Mapping) else None
        if not isinstance(document, Mapping) or not isinstance(given, Mapping):
            raise RefusedRequest(400, "InvalidParameter", "the body must be JSON with an input.")
        if document.get("model") != CUSTOMIZATION_MODEL:
            raise RefusedRequest(400, "ModelNotFound", f"the model must be {CUSTOMIZATION_MODEL}.")
        output = self._vocabularies.answer(given)
        return {"output": output, "usage": {"count": 1}, "request_id": uuid.uuid4().hex}
