"""The temporary tokens of the local service, in memory."""

import uuid
from collections.abc import Callable

from paraformer_async.options.service import TEMPORARY, TOKEN_SECONDS
from paraformer_async.server._refusals import RefusedRequest

__all__ = ["TokenStore"]

_DEFAULT_SECONDS = 60


class TokenStore:
    """
    Issues tokens, and forgets them when they expire.

    Args:
        clock: Unix time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._expiry: dict[str, float] = {}

    def issue(self, expire_in_seconds: str | None) -> dict[str, object]:
        """
        Return the answer to a request for a token.

        Args:
            expire_in_seconds: The parameter of the request; `None` if it has none.

        Raises:
            RefusedRequest: It is not a whole number from 1 to 1800.
        """
        seconds = _DEFAULT_SECONDS if expire_in_seconds is None else _whole(expire_in_seconds)
        if seconds not in TOKEN_SECONDS:
            raise RefusedRequest(
                400,
                "InvalidParameter",
                f"expire_in_seconds must be a whole number from {TOKEN_SECONDS[0]} to "
                f"{TOKEN_SECONDS[-1]}.",
            )
        now = self._clock()
        self._expiry = {token: when for token, when in self._expiry.items() if when > now}
        token = f"{TEMPORARY}{uuid.uuid4().hex}"
        self._expiry[token] = now + seconds
        return {"token": token, "expires_at": int(now + seconds)}

    def accepts(self, token: str) -> bool:
        """Return whether *token* was issued and has not expired."""
        return self._expiry.get(token, 0.0) > self._clock()


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else 0
