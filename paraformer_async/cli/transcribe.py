"""The command `paraformer-async transcribe`."""

import os
from pathlib import Path
from typing import Any

from paraformer_async import (
    AsyncRecognizer,
    AudioError,
    InvalidOptionError,
    ParaformerError,
    Transcript,
)
from paraformer_async.captions.whole import write_whole
from paraformer_async.cli.files import STANDARD_INPUT, require_readable_once
from paraformer_async.cli.output import (
    OutputFormat,
    ProgressDisplay,
    describe,
    printable,
    render,
    render_json,
    report_error,
    write_message,
    write_result,
)
from paraformer_async.cli.recognizers import open_recognizer

__all__ = ["transcribe_files"]


async def transcribe_files(
    files: list[Path],
    options: dict[str, Any],
    *,
    format: OutputFormat,
    output_dir: Path | None,
    local: tuple[str, Path | None] | None,
) -> int:
    """
    Transcribe *files* one at a time, and print or write each. A bad file does not stop the others.

    Cancellation ends the current recognition and propagates; files already written remain.

    Args:
        files: The audio files; `-` for standard input.
        options: Options for the recognizer.
        format: Output format.
        output_dir: Folder to write one file per input to; `None` to print.
        local: Engine and model folder of the local service; `None` for the real service.

    Returns:
        The exit code: 1 if any file failed.

    Raises:
        InvalidOptionError: An option is invalid.
        OSError: The folder cannot be created, or stdout cannot be written.
        ParaformerError: The local service cannot start.
    """
    require_readable_once(files)
    targets = _targets(files, output_dir, format)
    display = ProgressDisplay()
    outcomes: list[tuple[Path, Transcript | Exception]] = []
    async with open_recognizer(options, local, display) as recognizer:
        for number, (path, target) in enumerate(zip(files, targets, strict=True), 1):
            with display.show(f"[{number}/{len(files)}] {printable(path.name)}"):
                outcome = await _outcome(recognizer, path, display)
            if isinstance(outcome, Transcript) and target is not None:
                outcome = _write(target, outcome, format, path)
            if isinstance(outcome, Exception):
                report_error(outcome, path)
                outcomes.append((path, outcome))
                continue
            if outcome.is_silent:
                write_message(f"{printable(path)}: no speech was recognized")
            if target is None and format is not OutputFormat.JSON:
                label = f"{printable(path)}: " if len(files) > 1 else ""
                lines = render(outcome, format, path).splitlines(keepends=True)
                write_result("".join(label + line for line in lines))
            outcomes.append((path, outcome))
    if format is OutputFormat.JSON and output_dir is None:
        write_result(render_json([describe(path, outcome) for path, outcome in outcomes]))
    return int(any(isinstance(outcome, Exception) for _, outcome in outcomes))


def _targets(files: list[Path], output_dir: Path | None, format: OutputFormat) -> list[Path | None]:
    """Return the output file for each of *files*, or `None` to print; create the folder."""
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
    output_dir.mkdir(parents=True, exist_ok=True)
    return targets


def _is_same_file(target: Path, source: Path) -> bool:
    """Return whether writing *target* would replace *source* (but not a link to it)."""
    try:
        return os.path.samestat(target.lstat(), source.stat())
    except (OSError, ValueError):
        return False


async def _outcome(
    recognizer: AsyncRecognizer, path: Path, display: ProgressDisplay
) -> Transcript | Exception:
    try:
        return await recognizer.transcribe(path, on_result=display.update)
    except (ParaformerError, OSError) as error:
        return error
    except UnicodeEncodeError:
        return AudioError("the file name is not valid text", hint="rename the file")


def _write(
    target: Path, transcript: Transcript, format: OutputFormat, path: Path
) -> Transcript | Exception:
    try:
        write_whole(target, render(transcript, format, path))
    except OSError as error:
        return error
    return transcript
