"""The output files of `transcribe`: one for each audio file, and none of them an audio file."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from paraformer_async import InvalidOptionError
from paraformer_async.cli.files import STANDARD_INPUT
from paraformer_async.cli.output import OutputFormat, printable

__all__ = ["targets_of"]


def targets_of(
    files: list[Path], output_dir: Path | None, format: OutputFormat
) -> list[Path | None]:
    """
    Return the output file for each of *files*, or `None` to print; create the folder.

    Raises:
        InvalidOptionError: Two would be the same file, or one would replace an audio file.
        OSError: The folder cannot be created or written to.
    """
    if output_dir is None:
        if format in (OutputFormat.SRT, OutputFormat.VTT) and len(files) > 1:
            raise InvalidOptionError("--format", "captions for several files need --output-dir")
        return [None] * len(files)
    sources: dict[str, Path] = {}
    targets: list[Path | None] = []
    for path in files:
        stem = "stdin" if path == STANDARD_INPUT else path.stem
        target = output_dir / f"{stem}.{format.value}"
        other = sources.setdefault(os.path.normcase(target), path)
        if len(sources) == len(targets):
            raise InvalidOptionError(
                "--output-dir",
                f"{printable(other)} and {printable(path)} would both be written to"
                f" {printable(target)}",
            )
        if any(_is_same_file(target, one) for one in files):
            raise InvalidOptionError(
                "--output-dir", f"{printable(target)} is an audio file, and would be overwritten"
            )
        targets.append(target)
    if output_dir.exists() and not output_dir.is_dir():
        raise InvalidOptionError("--output-dir", f"{printable(output_dir)} is not a folder")
    _make_writable(output_dir)
    return targets


def _make_writable(folder: Path) -> None:
    """Create *folder*, and a file in it, so that nothing is recognized that cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(folder)) from None


def _is_same_file(target: Path, source: Path) -> bool:
    """Return whether writing *target* would replace *source* (but not a link to it)."""
    try:
        return os.path.samestat(target.lstat(), source.stat())
    except (OSError, ValueError):
        return False
