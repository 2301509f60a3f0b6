"""The command, and what it consists of; the exit codes are in `running`."""

from typing import Annotated

import typer

import paraformer_async
from paraformer_async.cli.doctor import doctor
from paraformer_async.cli.hotwords import hotwords
from paraformer_async.cli.listen import listen
from paraformer_async.cli.models import models
from paraformer_async.cli.probe import probe
from paraformer_async.cli.running import ShellCommand, help_without_a_command
from paraformer_async.cli.serve import serve
from paraformer_async.cli.token import token
from paraformer_async.cli.transcribe import transcribe

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    name="paraformer-async",
    help="Real-time speech recognition with Paraformer, or with an engine on this machine.",
    epilog="Exit codes: 0 success, 1 something failed, 2 wrong usage, 3 stopped early,"
    " 130 interrupted.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version if requested."""
    if version:
        typer.echo(f"paraformer-async {paraformer_async.__version__}")
        raise typer.Exit
    help_without_a_command(context)


for _command in (transcribe, listen, models, probe, doctor, serve, token):
    app.command(cls=ShellCommand)(_command)
app.add_typer(hotwords, name="hotwords")
