"""
Addresses of the service: where a recognition goes, where HTTP requests go, and how they are shown.

The order of precedence, for WebSockets:

1. `endpoint=` and `endpoints=`;
2. `region=`: the domain of the workspace, or the shared gateway if there is no workspace;
3. DASHSCOPE_WEBSOCKET_BASE_URL;
4. `workspace=` or DASHSCOPE_WORKSPACE (DASHSCOPE_WORKSPACE_ID), in the region of DASHSCOPE_REGION
   (DASHSCOPE_API_REGION) or in Beijing;
5. the shared gateway of that region.

HTTP requests go to the same host, unless the third step finds DASHSCOPE_BASE_URL or
DASHSCOPE_HTTP_BASE_URL.

Imports only checks, facts, models and the environment of this package.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_address, require_text, shown
from paraformer_async.options.environment import (
    HTTP_ADDRESSES,
    REGIONS,
    SOCKET_ADDRESS,
    WORKSPACES,
    first_of,
)
from paraformer_async.options.models import MODELS
from paraformer_async.options.service import (
    BEIJING,
    GATEWAYS,
    HTTP_PATH,
    REGION,
    SOCKET_PATH,
    WORKSPACE_DOMAIN,
    WORKSPACE_ID,
)

__all__ = [
    "check_region",
    "check_workspace",
    "http_address",
    "key_hint",
    "region_of",
    "require_offered",
    "shown_address",
    "socket_addresses",
    "workspace_of",
]


def socket_addresses(
    endpoint: str | None, endpoints: Sequence[str], region: str | None, workspace: str | None
) -> tuple[str, ...]:
    """
    Return the addresses for WebSockets, the preferred one first. The arguments are the options.

    Raises:
        InvalidOptionError: A variable is invalid, or there is no address for the region.
    """
    given = (endpoint, *endpoints) if endpoint else tuple(endpoints)
    if given:
        return given
    named = None if region else first_of(SOCKET_ADDRESS)
    if named:
        require_address(*named, "ws", "wss")
        return (named[1],)
    return (f"wss://{_host(region, workspace_of(None, workspace))}{SOCKET_PATH}",)


def http_address(endpoint: str | None, region: str | None, workspace: str | None) -> str:
    """
    Return the address below which HTTP requests go; its path has no slash at its end.

    Args:
        endpoint: `https://…/api/v1`, whose path may be left out, or the address for WebSockets at
            the same host.
        region: As for WebSockets.
        workspace: As for WebSockets.

    Raises:
        InvalidOptionError: A variable is invalid, or there is no address for the region.
    """
    named = None if endpoint or region else first_of(*HTTP_ADDRESSES)
    if named:
        require_address(*named, "http", "https")
    address = endpoint or (named and named[1])
    (url,) = (address,) if address else socket_addresses(None, (), region, workspace)
    where = urlsplit(url)
    if where.scheme in ("http", "https"):
        scheme, path = where.scheme, where.path.rstrip("/") or HTTP_PATH
    else:
        scheme = "https" if where.scheme == "wss" else "http"
        before, _, _ = where.path.partition(SOCKET_PATH)
        path = f"{before.rstrip('/')}{HTTP_PATH}"
    return urlunsplit((scheme, where.netloc, path, where.query, ""))


def workspace_of(endpoint: str | Sequence[str] | None, workspace: str | None) -> str | None:
    """
    Return the workspace: as given, or that of the environment, unless an *endpoint* was given.

    Raises:
        InvalidOptionError: The variable holds no id.
    """
    named = None if workspace or endpoint else first_of(*WORKSPACES)
    if named:
        check_workspace(*named)
        return named[1]
    return workspace


@lru_cache(maxsize=256)  # each recognition asks several times, for few addresses
def region_of(address: str, region: str | None = None) -> str | None:
    """
    Return the region of an address of the service; of another one, *region*.

    Raises:
        InvalidOptionError: *region* contradicts the address.
    """
    host = (urlsplit(address).hostname or "").rstrip(".")
    labels = host.removesuffix(f".{WORKSPACE_DOMAIN}").split(".")
    shared = {gateway: where for where, gateway in GATEWAYS.items()}
    found = labels[-1] if host.endswith(f".{WORKSPACE_DOMAIN}") else shared.get(host)
    if found and region and found != region.lower():
        raise InvalidOptionError("region", f"{region} is given, but the endpoint is in {found}")
    return found or region


def require_offered(model: str, region: str | None) -> None:
    """
    Check that a *model* of the table is offered in *region*; without one, everything is.

    Raises:
        InvalidOptionError: It is not; the message names the regions and the models that are.
    """
    row = MODELS.get(model)
    if row is None or region is None or region.lower() in row.regions:
        return
    others = [name for name, one in MODELS.items() if region.lower() in one.regions]
    offered = f"; in {region} there are {', '.join(others)}" if others else ""
    raise InvalidOptionError(
        "model", f"{model} is offered in {', '.join(row.regions)}, not in {region}{offered}"
    )


def key_hint(address: str) -> str:
    """Return what to do when the key was refused at *address*; empty if its region is unknown."""
    region = region_of(address)
    if region is None:
        return ""
    others = [f"region={one!r}" for one in GATEWAYS if one != region]
    return (
        f"check api_key= or DASHSCOPE_API_KEY: the endpoint is in {region} and takes only keys of "
        f"that region; for a key of another one, pass {' or '.join(others)}"
    )


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


def check_region(name: str, value: object) -> None:
    """Check that *value* is the name of a region, known or not, or `None`."""
    _check_label(name, value, REGION, "the name of a region, like cn-beijing or ap-southeast-1")


def check_workspace(name: str, value: object) -> None:
    """Check that *value* is the id of a workspace, or `None`."""
    _check_label(name, value, WORKSPACE_ID, "an id of at most 64 letters, digits, '-' and '_'")


def _check_label(name: str, value: object, pattern: str, what: str) -> None:
    if value is None:
        return
    require_text(name, value)
    if not re.fullmatch(pattern, str(value)):
        raise InvalidOptionError(name, f"{shown(value)} is not {what}")


def _host(region: str | None, workspace: str | None) -> str:
    named = None if region else first_of(*REGIONS)
    if named:
        check_region(*named)
    where = region or (named[1] if named else BEIJING)
    if workspace:
        return f"{workspace}.{where}.{WORKSPACE_DOMAIN}"
    if where.lower() not in GATEWAYS:
        raise InvalidOptionError(
            "region",
            f"{where} has no gateway that all workspaces share, only {' and '.join(GATEWAYS)} have",
            hint="pass workspace=, or the whole address as endpoint=",
        )
    return GATEWAYS[where.lower()]
