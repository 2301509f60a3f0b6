"""The command line. An edge: uses the door and the local service like anybody else."""

import io
import os
import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """Run the command `paraformer-async`."""
    try:
        _run()
    except KeyboardInterrupt:  # while modules are loaded
        sys.exit(_INTERRUPTED)


def _run() -> None:
    try:
        from paraformer_async.cli.app import app
    except ImportError as error:
        if error.name and error.name.partition(".")[0] not in ("typer", "rich"):
            raise
        from paraformer_async.errors import MissingExtraError

        sys.exit(f"paraformer-async: {MissingExtraError('the command line', 'cli')}")
    _let_stdout_take_all()
    app()


def _let_stdout_take_all() -> None:
    """
    Let no text be unprintable: a pipe or file gets UTF-8, a terminal escapes what it cannot show.

    Windows gives pipes an encoding of its own, which has no Chinese. PYTHONIOENCODING is respected.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        is_chosen = sys.stdout.isatty() or "PYTHONIOENCODING" in os.environ
        encoding = sys.stdout.encoding if is_chosen else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
