"""The commands; their exit codes are in `running`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

import paraformer_async
from paraformer_async.cli.access import JsonOption, RegionOption, WorkspaceOption
from paraformer_async.cli.doctor import examine
from paraformer_async.cli.hotwords import hotwords
from paraformer_async.cli.listen import listen_to
from paraformer_async.cli.models import page_of_model, table_of_models
from paraformer_async.cli.output import OutputFormat, write_result
from paraformer_async.cli.probe import probe_files
from paraformer_async.cli.running import exit_with
from paraformer_async.cli.serve import run_service
from paraformer_async.cli.token import token
from paraformer_async.cli.transcribe import Job, transcribe_files
from paraformer_async.errors import InvalidOptionError
from paraformer_async.options.environment import default_key

__all__ = ["app"]

_DEFAULT_ENGINE = "moonshine"
_KEY = "DASHSCOPE_API_KEY"

app: typer.Typer = typer.Typer(
    name="paraformer-async",
    help="Real-time speech recognition with Paraformer, or with an engine on this machine.",
    epilog="Exit codes: 0 success, 1 something failed, 2 wrong usage, 3 stopped early,"
    " 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The default is not typer's: `transcribe` must know whether the option was given.
EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine of the local service: moonshine (English; the default), paraformer or"
        " scripted (for tests).",
    ),
]
ModelDirOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder of a streaming Paraformer model, for --engine paraformer."
    ),
]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version if requested."""
    if version:
        typer.echo(f"paraformer-async {paraformer_async.__version__}")
        raise typer.Exit


@app.command()
def transcribe(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="Audio files: wav, flac, ogg, mp3; with the extra av also m4a, amr, video, ...;"
            " - is standard input.",
            show_default=False,
        ),
    ],
    local: Annotated[
        bool, typer.Option("--local", help="Recognize on this machine; needs no key.")
    ] = False,
    format: Annotated[
        OutputFormat,
        typer.Option(
            metavar="FORMAT", help="Output format: txt, json, jsonl; srt or vtt (captions)."
        ),
    ] = OutputFormat.TXT,
    output_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write one file per FILE into this folder."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Files to transcribe at once.", min=1)] = 1,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Note in this file what is done; with the same file again, continue from there.",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the model.")
    ] = "paraformer-realtime-v2",
    endpoint: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="URL of the service, ws:// or wss://; by default that in"
            " DASHSCOPE_WEBSOCKET_BASE_URL, or the service in Beijing.",
        ),
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Language spoken: zh, en...; repeatable."),
    ] = None,
    channels: Annotated[
        str,
        typer.Option(
            metavar="CHANNELS",
            help="What becomes of several channels: mix (to one), split (each is recognized by"
            " itself, and labeled), or the number of one, from 0.",
        ),
    ] = "mix",
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    engine: EngineOption = None,
    model_dir: ModelDirOption = None,
) -> None:
    """
    Transcribe audio files.

    The API key is read from DASHSCOPE_API_KEY, or from the file of the vendor's client. With
    --local, files are recognized on this machine, by default in English and by an engine that is
    not Paraformer.

    Example: paraformer-async transcribe talk.mp3 --format srt
    """

    async def run() -> int:
        _check_service(
            local=local,
            remote_only={"--endpoint": endpoint, "--region": region, "--workspace": workspace},
            local_only={"--engine": engine, "--model-dir": model_dir},
        )
        return await transcribe_files(
            Job(files, format, output_dir, jobs, resume),
            {
                "model": model,
                "endpoint": endpoint,
                "region": region,
                "workspace": workspace,
                "language_hints": language or None,
                "channels": int(channels) if channels.isdecimal() else channels,
            },
            (engine or _DEFAULT_ENGINE, model_dir) if local else None,
        )

    exit_with(run)


