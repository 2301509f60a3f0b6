"""Requests to the account: one attempt, bounded in time, or several for what only reads."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import anyio
import msgspec

from paraformer_async._net.identity import discard, explain, explain_fresh, headers_with, key_of
from paraformer_async._net.proxies import proxy_from_environment
from paraformer_async._net.redaction import Hidden
from paraformer_async.account.access import Access
from paraformer_async.errors import (
    AuthenticationError,
    DeadlineError,
    RemoteProtocolError,
    ServiceError,
)

if TYPE_CHECKING:
    from paraformer_async._net.http import HttpClient

__all__ = ["LONGEST_WAIT", "Caller", "calling"]

LONGEST_WAIT = 60.0
"""Longest Retry-After that is honored, in seconds; beyond it the error is raised."""


class Caller:
    """
    Sends requests, and reads the answers.

    Args:
        access: Where to, and with what key.
        client: Sends them.
    """

    def __init__(self, access: Access, client: "HttpClient") -> None:
        self._access = access
        self._client = client

    async def post(
        self, path: str, *, query: str = "", document: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """
        Send one request, once, and return the object that is the answer.

        If a key that can be renewed is refused, the request is sent again with another one, once.
        Cancellation is safe; whether the service has acted on the request is not known then.

        Raises:
            InvalidOptionError: There is no key, or the environment is invalid.
            DeadlineError: It took longer than the timeout.
            ServiceError: The service refused the request, or could not be reached.
        """
        given = self._access.api_key
        with anyio.move_on_after(self._access.timeout):
            key = await key_of(given)
            try:
                return await self._send(key, path, query, document)
            except AuthenticationError as refusal:
                if not discard(given, key, refusal):
                    raise
            try:
                return await self._send(await key_of(given), path, query, document)
            except AuthenticationError as refusal:
                explain_fresh(refusal)
                raise
        raise DeadlineError("request", self._access.timeout)

    async def read(
        self,
        path: str,
        document: Mapping[str, Any],
        *,
        retries: int,
        backoff: Callable[[int], float],
    ) -> dict[str, Any]:
        """
        Send a request that changes nothing, again if that may help; otherwise like `post`.

        A Retry-After of the service is honored up to `LONGEST_WAIT`.

        Args:
            path: Where to.
            document: What is sent.
            retries: How many times more, at most.
            backoff: Returns the seconds to wait after so many failures.
        """
        failures = 0
        while True:
            try:
                return await self.post(path, document=document)
            except ServiceError as error:
                failures += 1
                is_last = failures > retries or error.retry_after > LONGEST_WAIT
                if is_last or not error.retryable:
                    raise
                delay = max(backoff(failures), error.retry_after)
            await anyio.sleep(delay)

    async def _send(
        self, key: Hidden, path: str, query: str, document: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        from paraformer_async._net.http import HttpRequest

        access = self._access
        url = _joined(access.url, path, query)
        request = HttpRequest(
            url=url,
            headers=headers_with(key, access.workspace_id, access.headers),
            proxy=access.proxy or proxy_from_environment(url),
            ssl=access.ssl,
            body=b"" if document is None else msgspec.json.encode(document),
        )
        try:
            return _object_in(await self._client.post(request))
        except AuthenticationError as error:
            explain(error, request.url, request.headers)
            raise


@asynccontextmanager
async def calling(access: Access) -> AsyncGenerator[Caller, None]:
    """Yield a caller whose connections are closed in the end."""
    from paraformer_async._net.http import HttpClient

    client = HttpClient()
    try:
        yield Caller(access, client)
    finally:
        with anyio.CancelScope(shield=True):
            await client.aclose()


def _joined(base: str, path: str, query: str) -> str:
    where = urlsplit(base)
    queries = "&".join(filter(None, (where.query, query)))
    return urlunsplit((where.scheme, where.netloc, where.path + path, queries, ""))


def _object_in(body: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):  # which is not shown: it may contain a token
        raise RemoteProtocolError("the answer of the service is not a JSON object")
    return answer
