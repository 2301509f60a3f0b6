"""The proxy that the environment names."""

import ipaddress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from paraformer_async.options.checks import require_address

__all__ = ["proxy_from_environment"]


def proxy_from_environment(url: str) -> str | None:
    """
    Return the proxy of HTTPS_PROXY (wss, https) or HTTP_PROXY (ws, http).

    NO_PROXY exempts hosts from it. This machine is always exempt: a proxy would not find it.

    Raises:
        InvalidOptionError: The variable does not hold the address of a proxy.
    """
    where = urlsplit(url)
    if _is_loopback(where.hostname or "") or proxy_bypass(where.netloc.rpartition("@")[2]):
        return None
    scheme = "https" if where.scheme in ("wss", "https") else "http"
    proxy = getproxies().get(scheme)
    if proxy:
        require_address(f"{scheme}_proxy".upper(), proxy, "http", "https")
    return proxy


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
