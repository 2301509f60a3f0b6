"""Commands and exit codes: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, NoReturn

import anyio
import typer

import paraformer_async
from paraformer_async.cli.output import Format, report_error
from paraformer_async.cli.serve import serve_until_stopped
from paraformer_async.cli.transcribe import transcribe_files
from paraformer_async.errors import ParaformerError

__all__ = ["app"]

_FAILED = 1
_INTERRUPTED = 130

app = typer.Typer(
    name="paraformer-async",
    help="Real-time speech recognition with Paraformer, or with an engine on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Engine = Annotated[
    str,
    typer.Option(help="Engine of the local service: moonshine (English), paraformer or scripted."),
]
ModelDir = Annotated[
    Path | None,
    typer.Option(help="Folder of a streaming Paraformer model, for --engine paraformer."),
]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Show the version, if that is all that is asked for."""
    if version:
        typer.echo(f"paraformer-async {paraformer_async.__version__}")
        raise typer.Exit


@app.command()
def transcribe(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Audio files: wav, flac, ogg or mp3; mono."),
    ],
    local: Annotated[
        bool, typer.Option("--local", help="Recognise on this machine; needs no key.")
    ] = False,
    format: Annotated[Format, typer.Option(help="What to print.")] = Format.TXT,
    output_dir: Annotated[
        Path | None, typer.Option(help="Write a file for each FILE into this folder.")
    ] = None,
    model: Annotated[str, typer.Option(help="Model of the service.")] = "paraformer-realtime-v2",
    endpoint: Annotated[
        str | None, typer.Option(help="Address of the service, ws:// or wss://.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="A language that may be spoken; repeatable.")
    ] = None,
    engine: Engine = "moonshine",
    model_dir: ModelDir = None,
) -> None:
    """
    Print what is said in audio FILES.

    The service's API key comes from DASHSCOPE_API_KEY. With --local, the files are recognised on
    this machine: by default in English, by an engine that is not Paraformer.
    """
    if format is Format.SRT and len(files) > 1 and output_dir is None:
        raise typer.BadParameter(
            "captions of several files need --output-dir", param_hint="--format"
        )
    if local and endpoint:
        raise typer.BadParameter("give either --local or --endpoint", param_hint="--local")
    options = {"model": model, "endpoint": endpoint, "language_hints": language or None}

    async def run() -> int:
        return await transcribe_files(
            files,
            options,
            format=format,
            output_dir=output_dir,
            local=(engine, model_dir) if local else None,
        )

    _exit_with(run)


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; only this machine reaches the default.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 for any that is free.", min=0, max=65535)
    ] = 8765,
    engine: Engine = "moonshine",
    model_dir: ModelDir = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="The key that clients must send; any key will do without.",
            envvar="PARAFORMER_ASYNC_SERVE_KEY",
        ),
    ] = None,
) -> None:
    """Run the local service until it is interrupted."""

    async def run() -> int:
        return await serve_until_stopped(
            host=host, port=port, engine=engine, model_dir=model_dir, api_key=api_key
        )

    _exit_with(run)


def _exit_with(run: Callable[[], Awaitable[int]]) -> NoReturn:
    """Run, and leave with its exit code; an error is one line."""
    try:
        code = anyio.run(run)
    except (ParaformerError, OSError) as error:
        report_error(error)
        code = _FAILED
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code)
