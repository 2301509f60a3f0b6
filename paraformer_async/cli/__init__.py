"""The command line. An edge: uses the door and the local service like anybody else."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command `paraformer-async`."""
    try:
        from paraformer_async.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        from paraformer_async.errors import MissingExtraError

        sys.exit(f"paraformer-async: {MissingExtraError('the command line', 'cli')}")
    app()
