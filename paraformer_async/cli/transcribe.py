"""The command `paraformer-async transcribe`."""

from pathlib import Path
from typing import Annotated

import typer

from paraformer_async.cli.completing import files as names
from paraformer_async.cli.completing import formats, ways_of_channels
from paraformer_async.cli.options import (
    DEFAULT_MODEL,
    DebugOption,
    EndpointOption,
    EngineOption,
    FilesArgument,
    LanguageOption,
    LocalOption,
    ModelDirOption,
    ModelOption,
    ParamOption,
    RegionOption,
    WorkspaceOption,
    whole_number,
)
from paraformer_async.cli.output import OutputFormat
from paraformer_async.cli.running import exit_with

__all__ = ["transcribe"]


def transcribe(
    files: FilesArgument,
    local: LocalOption = False,
    format: Annotated[
        str,
        typer.Option(
            metavar="FORMAT",
            help="Output format: txt, json, jsonl; srt or vtt (captions).",
            autocompletion=formats,
        ),
    ] = "txt",
    output_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write one file per FILE into this folder.",
            autocompletion=names,
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(metavar="N", help="Files to transcribe at once.", parser=whole_number(1)),
    ] = 1,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Note in this file what is done; with the same file again, continue from there.",
            autocompletion=names,
        ),
    ] = None,
    channels: Annotated[
        str,
        typer.Option(
            metavar="CHANNELS",
            help="mix to one, split to recognize and label each, or the number of one, from 0.",
            autocompletion=ways_of_channels,
        ),
    ] = "mix",
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
    Transcribe audio files.

    FILE is wav, flac, ogg or mp3; with the extra av also m4a, amr, video...; or - for standard
    input. The API key is read from DASHSCOPE_API_KEY, or from the file of the vendor's client;
    --local recognizes English on this machine, by an engine that is not Paraformer.

    Example: paraformer-async transcribe talk.mp3 --format srt
    """

    async def run() -> int:
        from paraformer_async.cli.given import given_parameters
        from paraformer_async.cli.recognizers import service_of
        from paraformer_async.cli.transcribing import Job, transcribe_files

        chosen = OutputFormat.named(format)
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
            "channels": int(channels) if channels.isdecimal() else channels,
            **given_parameters(param or ()),
        }
        job = Job(files, chosen, output_dir, jobs, resume, debug)
        return await transcribe_files(job, options, service)

    exit_with(run, debug=debug)
