"""Options of the commands that use the account: where it is, and the key."""

from typing import Annotated

import typer

from paraformer_async.account import AccessOptions
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.environment import default_key

__all__ = ["EndpointOption", "JsonOption", "RegionOption", "WorkspaceOption", "access_of"]

EndpointOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="URL of the service's HTTP API, https://.../api/v1; by default that in"
        " DASHSCOPE_BASE_URL or DASHSCOPE_HTTP_BASE_URL, or at the host of the recognition.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Region of the service: cn-beijing or ap-southeast-1."),
]
WorkspaceOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Id of the workspace to use.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def access_of(endpoint: str | None, region: str | None, workspace: str | None) -> AccessOptions:
    """
    Return the options as those of `paraformer_async.account`.

    Raises:
        InvalidOptionError: There is no key in the environment.
    """
    if not default_key():
        raise InvalidOptionError(
            "DASHSCOPE_API_KEY", "no API key is set", hint="set this variable to your API key"
        )
    return {"endpoint": endpoint, "region": region, "workspace": workspace}
