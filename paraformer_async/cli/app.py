"""
Commands and exit codes.

0: success. 1: something failed. 2: wrong usage, nothing was done. 130: interrupted; for `serve`, an
interrupt is the normal way to stop, and the exit code is 0.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import anyio
import typer

import paraformer_async
from paraformer_async.cli.output import OutputFormat, report_error
from paraformer_async.cli.probe import probe_files
from paraformer_async.cli.serve import run_service
from paraformer_async.cli.transcribe import transcribe_files
from paraformer_async.errors import InvalidOptionError, ParaformerError

__all__ = ["app"]

_FAILED = 1
_USAGE_ERROR = 2
_INTERRUPTED = 130
_DEFAULT_ENGINE = "moonshine"
_KEY = "DASHSCOPE_API_KEY"

app: typer.Typer = typer.Typer(
    name="paraformer-async",
    help="Real-time speech recognition with Paraformer, or with an engine on this machine.",
    epilog="Exit codes: 0 success, 1 something failed, 2 wrong usage, 130 interrupted.",
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
            help="Audio files: wav, flac, ogg, mp3; with the extra av also m4a, amr, video, ...",
            show_default=False,
        ),
    ],
    local: Annotated[
        bool, typer.Option("--local", help="Recognize on this machine; needs no key.")
    ] = False,
    format: Annotated[
        OutputFormat,
        typer.Option(metavar="FORMAT", help="Output format: txt, json or srt (captions)."),
    ] = OutputFormat.TXT,
    output_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write one file per FILE into this folder."),
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
    engine: EngineOption = None,
    model_dir: ModelDirOption = None,
) -> None:
    """
    Transcribe audio files.

    The API key is read from DASHSCOPE_API_KEY. With --local, files are recognized on this machine,
    by default in English and by an engine that is not Paraformer.
    """

    async def run() -> int:
        _check_service(local=local, endpoint=endpoint, engine=engine, model_dir=model_dir)
        return await transcribe_files(
            files,
            {"model": model, "endpoint": endpoint, "language_hints": language or None},
            format=format,
            output_dir=output_dir,
            local=(engine or _DEFAULT_ENGINE, model_dir) if local else None,
        )

    _exit_with(run)


@app.command()
def probe(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Audio files.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the model.")
    ] = "paraformer-realtime-v2",
) -> None:
    """
    Show what audio files are, and what would be sent of them.

    Each file is decoded to its end: the duration is that of the audio in it. Needs no key.
    """
    _exit_with(lambda: probe_files(files, model=model, as_json=as_json))


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
    """Run the local service until interrupted."""

    async def run() -> int:
        return await run_service(
            host=host,
            port=port,
            engine=engine or _DEFAULT_ENGINE,
            model_dir=model_dir,
            api_key=api_key,
        )

    _exit_with(run, when_stopped=0)


def _check_service(
    *, local: bool, endpoint: str | None, engine: str | None, model_dir: Path | None
) -> None:
    """Raise `InvalidOptionError` for contradictory options, or for a missing key."""
    if local and endpoint:
        raise InvalidOptionError("--endpoint", "cannot be combined with --local")
    if local:
        return
    for flag, value in (("--engine", engine), ("--model-dir", model_dir)):
        if value is not None:
            raise InvalidOptionError(flag, "needs the local service: add --local")
    if not os.environ.get(_KEY):
        raise InvalidOptionError(
            _KEY,
            "no API key is set",
            hint="set this variable to your API key, or add --local to recognize on this machine",
        )


def _exit_with(run: Callable[[], Awaitable[int]], *, when_stopped: int = _INTERRUPTED) -> NoReturn:
    """Run and exit. Errors print one line; a signal exits with the code *when_stopped*."""
    try:
        code = anyio.run(_until_stopped, run, when_stopped)
    except InvalidOptionError as error:
        report_error(error)
        code = _USAGE_ERROR
    except BrokenPipeError:  # the reader of stdout has closed it
        _drop_stdout()
        code = _FAILED
    except (ParaformerError, OSError, RuntimeError) as error:  # RuntimeError: engine
        report_error(error)
        _drop_stdout()
        code = _FAILED
    except KeyboardInterrupt:  # before the loop runs; always on Windows
        code = when_stopped
    sys.exit(code)


async def _until_stopped(run: Callable[[], Awaitable[int]], when_stopped: int) -> int:
    """Run until done, or until SIGINT or SIGTERM; return the exit code."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        with suppress(NotImplementedError):  # Windows; Ctrl-C raises KeyboardInterrupt there
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, scope.cancel)
        return await run()
    return when_stopped


def _drop_stdout() -> None:
    """Point a failed stdout at the null device, so that the final flush does not fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
