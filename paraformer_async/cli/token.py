"""The command `paraformer-async token`."""

from typing import Annotated

import typer

from paraformer_async.account import create_temporary_token
from paraformer_async.cli.access import access_of
from paraformer_async.cli.options import (
    DebugOption,
    HttpEndpointOption,
    JsonOption,
    RegionOption,
    WorkspaceOption,
    whole_number,
)
from paraformer_async.cli.output import render_json, write_result
from paraformer_async.cli.running import exit_with

__all__ = ["token"]


def token(
    expires_in: Annotated[
        int,
        typer.Option(
            metavar="SECONDS",
            help="Lifetime of the token, 1 to 1800.",
            parser=whole_number(1, 1800),
        ),
    ] = 60,
    json: JsonOption = False,
    endpoint: HttpEndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Print a temporary token.

    It takes the place of the API key until it expires. The key is read from DASHSCOPE_API_KEY, or
    from the file of the vendor's client.

    Example: paraformer-async token --expires-in 600
    """

    async def run() -> int:
        access = access_of(endpoint, region, workspace)
        issued = await create_temporary_token(expires_in, **access)
        document = {"token": issued.token, "expires_at": issued.expires_at}
        write_result(render_json(document) if json else f"{issued.token}\n")
        return 0

    exit_with(run, debug=debug)
