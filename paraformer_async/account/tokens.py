"""Temporary tokens, which take the place of a key for a while."""

import time
from collections.abc import Callable
from copy import copy
from operator import sub
from typing import Any, Unpack

import anyio
from msgspec import Struct

from paraformer_async._net.identity import account_of
from paraformer_async._net.redaction import Hidden
from paraformer_async.account.access import Access, AccessOptions
from paraformer_async.account.calls import calling
from paraformer_async.errors import InvalidOptionError, ParaformerError, RemoteProtocolError
from paraformer_async.options.checks import is_whole, shown
from paraformer_async.options.service import TOKEN_SECONDS, TOKENS_PATH

__all__ = ["IssuedToken", "TemporaryToken", "create_temporary_token"]

_MARGIN = 10.0  # seconds before the end in which a token is not used for new connections


class IssuedToken(Struct, frozen=True):
    """
    A temporary token. It is not shown by `repr`.

    Attributes:
        token: What to use as `api_key=`, or to give to a client that must not have the key.
        expires_at: When it expires, as Unix time in seconds.
    """

    token: str
    expires_at: int

    def __repr__(self) -> str:
        return f"<IssuedToken expires_at={self.expires_at}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in the output of `rich`."""
        return [("expires_at", self.expires_at)]


async def create_temporary_token(
    expires_in: int = 60, **access: Unpack[AccessOptions]
) -> IssuedToken:
    """
    Request a temporary token, once.

    Cancellation is safe: nothing is left open. Source: "Temporary API key", Alibaba Cloud Model
    Studio.

    Args:
        expires_in: Its lifetime in seconds, 1 to 1800.
        access: See `AccessOptions`.

    Raises:
        InvalidOptionError: An option cannot work; nothing was sent.
        AuthenticationError: The key was refused.
        ServiceError: The service refused, or could not be reached.
    """
    _check_lifetime(expires_in)
    return await _issued(expires_in, Access(**access))


class TemporaryToken:
    """
    A temporary token that renews itself, for `api_key=`.

        AsyncRecognizer(api_key=TemporaryToken())

    A token is requested when a connection needs one, and again for connections made less than 10
    seconds, or a quarter of its lifetime, before it expires. A connection that is open outlives its
    token. Any number of recognitions share one request, and its failure; the recognizer retries it
    like the failure of a connection. A connection is reused only with the token that opened it, so
    long lifetimes save handshakes. A token that is refused before it expires is replaced, once for
    each attempt. Use one object in each event loop.

    Args:
        expires_in: Lifetime of each token in seconds, 1 to 1800.
        clock: Seconds, monotonic. By default there are two clocks: the monotonic one, which nobody
            sets, and that of the wall, which goes on while the machine sleeps.
        access: See `AccessOptions`; `api_key` is the lasting key.

    Raises:
        InvalidOptionError: An option cannot work.
    """

    def __init__(
        self,
        expires_in: int = 60,
        *,
        clock: Callable[[], float] | None = None,
        **access: Unpack[AccessOptions],
    ) -> None:
        _check_lifetime(expires_in)
        self._expires_in = expires_in
        self._access = Access(**access)
        self._clocks = _both if clock is None else _only(clock)
        self._fresh_for = expires_in - min(_MARGIN, expires_in / 4)
        self._token = Hidden()
        self._requested_at: tuple[float, ...] | None = None  # by each clock; `None`: not fresh
        self._renewal: _Renewal | None = None

    def __repr__(self) -> str:
        return f"<TemporaryToken expires_in={self._expires_in}>"

    async def __call__(self) -> str:
        """
        Return a token that lasts long enough for a handshake.

        Cancellation is safe: whoever else waits for the same request makes another one.

        Raises:
            InvalidOptionError: There is no key.
            ServiceError: There is no new token.
        """
        while not self._is_fresh:
            renewal = self._renewal
            if renewal is None:
                return await self._renew()
            await renewal.done.wait()
            if renewal.failure is not None:
                raise copy(renewal.failure) from renewal.failure.__cause__
            if renewal.token:
                return renewal.token
        return self._token

    def account(self) -> int:
        """Return a number that stands for the account, which is that of the lasting key."""
        return account_of(self._access.api_key)

    def discard(self, token: str) -> None:
        """
        Do not return *token* again: the service has refused it before it expired.

        The recognizer calls this, and connects once more. Another token than the current one
        changes nothing, so that of many who were refused the same one, one requests another.
        """
        if token == self._token:
            self._requested_at = None

    @property
    def _is_fresh(self) -> bool:
        """Whether neither clock has advanced too far since the token was requested."""
        if self._requested_at is None:
            return False
        passed = map(sub, self._clocks(), self._requested_at)
        return all(seconds < self._fresh_for for seconds in passed)

    async def _renew(self) -> Hidden:
        renewal = self._renewal = _Renewal()
        try:
            began = self._clocks()
            issued = await _issued(self._expires_in, self._access)
            renewal.token = self._token = Hidden(issued.token)
            self._requested_at = began
        except ParaformerError as error:
            renewal.failure = copy(error)  # a recognition adds its own facts to what is raised
            renewal.failure.__cause__ = error.__cause__
            raise
        finally:
            self._renewal = None
            renewal.done.set()
        return renewal.token


class _Renewal:
    """A request that is under way, and then its outcome; without one, it was canceled."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.token = Hidden()
        self.failure: ParaformerError | None = None


async def _issued(expires_in: int, access: Access) -> IssuedToken:
    async with calling(access) as caller:
        answer = await caller.post(TOKENS_PATH, query=f"expire_in_seconds={expires_in}")
    token, expires_at = answer.get("token"), answer.get("expires_at")
    if not isinstance(token, str) or not token or not is_whole(expires_at):
        raise RemoteProtocolError("the answer of the service has no token")
    return IssuedToken(token, expires_at)


def _check_lifetime(expires_in: object) -> None:
    if not is_whole(expires_in) or expires_in not in TOKEN_SECONDS:
        raise InvalidOptionError(
            "expires_in",
            f"{shown(expires_in)} is not a whole number of seconds, {TOKEN_SECONDS[0]} to "
            f"{TOKEN_SECONDS[-1]}",
        )


def _both() -> tuple[float, ...]:
    """Return the time of each clock, in seconds."""
    return time.monotonic(), time.time()


def _only(clock: Callable[[], float]) -> Callable[[], tuple[float, ...]]:
    """Return a function that returns the time of one clock."""
    return lambda: (clock(),)
