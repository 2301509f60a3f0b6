"""
Secrets, and how they are removed from texts.

Libraries' messages contain addresses with their queries, and their exceptions hold credentials.
"""

import json
import re
import traceback
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

from paraformer_async._net.contract import Handshake
from paraformer_async.errors import ServiceError
from paraformer_async.options.options import Overrides

__all__ = ["USER_AGENT", "Hidden", "Secrets", "hide_key", "host_of_redirect", "printable"]

USER_AGENT = "paraformer-async"
# Anything shorter is as likely to be a word of the text as a secret.
_WORTH_HIDING = 4
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}")


class Hidden(str):
    """A secret: a text that is not shown in tracebacks, logs and debuggers."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "…"


def hide_key(options: Overrides) -> None:
    """Replace the key among *options*, which are locals, and may be shown with a traceback."""
    key = options.get("api_key")
    if isinstance(key, str):
        options["api_key"] = Hidden(key)


class Secrets:
    """
    The secrets of a handshake: values of headers, credentials and queries of addresses.

    Args:
        handshake: The handshake that contains them.
    """

    def __init__(self, handshake: Handshake) -> None:
        values = [value for value in handshake.headers.values() if value != USER_AGENT]
        keys = [value.rpartition(" ")[2] for value in values]  # without the word `Bearer`
        proxy = handshake.proxy or ""
        given = {*values, *keys, *_of_address(handshake.url), *_of_address(proxy)}
        password = urlsplit(proxy).password or ""
        chosen = {password, unquote(password)} - {""}
        chosen |= {one for one in given if len(one) >= _WORTH_HIDING}
        chosen |= {spelled for one in chosen for spelled in _spellings(one)}
        self._all = sorted(map(Hidden, chosen), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._all)) or "(?!)", re.IGNORECASE)

    def hide(self, text: str) -> str:
        """Return *text* without them, and without the beginning of one at its end."""
        text = self._pattern.sub("…", text)
        for secret in self._all:
            for length in range(min(len(secret) - 1, len(text)), _WORTH_HIDING - 1, -1):
                if text.endswith(secret[:length]):
                    return f"{text[:-length]}…"
        return text

    def hidden_in(self, frame: str | bytes) -> str | bytes:
        """Return a *frame* without them, in whatever spelling it quotes them."""
        if isinstance(frame, str):
            return self._pattern.sub("…", frame)
        text = frame.decode("utf-8", "surrogateescape")
        return self._pattern.sub("…", text).encode("utf-8", "surrogateescape")

    def redacted(self, failure: ServiceError) -> ServiceError:
        """Return *failure* without them, and without a cause that shows one."""
        failure.redacted(self.hide)
        is_chained = failure.__cause__ is not None or failure.__context__ is not None
        if is_chained and self.are_in(failure):
            failure.__cause__ = failure.__context__ = None
        return failure

    def are_in(self, error: BaseException) -> bool:
        """Return whether *error*, or what it was raised from, shows one of them."""
        shown = f"{''.join(traceback.format_exception(error))}{error!r}"
        return self._pattern.search(shown) is not None


def printable(text: str) -> str:
    """Return *text* without control characters, which could manipulate a terminal or a log."""
    return "".join(each if each.isprintable() else " " for each in text).strip()


def host_of_redirect(location: str) -> str:
    """Return the host of a `Location`, and nothing else."""
    try:
        netloc = urlsplit(location).netloc
        host = urlsplit(location).hostname or ""
    except ValueError:
        return "an invalid address"
    if not netloc:
        return "its own host"
    return host if _HOST.fullmatch(host) else "an invalid address"


def _spellings(secret: str) -> Iterator[str]:
    """Yield how JSON and addresses write *secret*, which is how a peer may quote it."""
    in_json = json.dumps(secret)[1:-1]
    yield from (in_json, in_json.replace("/", r"\/"), quote(secret), quote(secret, safe=""))


def _of_address(address: str) -> Iterator[str]:
    where = urlsplit(address)
    values = [pair.partition("=")[2] or pair for pair in where.query.split("&")]
    for text in (where.query, *values, where.fragment, where.username, where.password):
        yield from (text or "", unquote(text or ""))
    if where.username is not None:
        credentials = f"{where.username}:{where.password or ''}"
        yield from (credentials, unquote(credentials))
        yield b64encode(unquote(credentials).encode()).decode()