@app.command()
def listen(
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Save captions, by the name of the file: .srt, .vtt or .jsonl."
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
        ),
    ] = None,
    wall_clock: Annotated[
        bool, typer.Option("--wall-clock", help="Save times of the clock, pauses included.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Recognize on this machine; needs no key.")
    ] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the model.")
    ] = "paraformer-realtime-v2",
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Language spoken: zh, en...; repeatable."),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="URL of the service, ws:// or wss://.")
    ] = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
    engine: EngineOption = None,
    model_dir: ModelDirOption = None,
) -> None:
    """
    Show what a microphone records as captions; Ctrl-C ends it and waits for the last words.

    Needs the extra mic. If stdout is not a terminal, each sentence is printed as one line.

    Example: paraformer-async listen --output talk.srt
    """

    async def run() -> int:
        _check_service(
            local=local,
            remote_only={"--endpoint": endpoint, "--region": region, "--workspace": workspace},
            local_only={"--engine": engine, "--model-dir": model_dir},
        )
        if source is not None and device is not None:
            raise InvalidOptionError("--device", "cannot be combined with --source")
        return await listen_to(
            {
                "model": model,
                "endpoint": endpoint,
                "region": region,
                "workspace": workspace,
                "language_hints": language or None,
            },
            source=source,
            device=device,
            output=output,
            is_on_wall_clock=wall_clock,
            local=(engine or _DEFAULT_ENGINE, model_dir) if local else None,
        )

    exit_with(run)


@app.command()
def models(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]", help="Show the parameters of one model.", show_default=False
        ),
    ] = None,
) -> None:
    """
    List the models that are known, or what one of them takes.

    Example: paraformer-async models paraformer-realtime-v2
    """

    async def run() -> int:
        write_result(table_of_models() if model is None else page_of_model(model))
        return 0

    exit_with(run)


@app.command()
def probe(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Audio files; - is standard input.", show_default=False
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the model.")
    ] = "paraformer-realtime-v2",
) -> None:
    """
    Show what audio files are, and what would be sent of them.

    Each file is decoded to its end: the duration is that of the audio in it. Needs no key.

    Example: paraformer-async probe talk.m4a --json
    """
    exit_with(lambda: probe_files(files, model=model, as_json=as_json))


@app.command()
def doctor(
    as_json: JsonOption = False,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="URL of the service, ws:// or wss://.")
    ] = None,
    region: RegionOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """
    Check what a recognition needs, and say what to do about what is wrong.

    One line each: key, endpoint, region, proxy, DNS, TLS, service, clock, audio, extras. Nothing
    is recognized, so nothing is billed. The exit code is 1 if anything is wrong.

    Example: paraformer-async doctor --region ap-southeast-1
    """
    options = {"endpoint": endpoint, "region": region, "workspace": workspace}
    exit_with(lambda: examine(options, as_json=as_json))


@app.command()
def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; the default is for this machine only."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="Port to listen on; 0 for any free port.", min=0, max=65535
        ),
    ] = 8765,
    engine: EngineOption = None,
    model_dir: ModelDirOption = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="Key that clients must send; by default, any key is accepted.",
            envvar="PARAFORMER_ASYNC_SERVE_KEY",
        ),
    ] = None,
) -> None:
    """
    Run the local service until interrupted.

    It accepts every model, and recognizes with the same engine for all.

    Example: paraformer-async serve --port 8765
    """

    async def run() -> int:
        return await run_service(
            host=host,
            port=port,
            engine=engine or _DEFAULT_ENGINE,
            model_dir=model_dir,
            api_key=api_key,
        )

    exit_with(run, when_stopped=0)


def _check_service(
    *, local: bool, remote_only: Mapping[str, object], local_only: Mapping[str, object]
) -> None:
    """Raise `InvalidOptionError` for contradictory options, or for a missing key."""
    for flag, value in remote_only.items():
        if local and value:
            raise InvalidOptionError(flag, "cannot be combined with --local")
    for flag, value in local_only.items():
        if not local and value is not None:
            raise InvalidOptionError(flag, "needs the local service: add --local")
    if not local and not default_key():
        raise InvalidOptionError(
            _KEY,
            "no API key is set",
            hint="set this variable to your API key, or add --local to recognize on this machine",
        )


app.add_typer(hotwords, name="hotwords")
app.command()(token)
