"""The command line: uses only the public API of the client and of the local service."""

import io
import os
import sys

__all__ = ["main"]

_INTERRUPTED = 130


def main() -> None:
    """Run the command `paraformer-async`."""
    _replace_closed_streams()
    try:
        _run()
    except KeyboardInterrupt:  # while modules are loading
        sys.exit(_INTERRUPTED)


def _run() -> None:
    try:
        import rich  # noqa: F401 - the commands import it later, to start fast

        from paraformer_async.cli.app import app
        from paraformer_async.cli.running import run_app
    except ImportError as error:
        if error.name and error.name.partition(".")[0] not in ("typer", "rich"):
            raise
        from paraformer_async.errors import MissingExtraError

        sys.exit(f"paraformer-async: {MissingExtraError('the command line', 'cli')}")
    _configure_stdout()
    run_app(app)


def _replace_closed_streams() -> None:
    """
    Let the null device stand for a standard stream that is closed (`>&-`).

    In this order, it takes the number of the stream, too, which the next socket would have: there
    it would receive what libraries in C write to stderr.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123


def _configure_stdout() -> None:
    """
    Make any text printable: UTF-8 into a pipe or file, escapes for what a terminal cannot show.

    The default encoding of a pipe on Windows cannot represent Chinese. PYTHONIOENCODING wins.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        keeps_encoding = sys.stdout.isatty() or "PYTHONIOENCODING" in os.environ
        encoding = sys.stdout.encoding if keeps_encoding else "utf-8"
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")
