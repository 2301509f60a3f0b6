"""
Addresses of the service: its own, those of a workspace, and how they are shown.

Imports only checks and facts of this package.
"""

import os
import re
from urllib.parse import urlsplit

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_address, require_text, shown
from paraformer_async.options.service import BEIJING, ENDPOINT

__all__ = ["endpoint_of_environment", "shown_address", "workspace_endpoint"]

_HOST_PART = re.compile(r"[A-Za-z0-9_-]+")
_VARIABLE = "DASHSCOPE_WEBSOCKET_BASE_URL"


def workspace_endpoint(workspace: str, *, region: str = BEIJING) -> str:
    """
    Return the address of a workspace's own domain, for `endpoint=`.

    The service's documentation recommends it over the shared address. This has not been
    verified with the service.

    Args:
        workspace: Id of the workspace.
        region: Region of the workspace.

    Raises:
        InvalidOptionError: One of them cannot be part of a hostname.
    """
    for name, value in (("workspace", workspace), ("region", region)):
        require_text(name, value)
        if not _HOST_PART.fullmatch(value):
            raise InvalidOptionError(name, f"{shown(value)} cannot be part of a hostname")
    return f"wss://{workspace}.{region}.maas.aliyuncs.com{urlsplit(ENDPOINT).path}"


def endpoint_of_environment() -> str:
    """
    Return the address in DASHSCOPE_WEBSOCKET_BASE_URL, or that of the service in Beijing.

    Raises:
        InvalidOptionError: The variable does not hold the address of a WebSocket.
    """
    url = os.environ.get(_VARIABLE) or ENDPOINT
    require_address(_VARIABLE, url, "ws", "wss")
    return url


def shown_address(address: object) -> str:
    """Return *address* without credentials and query, which may be secret; `…` if it is invalid."""
    try:
        where = urlsplit(address if isinstance(address, str) else "")
    except ValueError:  # a broken IPv6 address
        return "…"
    if not where.netloc:
        return "…"
    query = "?…" if where.query else ""
    return f"{where.scheme}://{where.netloc.rpartition('@')[2]}{where.path}{query}"
