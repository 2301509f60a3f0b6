"""
Why there is no connection: one sentence for each cause, what to do, and whether to try again.

The sentence names what is at the other end. It is built from facts, because the messages of
libraries contain addresses and headers. Failures that cannot pass by themselves are not retryable.
"""

import errno
import os
import socket
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from paraformer_async._net.contract import Handshake
from paraformer_async._net.redaction import Secrets, printable
from paraformer_async.errors import (
    AuthenticationError,
    ConnectError,
    HandshakeError,
    RequestError,
)

__all__ = ["Failures", "Where"]

_KEY_REFUSED = frozenset({401, 403})
_PROXY_AUTHENTICATION = 407
_SERVER_FAULT = 500
_SHOWN = 40  # characters of a response in another protocol
_PROXY = "check the proxy: its address is from proxy=, HTTPS_PROXY or HTTP_PROXY"
_NOBODY = "nothing listens there: check endpoint=, or start the service"
_TLS_ALERT = b"\x15\x03"
# `getaddrinfo` found no such name; its other errors are temporary.
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


RefusalT = TypeVar("RefusalT", bound=HandshakeError | RequestError)


class Where(NamedTuple):
    """The peer of a TCP connection: the service or a proxy."""

    host: str
    port: int
    is_proxy: bool = False


class Failures:
    """
    Creates the errors of a factory.

    It records the hosts that were reached: an unknown name that was known before means that the
    network is down, which is retryable.
    """

    def __init__(self) -> None:
        self._reached: set[str | None] = set()

    def reached(self, handshake: Handshake) -> None:
        """Note that the hosts of *handshake* exist."""
        self._reached.add(urlsplit(handshake.url).hostname)
        if handshake.proxy:
            self._reached.add(urlsplit(handshake.proxy).hostname)

    @staticmethod
    def cause(handshake: Handshake, error: Exception) -> Exception | None:
        """Return *error* as a cause that may be shown, or `None`."""
        return None if Secrets(handshake).are_in(error) else error

    @staticmethod
    def refusal(status: int, body: str, retry_after: str = "") -> HandshakeError:
        """Return the error for an HTTP response instead of a WebSocket."""
        kind = AuthenticationError if status in _KEY_REFUSED else HandshakeError
        return kind(status, body, retry_after=_seconds(retry_after))

    @staticmethod
    def refused_request(
        status: int, body: str, retry_after: str = ""
    ) -> RequestError | AuthenticationError:
        """Return the error for the response to an HTTP request."""
        seconds = _seconds(retry_after)
        if status in _KEY_REFUSED:
            return AuthenticationError(status, body, retry_after=seconds, refused="request")
        return RequestError(status, body, retry_after=seconds)

    @staticmethod
    def redacted(handshake: Handshake, refusal: RefusalT) -> RefusalT:
        """Return *refusal* without secrets in what the service, or a proxy, has answered."""
        refusal.redacted(Secrets(handshake).hide)
        if refusal.status == _PROXY_AUTHENTICATION:
            refusal.hint = _proxy_hint(refusal.status)
        return refusal

    def no_websocket(self, handshake: Handshake, why: str) -> ConnectError:
        """Return the error for a 101 that is not a WebSocket handshake."""
        return _error(
            handshake,
            f"the answer to the WebSocket handshake is wrong: {why.lower()}",
            hint="a proxy on the way may not support WebSockets; check endpoint= and proxy=",
        )

    def no_http(self, handshake: Handshake, beginning: bytes) -> ConnectError:
        """Return the error for a response that is not HTTP, of which *beginning* is known."""
        hint = "check the host and the port of endpoint= and proxy="
        if beginning.startswith(_TLS_ALERT):
            reason = "the answer is TLS, not HTTP"
            hint = "use wss:// instead of ws://, or https:// instead of http:// in proxy="
        else:
            reason = "the answer is not HTTP"
            hide = Secrets(handshake).hide
            line = printable(beginning.partition(b"\r\n")[0].decode("ascii", "replace"))
            if shown := hide(hide(line)[:_SHOWN]):
                reason += f', it begins with "{shown}"'
        return _error(handshake, reason, hint=hint)

    def refused_by_proxy(self, handshake: Handshake, status: int) -> ConnectError:
        """Return the error for a proxy that refuses CONNECT."""
        reason = f"the proxy refused with HTTP {status}"
        hint = _proxy_hint(status)
        return _error(handshake, reason, retryable=status >= _SERVER_FAULT, hint=hint)

    def no_address(self, handshake: Handshake) -> ConnectError:
        """Return the error for an address that the library rejects."""
        return _error(handshake, "the address is invalid", hint="check endpoint= and proxy=")

    def hung_up(self, handshake: Handshake) -> ConnectError:
        """Return the error for a peer that closes without a response."""
        return _error(handshake, "the peer closed the connection without an answer", retryable=True)

    def no_name(self, handshake: Handshake, error: OSError, host: str) -> ConnectError:
        """Return the error for a *host* whose name cannot be resolved."""
        is_unknown = error.errno in _UNKNOWN_NAME and host not in self._reached
        what = "the name in endpoint= or proxy=" if is_unknown else "the network"
        return _error(
            handshake,
            f"the name {host} cannot be resolved: {_words(error)}",
            retryable=not is_unknown,
            hint=f"check {what}, and the DNS",
        )

    def of_system(
        self, handshake: Handshake, error: OSError, where: Where | None = None
    ) -> ConnectError:
        """Return the error for *error* of the operating system or of TLS."""
        import ssl

        ended = (ssl.SSLEOFError, ssl.SSLSyscallError, ssl.SSLZeroReturnError)
        where = where or Where(urlsplit(handshake.url).hostname or "", 0)
        if isinstance(error, ssl.SSLError) and not isinstance(error, ended):
            return _of_tls(handshake, error, where)
        if isinstance(error, socket.gaierror):
            return self.no_name(handshake, error, where.host)
        reason, hint = _words(error), ""
        if where.is_proxy:
            reason = f"no connection to the proxy {where.host}:{where.port}: {reason}"
            hint = _PROXY
        elif error.errno == errno.ECONNREFUSED:
            hint = _NOBODY
        return _error(handshake, reason, retryable=True, hint=hint)


