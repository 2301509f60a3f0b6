"""The command `paraformer-async listen`."""

from pathlib import Path
from typing import Annotated

import typer

from paraformer_async.cli.completing import files
from paraformer_async.cli.options import (
    DEFAULT_MODEL,
    DebugOption,
    EndpointOption,
    EngineOption,
    LanguageOption,
    LocalOption,
    ModelDirOption,
    ModelOption,
    ParamOption,
    RegionOption,
    WorkspaceOption,
    path_of,
)
from paraformer_async.cli.running import exit_with

__all__ = ["listen"]


def listen(
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Save captions, by the name of the file: .srt, .vtt or .jsonl.",
            autocompletion=files,
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Number of the microphone, or a part of its name; see doctor."
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take a file in real time, or - for s16le mono on standard input, instead.",
            parser=path_of,
            autocompletion=files,
        ),
    ] = None,
    wall_clock: Annotated[
        bool, typer.Option("--wall-clock", help="Save times of the clock, pauses included.")
    ] = False,
    local: LocalOption = False,
    model: ModelOption = DEFAULT_MODEL,
    language: LanguageOption = None,
    param: ParamOption = None,
    endpoint: EndpointOption = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    engine: EngineOption = None,
    model_dir: ModelDirOption = None,
    debug: DebugOption = False,
) -> None:
    """
    Show live captions of a microphone.

    Ctrl-C ends it, and waits for the last words. Needs the extra mic. If stdout is not a terminal,
    each sentence is printed as one line.

    Example: paraformer-async listen --output talk.srt
    """

    async def run() -> int:
        from paraformer_async.cli.given import given_parameters
        from paraformer_async.cli.listening import listen_to
        from paraformer_async.cli.recognizers import service_of

        service = service_of(
            local=local,
            endpoint=endpoint,
            region=region,
            workspace=workspace,
            engine=engine,
            model_dir=model_dir,
        )
        options = {
            "model": model,
            "language_hints": language or None,
            **given_parameters(param or ()),
        }
        return await listen_to(
            options,
            service,
            source=source,
            device=device,
            output=output,
            is_on_wall_clock=wall_clock,
        )

    exit_with(run, debug=debug)
