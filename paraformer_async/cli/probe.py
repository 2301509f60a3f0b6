"""The command `paraformer-async probe`."""

from pathlib import Path
from typing import Annotated, Any

import typer

import paraformer_async
from paraformer_async import AudioProbe
from paraformer_async.cli.files import require_readable_once
from paraformer_async.cli.options import DEFAULT_MODEL, DebugOption, FilesArgument, ModelOption
from paraformer_async.cli.output import (
    encodable,
    error_text,
    printable,
    render_json,
    report_error,
    write_message,
    write_result,
)
from paraformer_async.cli.running import exit_with
from paraformer_async.errors import ParaformerError

__all__ = ["probe"]


def probe(
    files: FilesArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of JSON objects.")] = False,
    model: ModelOption = DEFAULT_MODEL,
    debug: DebugOption = False,
) -> None:
    """
    Show what audio files are, and what would be sent of them.

    Each FILE is decoded to its end: the duration is that of the audio in it. FILE - is standard
    input. Needs no key.

    Example: paraformer-async probe talk.m4a --json
    """
    exit_with(lambda: _probe_files(files, model=model, as_json=as_json, debug=debug), debug=debug)


async def _probe_files(files: list[Path], *, model: str, as_json: bool, debug: bool) -> int:
    """
    Print what each of *files* is. A bad file does not stop the others.

    Args:
        files: The audio files.
        model: The model that would recognize them.
        as_json: Whether to print one JSON document, a list with one object per file.
        debug: Whether to print the tracebacks of errors.

    Returns:
        The exit code: 1 if any file failed.

    Raises:
        InvalidOptionError: Standard input is named more than once.
        OSError: stdout cannot be written.
    """
    require_readable_once(files)
    documents: list[dict[str, Any]] = []
    is_failed = False
    for path in files:
        outcome = await _outcome(path, model)
        if isinstance(outcome, Exception):
            is_failed = True
            report_error(outcome, path, debug=debug)
        elif not as_json:
            write_result(f"{printable(path)}: {_line(outcome)}\n")
            for remark in outcome.remarks:
                write_message(f"{printable(path)} {remark}")
        documents.append(_document(path, outcome))
    if as_json:
        write_result(render_json(documents))
    return int(is_failed)


async def _outcome(path: Path, model: str) -> AudioProbe | Exception:
    try:
        return await paraformer_async.probe(path, model=model)
    except (ParaformerError, OSError) as error:
        return error


def _document(path: Path, outcome: AudioProbe | Exception) -> dict[str, Any]:
    name = encodable(str(path))
    if isinstance(outcome, Exception):
        return {"path": name, "error": encodable(error_text(outcome))}
    return {"path": name, **outcome.to_dict()}


def _line(found: AudioProbe) -> str:
    channels = "mono" if found.channels == 1 else f"{found.channels} channels"
    return (
        f"{found.container}, {found.codec}, {found.sample_rate} Hz, {channels}, "
        f"{found.duration:.2f} s; sent as {found.sent_format}, {found.sent_sample_rate} Hz, mono"
    )
