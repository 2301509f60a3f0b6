"""
Commands and exit codes.

0: all done. 1: something failed. 2: called so that it cannot work, nothing was done. 130:
interrupted; a service that is told to stop has done all it should, so its code is 0.
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
from paraformer_async.cli.output import Format, report_error
from paraformer_async.cli.serve import run_service
from paraformer_async.cli.transcribe import transcribe_files
from paraformer_async.errors import InvalidOptionError, ParaformerError

__all__ = ["app"]

_FAILED = 1
_MISUSED = 2
_INTERRUPTED = 130
_ENGINE = "moonshine"
_KEY = "DASHSCOPE_API_KEY"

app: typer.Typer = typer.Typer(
    name="paraformer-async",
    help="Real-time speech recognition with Paraformer, or with an engine on this machine.",
    epilog="Exit codes: 0 all done, 1 something failed, 2 wrong usage, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Not shown as an option's default, because `transcribe` has to know whether it was given.
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine of the local service: moonshine (English; the default), paraformer or"
        " scripted (for tests).",
    ),
]
ModelDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Folder of a streaming Paraformer model, for --engine paraformer."
    ),
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
        typer.Argument(
            metavar="FILE", help="Audio files: wav, flac, ogg or mp3; mono.", show_default=False
        ),
    ],
    local: Annotated[
        bool, typer.Option("--local", help="Recognize on this machine; needs no key.")
    ] = False,
    format: Annotated[
        Format,
        typer.Option(metavar="FORMAT", help="What to print: txt, json or srt (captions)."),
    ] = Format.TXT,
    output_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a file for each FILE into this folder."),
    ] = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Model of the service.")
    ] = "paraformer-realtime-v2",
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Address of the service, ws:// or wss://.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="A language that may be spoken: zh, en...; repeatable."),
    ] = None,
    engine: Engine = None,
    model_dir: ModelDir = None,
) -> None:
    """
    Print what is said in audio files.

    The service's API key comes from DASHSCOPE_API_KEY. With --local, the files are recognized on
    this machine: by default in English, by an engine that is not Paraformer.
    """

    async def run() -> int:
        _check_service(local=local, endpoint=endpoint, engine=engine, model_dir=model_dir)
        return await transcribe_files(
            files,
            {"model": model, "endpoint": endpoint, "language_hints": language or None},
            format=format,
            output_dir=output_dir,
            local=(engine or _ENGINE, model_dir) if local else None,
        )

    _exit_with(run)


@app.command()
def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; only this machine reaches the default."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", help="Port to listen on; 0 for any that is free.", min=0, max=65535
        ),
    ] = 8765,
    engine: Engine = None,
    model_dir: ModelDir = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            help="The key that clients must send; any key will do without.",
            envvar="PARAFORMER_ASYNC_SERVE_KEY",
        ),
    ] = None,
) -> None:
    """Run the local service until it is interrupted."""

    async def run() -> int:
        return await run_service(
            host=host, port=port, engine=engine or _ENGINE, model_dir=model_dir, api_key=api_key
        )

    _exit_with(run, when_stopped=0)


def _check_service(
    *, local: bool, endpoint: str | None, engine: str | None, model_dir: Path | None
) -> None:
    """Refuse options that contradict each other; without --local, a key is needed."""
    if local and endpoint:
        raise InvalidOptionError("--endpoint", "it is another service than that of --local")
    if local:
        return
    for flag, value in (("--engine", engine), ("--model-dir", model_dir)):
        if value is not None:
            raise InvalidOptionError(flag, "it is for the local service: add --local")
    if not os.environ.get(_KEY):
        raise InvalidOptionError(
            _KEY,
            "there is no API key",
            hint="set this variable to your key, or add --local to recognize on this machine",
        )


def _exit_with(run: Callable[[], Awaitable[int]], *, when_stopped: int = _INTERRUPTED) -> NoReturn:
    """Run, and leave with its exit code. An error is one line; a signal gives *when_stopped*."""
    try:
        code = anyio.run(_until_stopped, run, when_stopped)
    except InvalidOptionError as error:
        report_error(error)
        code = _MISUSED
    except BrokenPipeError:  # who reads stdout has enough
        _drop_stdout()
        code = _FAILED
    except (ParaformerError, OSError, RuntimeError) as error:  # the last: an engine's, of its model
        report_error(error)
        _drop_stdout()
        code = _FAILED
    except KeyboardInterrupt:  # before the loop runs; on Windows, always
        code = when_stopped
    sys.exit(code)


async def _until_stopped(run: Callable[[], Awaitable[int]], when_stopped: int) -> int:
    """Run to the end, or until SIGINT or SIGTERM cancel it. Gives the exit code."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:
        with suppress(NotImplementedError):  # Windows; Ctrl-C raises KeyboardInterrupt there
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, scope.cancel)
        return await run()
    return when_stopped


def _drop_stdout() -> None:
    """Let the interpreter find nothing to complain of when it flushes a stdout that has failed."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
