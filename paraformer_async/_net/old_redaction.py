"""
What is told of a connection that could not be made, and what never is.

aiohttp's own words have addresses with their queries, and its exceptions hold credentials; so the
reason is told in words of ours, and what still slips into a text is taken out of it.
"""

import os
import re
import traceback
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from paraformer_async.errors import ConnectError
from paraformer_async.options.options import Options

__all__ = ["Secrets", "connect_error", "host_of_redirect"]

# What is shorter is as likely a word of the text as a secret.
_WORTH_HIDING = 4
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,255}")


class Secrets:
    """
    What no text may show: the key, the values of headers, credentials and queries of addresses.

    Args:
        options: Where they come from.
        key: The key in use.
        proxy: The proxy in use.
    """

    def __init__(self, options: Options, key: str, proxy: str | None) -> None:
        given = [*options.headers.values(), *_of_address(options.url), *_of_address(proxy or "")]
        long = {one for one in given if len(one) >= _WORTH_HIDING}
        password = urlsplit(proxy or "").password or key
        self._all = sorted({key, password, unquote(password), *long}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, self._all)), re.IGNORECASE)

    def hide(self, text: str) -> str:
        """Give *text* without them; nor does it end with the beginning of one that was cut off."""
        text = self._pattern.sub("…", text)
        for secret in self._all:
            for length in range(len(secret) - 1, _WORTH_HIDING - 1, -1):
                if text.endswith(secret[:length]):
                    return f"{text[:-length]}…"
        return text

    def are_in(self, error: BaseException) -> bool:
        """Tell whether *error*, or what it came from, shows one of them."""
        told = f"{''.join(traceback.format_exception(error))}{error!r}"
        return self._pattern.search(told) is not None


def connect_error(host: str, error: Exception, secrets: Secrets) -> ConnectError:
    """Tell why there is no connection to *host*, by the kind of *error*, and if it may pass."""
    from ssl import SSLCertVerificationError

    fault = _fault_of_tls(error)
    if fault is None:
        reason, hint = _reason(error), ""
    else:
        peer = getattr(error, "host", host)  # the proxy may be who it is
        if isinstance(fault, SSLCertVerificationError):
            why = getattr(fault, "verify_message", "") or type(fault).__name__
            reason = f"the certificate of {peer} is not valid: {why.rstrip('.')}"
            hint = "to trust an authority of your own, pass an ssl.SSLContext as ssl="
        else:
            why = (getattr(fault, "reason", None) or type(fault).__name__).replace("_", " ")
            reason = f"TLS with {peer} failed: {why.lower()}"
            plain = "ws:// instead of wss://"
            if peer != host:
                plain = "http:// instead of https:// in proxy="
            hint = f"if it speaks no TLS, use {plain}; for other settings of TLS, see ssl="
    return ConnectError(
        f"no connection to {host}: {secrets.hide(reason)}",
        retryable=fault is None and not isinstance(error, ValueError),  # the address is none
        hint=hint,
    )


def host_of_redirect(location: str) -> str:
    """Give the host of a `Location`, and nothing else of it."""
    try:
        netloc = urlsplit(location).netloc
        host = urlsplit(location).hostname or ""
    except ValueError:
        return "an address that is none"
    if not netloc:
        return "its own host"
    return host if _HOST.fullmatch(host) else "an address that is none"


def _of_address(address: str) -> Iterator[str]:
    where = urlsplit(address)
    values = [pair.partition("=")[2] or pair for pair in where.query.split("&")]
    for text in (where.query, *values, where.fragment, where.username, where.password):
        yield from (text or "", unquote(text or ""))
    if where.username is not None:
        credentials = f"{where.username}:{where.password or ''}"
        yield from (credentials, unquote(credentials))
        yield b64encode(unquote(credentials).encode()).decode()


def _fault_of_tls(error: Exception) -> Exception | None:
    """Give what is wrong with TLS; that the connection just ended in it is no fault of TLS."""
    import ssl

    for one in (getattr(error, "os_error", None), error.__cause__, error):
        if isinstance(one, ssl.SSLError):
            ended = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)
            return None if isinstance(one, ended) else one
    return None


def _reason(error: Exception) -> str:
    import aiohttp

    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy refused with HTTP {error.status}"
        case aiohttp.ClientConnectorDNSError():
            return f"the name {error.host} cannot be resolved: {_words(error.os_error)}"
        case aiohttp.ClientProxyConnectionError():
            words = _words(error.os_error)
            return f"no connection to the proxy {error.host}:{error.port}: {words}"
        case aiohttp.ClientConnectorError():
            return _words(error.os_error)
        case OSError():
            return _words(error)
    return type(error).__name__


def _words(error: OSError) -> str:
    """Give the operating system's words, without the addresses that asyncio adds."""
    from socket import gaierror

    if error.errno and not isinstance(error, gaierror):
        words = os.strerror(error.errno)
        if not words.startswith("Unknown error"):
            return words
    return error.strerror or type(error).__name__
