"""Files that are named on the command line."""

from pathlib import Path

from paraformer_async import InvalidOptionError

__all__ = ["STANDARD_INPUT", "require_readable_once"]

STANDARD_INPUT = Path("-")


def require_readable_once(files: list[Path]) -> None:
    """Raise `InvalidOptionError` if standard input is named more than once."""
    if files.count(STANDARD_INPUT) > 1:
        raise InvalidOptionError("FILE", "- is given twice; standard input can be read only once")
