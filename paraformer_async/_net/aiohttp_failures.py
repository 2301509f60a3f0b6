"""Why there is no connection, by the kind of aiohttp's exception."""

import ast
import re
from contextlib import suppress

import aiohttp
import anyio

from paraformer_async._net.contract import Handshake
from paraformer_async._net.failures import Failures, Where
from paraformer_async.errors import ConnectError

__all__ = ["beginning_in", "body_of_refusal", "failure_of"]

_BODY_SHOWN = 500
_BODY_WAIT = 1.0  # seconds; at most half of what is left until the deadline


def failure_of(failures: Failures, handshake: Handshake, error: Exception) -> ConnectError:
    """Return why there is no connection, by the kind of *error*."""
    failure = failures.hung_up(handshake)
    match error:
        case aiohttp.WSServerHandshakeError():
            failure = failures.no_websocket(handshake, error.message)
        case aiohttp.ClientHttpProxyError():
            failure = failures.refused_by_proxy(handshake, error.status)
        case aiohttp.ClientResponseError():
            failure = failures.no_http(handshake, beginning_in(error.message))
        case aiohttp.ClientConnectorDNSError():
            failure = failures.no_name(handshake, error.os_error, error.host)
        case aiohttp.ClientConnectorError():
            is_proxy = isinstance(error, aiohttp.ClientProxyConnectionError)
            where = Where(error.host, error.port or 0, is_proxy=is_proxy)
            failure = failures.of_system(handshake, _tls_in(error) or error.os_error, where)
        case OSError() if not isinstance(error, aiohttp.ServerDisconnectedError):
            failure = failures.of_system(handshake, _tls_in(error) or error)
        case ValueError():  # aiohttp's InvalidURL is one, too
            failure = failures.no_address(handshake)
    return failure


def _tls_in(error: OSError) -> OSError | None:
    from ssl import SSLError

    for one in (getattr(error, "os_error", None), error.__cause__, error):
        if isinstance(one, SSLError):
            return one
    return None


def beginning_in(message: str) -> bytes:
    """Return what aiohttp shows of a response that is not HTTP: a bytes literal in its text."""
    found = re.search(r"""b(?P<quote>['"]).*(?P=quote)""", message)
    with suppress(SyntaxError, ValueError):
        shown = ast.literal_eval(found[0]) if found else b""
        return shown if isinstance(shown, bytes) else b""
    return b""


async def body_of_refusal(response: aiohttp.ClientResponse) -> str:
    """Return the beginning of the body, as far as it can be read soon: its status says enough."""
    body = b""
    left = anyio.current_effective_deadline() - anyio.current_time()
    with anyio.move_on_after(min(_BODY_WAIT, left / 2)), suppress(aiohttp.ClientError, OSError):
        while len(body) < _BODY_SHOWN and (part := await response.content.read(_BODY_SHOWN)):
            body += part
    return body[:_BODY_SHOWN].decode(errors="replace")
