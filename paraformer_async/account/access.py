"""How to reach the account: key, address, proxy and TLS, as options of everything in this room."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from msgspec import Struct

from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.checks import require_address, require_seconds
from paraformer_async.options.connection import CHECKS
from paraformer_async.options.endpoint import http_address, shown_address, workspace_of
from paraformer_async.options.options import ApiKey

if TYPE_CHECKING:
    from ssl import SSLContext

__all__ = ["Access", "AccessOptions"]


class AccessOptions(TypedDict, total=False):
    """
    Options of every request, all optional; most are those of `AsyncRecognizer`.

    Attributes:
        api_key: The key, or a callable that returns it for each request. Default: as for the
            recognizer.
        endpoint: Address of the HTTP API, like `https://dashscope.aliyuncs.com/api/v1`, or the
            recognizer's, at whose host it is expected. Default: that of *region*; then the variable
            DASHSCOPE_BASE_URL or DASHSCOPE_HTTP_BASE_URL; then the host of the recognizer.
        region: Region of the service.
        workspace: Id of the workspace.
        headers: Further headers.
        proxy: Address of an HTTP proxy. Default: from HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
        ssl: TLS settings. Default: certificates are verified with those of the system.
        timeout: Limit of one request, in seconds, connecting included. Default: 30.
    """

    api_key: ApiKey | None
    endpoint: str | None
    region: str | None
    workspace: str | None
    headers: Mapping[str, str]
    proxy: str | None
    ssl: "SSLContext | None"
    timeout: float


class Access(Struct, frozen=True, kw_only=True):
    """
    The options, checked.

    Raises:
        InvalidOptionError: On creation, if a value cannot work.
    """

    api_key: ApiKey | None = None
    endpoint: str | None = None
    region: str | None = None
    workspace: str | None = None
    headers: Mapping[str, str] = {}
    proxy: str | None = None
    ssl: "SSLContext | None" = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        for name in ("api_key", "region", "workspace", "headers", "proxy", "ssl"):
            CHECKS[name](name, getattr(self, name))
        require_seconds("timeout", self.timeout)
        if self.endpoint is not None:
            _check_endpoint(self.endpoint)

    def __repr__(self) -> str:
        """Show nothing that may be secret."""
        shown = shown_address(self.endpoint) if self.endpoint else None
        return f"<Access endpoint={shown!r} region={self.region!r} workspace={self.workspace!r}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same in the output of `rich`."""
        return [("region", self.region), ("workspace", self.workspace)]

    @property
    def url(self) -> str:
        """
        The address below which requests go.

        Raises:
            InvalidOptionError: A variable of the environment is invalid.
        """
        return http_address(self.endpoint, self.region, self.workspace)

    @property
    def workspace_id(self) -> str | None:
        """The workspace, possibly that of the environment."""
        return workspace_of(self.endpoint, self.workspace)


def _check_endpoint(endpoint: object) -> None:
    require_address("endpoint", endpoint, "https", "http", "wss", "ws")
    if "@" in str(endpoint):
        raise InvalidOptionError(
            "endpoint", "the address must have no credentials", hint="the key goes into api_key="
        )
