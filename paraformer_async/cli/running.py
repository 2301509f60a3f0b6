"""
Running a command, its errors, and exit codes.

An error is one line; `--debug` prints its traceback, too.

0: success. 1: something failed. 2: wrong usage, nothing was done. 3: there is no network, and
`transcribe` was stopped early. 130: interrupted; for `serve`, an interrupt is the normal way to
stop, and the exit code is 0.
"""

import asyncio
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import anyio
import typer
from typer.core import TyperCommand

from paraformer_async.cli.logs import logs_as_messages
from paraformer_async.cli.output import drop, report_error, write_message
from paraformer_async.errors import InvalidOptionError

__all__ = ["ShellCommand", "exit_with", "help_without_a_command", "on_signals", "run_app"]

_NAME = "paraformer-async"
_FAILED = 1
_USAGE_ERROR = 2
_INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The base of the errors of usage is not public, and another one in older versions of typer.
_UsageError: Any = typer.BadParameter.__mro__[1]


class ShellCommand(TyperCommand):
    """A command that is named by all of its errors of usage; the parser's own name none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments."""
        try:
            return super().parse_args(ctx, args)
        except _UsageError as error:
            error.ctx = error.ctx or ctx
            raise


def run_app(app: typer.Typer) -> NoReturn:
    """Run the command of the arguments, and exit."""
    try:
        with logs_as_messages():
            sys.exit(app(prog_name=_NAME, standalone_mode=False))
    except _UsageError as error:
        write_message(_usage(error))
        sys.exit(_USAGE_ERROR)
    except OSError as error:  # the help could not be written
        report_error(error)
        drop(sys.stdout)
        sys.exit(_FAILED)


def help_without_a_command(context: typer.Context) -> None:
    """Print the help, as wrong usage, if no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(_USAGE_ERROR)


def exit_with(
    run: Callable[[], Awaitable[int]], *, when_stopped: int = _INTERRUPTED, debug: bool = False
) -> NoReturn:
    """Run and exit. Errors print one line; a signal exits with the code *when_stopped*."""
    try:
        code = anyio.run(_until_stopped, run, when_stopped)
    except BrokenPipeError:  # the reader of stdout has closed it
        drop(sys.stdout)
        code = _FAILED
    except KeyboardInterrupt:  # before the body of `on_signals`
        code = when_stopped
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one line
        report_error(error, debug=debug)
        drop(sys.stdout)
        code = _USAGE_ERROR if isinstance(error, InvalidOptionError) else _FAILED
    sys.exit(code)


@contextmanager
def on_signals(action: Callable[[], object]) -> Iterator[None]:
    """
    Call *action* in the event loop at each SIGINT (Ctrl-C) or SIGTERM while the context is active.

    Needs the main thread. Contexts may be nested: the innermost takes a signal.
    """
    loop = asyncio.get_running_loop()

    def signaled(*_: object) -> None:
        loop.call_soon_threadsafe(action)

    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        # A handler of the loop cannot be nested, but it has the loop woken by a signal that arrives
        # just before the loop begins to wait. Loops on Windows have none, and are always woken.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, lambda: None)
        signal.signal(number, signaled)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _until_stopped(run: Callable[[], Awaitable[int]], when_stopped: int) -> int:
    """Run until done, or until SIGINT or SIGTERM; return the exit code."""
    with anyio.CancelScope() as scope, on_signals(scope.cancel):
        return await run()
    return when_stopped


def _usage(error: Any) -> str:
    """Return an error of usage as one line, in the form of all others."""
    text = re.sub(r"^Invalid value for '(.*?)': ", r"\1: ", error.format_message())
    command = error.ctx.command_path if error.ctx else _NAME
    return f"{text.rstrip('.')} (see {command} --help)"