def _of_tls(handshake: Handshake, error: OSError, where: Where) -> ConnectError:
    from ssl import SSLCertVerificationError

    if isinstance(error, SSLCertVerificationError):
        why = getattr(error, "verify_message", "") or type(error).__name__
        reason = f"the certificate of {where.host} is not valid: {why.rstrip('.')}"
        return _error(
            handshake,
            reason,
            hint="to trust an authority of your own, pass an ssl.SSLContext as ssl=",
        )
    why = (getattr(error, "reason", None) or type(error).__name__).replace("_", " ")
    is_proxy = where.host != urlsplit(handshake.url).hostname
    plain = "http:// instead of https:// in proxy=" if is_proxy else "ws:// instead of wss://"
    return _error(
        handshake,
        f"TLS with {where.host} failed: {why.lower()}",
        hint=f"if it does not use TLS, use {plain}; for other settings of TLS, see ssl=",
    )


def _seconds(retry_after: str) -> float:
    """Return the seconds of a Retry-After; 0 if there are none, or if it is a date."""
    return float(retry_after) if retry_after.isdecimal() and retry_after.isascii() else 0.0


def _proxy_hint(status: int) -> str:
    if status == _PROXY_AUTHENTICATION:
        return 'pass its credentials: proxy="http://user:password@host:port"'
    return "ask who runs the proxy whether it allows the service's host, or set NO_PROXY"


def _error(
    handshake: Handshake, reason: str, *, retryable: bool = False, hint: str = ""
) -> ConnectError:
    host = urlsplit(handshake.url).hostname or ""
    shown = Secrets(handshake).hide(reason)
    return ConnectError(f"no connection to {host}: {shown}", retryable=retryable, hint=hint)


def _words(error: OSError) -> str:
    """Return the operating system's words, without the addresses that asyncio adds."""
    if error.errno and not isinstance(error, socket.gaierror):
        words = os.strerror(error.errno)
        if not words.startswith("Unknown error"):
            return words
    return error.strerror or type(error).__name__
