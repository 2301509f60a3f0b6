"""The command `paraformer-async doctor`."""

from paraformer_async.cli.options import (
    DebugOption,
    EndpointOption,
    JsonOption,
    RegionOption,
    WorkspaceOption,
)
from paraformer_async.cli.running import exit_with

__all__ = ["doctor"]


def doctor(
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Check all that a recognition needs.

    One line each, with what to do about what is wrong: key, endpoint, region, proxy, DNS, TLS,
    service, clock, audio, extras. Nothing is recognized, so nothing is billed. The exit code is 1
    if anything is wrong.

    Example: paraformer-async doctor --region ap-southeast-1
    """

    async def run() -> int:
        from paraformer_async.cli.examining import examine

        options = {"endpoint": endpoint, "region": region, "workspace": workspace}
        return await examine(options, as_json=as_json)

    exit_with(run, debug=debug)
