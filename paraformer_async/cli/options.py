"""
Options that several commands have.

Where a wrong value is not refused by the library itself, a function here does it: the sentences of
typer's own types are for those who write Python.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from paraformer_async.cli.completing import engines, files, languages, models, parameters, regions

__all__ = [
    "DEFAULT_ENGINE",
    "DEFAULT_MODEL",
    "DebugOption",
    "EndpointOption",
    "EngineOption",
    "FilesArgument",
    "HttpEndpointOption",
    "JsonOption",
    "LanguageOption",
    "LocalOption",
    "ModelDirOption",
    "ModelOption",
    "ParamOption",
    "RegionOption",
    "WorkspaceOption",
    "path_of",
    "whole_number",
]

DEFAULT_MODEL = "paraformer-realtime-v2"
DEFAULT_ENGINE = "moonshine"


def whole_number(least: int, most: int | None = None) -> Callable[[int | str], int]:
    """Return a function that turns text into a number from *least* to *most*, or refuses it."""
    limits = f"from {least} to {most}" if most is not None else f"of at least {least}"

    def parse(text: int | str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise typer.BadParameter(f"{str(text)!r} is not a whole number {limits}")
        return number

    return parse


def path_of(text: Path | str) -> Path:
    """Return a path, or refuse a name that is empty, which `Path` takes for this folder."""
    if not str(text):
        raise typer.BadParameter("'' is not a path")
    return Path(text)


# The help of arguments is in that of their commands: typer would show their Python types.
FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE", hidden=True, parser=path_of, autocompletion=files)
]
LocalOption = Annotated[
    bool, typer.Option("--local", help="Recognize on this machine; needs no key.")
]
ModelOption = Annotated[
    str, typer.Option(metavar="NAME", help="Name of the model.", autocompletion=models)
]
LanguageOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE",
        help="Language spoken: zh, en...; repeatable.",
        autocompletion=languages,
    ),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Any other parameter of the model, see models NAME; repeatable.",
        autocompletion=parameters,
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="URL of the service, ws:// or wss://; by default that in"
        " DASHSCOPE_WEBSOCKET_BASE_URL, or in Beijing.",
    ),
]
HttpEndpointOption = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        metavar="URL",
        help="URL of the service's HTTP API, https://.../api/v1; by default that in"
        " DASHSCOPE_BASE_URL or DASHSCOPE_HTTP_BASE_URL, or at the host of the recognition.",
    ),
]
RegionOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Region of the service: cn-beijing or ap-southeast-1.",
        autocompletion=regions,
    ),
]
WorkspaceOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Id of the workspace to use.")
]
# The default is not typer's: it must be known whether the option was given.
EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine of the local service: moonshine (English; the default), paraformer or"
        " scripted (for tests).",
        autocompletion=engines,
    ),
]
ModelDirOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of a streaming Paraformer model, for --engine paraformer.",
        autocompletion=files,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Print where an error comes from, too.")]
