"""What identifies the user to the service: the key, and the headers that carry it."""

import inspect
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from typing import Protocol, runtime_checkable

from paraformer_async._net.redaction import USER_AGENT, Hidden
from paraformer_async.errors import AuthenticationError, InvalidOptionError
from paraformer_async.options.endpoint import key_hint
from paraformer_async.options.environment import default_key
from paraformer_async.options.options import ApiKey
from paraformer_async.options.service import TEMPORARY

__all__ = ["account_of", "discard", "explain", "explain_fresh", "headers_with", "key_of"]

_UNAUTHORIZED = 401
_EXPIRED = (
    "the temporary token has expired, or was made for another region; a TemporaryToken() of "
    "paraformer_async.account as api_key= is renewed in time"
)

_OTHER = (
    "the temporary token is fresh, so it is of another account or region: pass the region= or "
    "endpoint= of the recognizer to TemporaryToken(), too"
)


@runtime_checkable
class Renewable(Protocol):
    """A callable for `api_key=` whose keys stand for another one, and can be replaced early."""

    def __call__(self) -> Awaitable[str]:
        """Return a key."""
        ...

    def account(self) -> int:
        """Return what `account_of` returns for the other key."""
        ...

    def discard(self, token: str) -> None:
        """Do not return *token* again."""
        ...


async def key_of(given: ApiKey | None) -> Hidden:
    """
    Return the key to use now: as given, as returned by the callable, or of the environment.

    Raises:
        InvalidOptionError: There is no key, it is not text, or a header cannot carry it.
    """
    key = Hidden(await _given_key(given))
    if not key:
        raise InvalidOptionError(
            "api_key", "there is no API key", hint="pass api_key= or set DASHSCOPE_API_KEY"
        )
    if not key.isprintable() or key != key.strip():
        raise InvalidOptionError("api_key", "the key has control characters, or spaces around it")
    return key


def account_of(given: ApiKey | None) -> int:
    """
    Return a number that stands for the account of a key, and does not show it.

    It is the same for all keys that a callable returns, and for equal keys however they are given.
    """
    if callable(given):
        return given.account() if isinstance(given, Renewable) else id(given)
    key = given or ""
    with suppress(InvalidOptionError):  # a file with the key that cannot be read now
        key = key or default_key()
    return hash(key)


def headers_with(key: Hidden, workspace: str | None, given: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request; those that the user has *given* win."""
    headers: dict[str, str] = {"Authorization": Hidden(f"Bearer {key}"), "User-Agent": USER_AGENT}
    if workspace:
        headers["X-DashScope-WorkSpace"] = workspace
    names = {name.lower() for name in given}
    own = {name: value for name, value in headers.items() if name.lower() not in names}
    return own | {name: Hidden(value) for name, value in given.items()}


def explain(refusal: AuthenticationError, url: str, headers: Mapping[str, str]) -> None:
    """Make the hint of *refusal* fit the key and the region, if it is about the key."""
    if refusal.status == _UNAUTHORIZED:
        is_token = headers.get("Authorization", "").startswith(f"Bearer {TEMPORARY}")
        refusal.hint = _EXPIRED if is_token else key_hint(url) or refusal.hint


def discard(given: ApiKey | None, key: object, refusal: AuthenticationError) -> bool:
    """Have *given* replace *key*, which was refused; return whether another key can be used."""
    if refusal.status != _UNAUTHORIZED or not isinstance(given, Renewable):
        return False
    given.discard(str(key))
    return True


def explain_fresh(refusal: AuthenticationError) -> None:
    """Make the hint of *refusal* fit a key that was requested just now."""
    if refusal.status == _UNAUTHORIZED:
        refusal.hint = _OTHER


async def _given_key(given: ApiKey | None) -> str:
    if given is None:
        return default_key()
    key: object = given() if callable(given) else given
    if inspect.isawaitable(key):
        key = await key
    if not isinstance(key, str):
        kind, key = type(key).__name__, None  # tools show locals with a traceback
        raise InvalidOptionError("api_key", f"the callable returned {kind}, not text")
    return key
