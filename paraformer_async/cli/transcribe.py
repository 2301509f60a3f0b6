"""The command `paraformer-async transcribe`."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from paraformer_async import (
    AudioError,
    BatchOutcome,
    BatchProgress,
    BatchStoppedError,
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

__all__ = ["Job", "transcribe_files"]

_STOPPED = 3  # the exit code of a run that was stopped early


class Job(NamedTuple):
    """
    What is to be done.

    Attributes:
        files: The audio files; `-` for standard input.
        format: Output format.
        output_dir: Folder to write one file per input to; `None` to print.
        concurrency: Files that are transcribed at once.
        checkpoint: A file that a stopped run is continued from; `None` for none.
    """

    files: list[Path]
    format: OutputFormat
    output_dir: Path | None = None
    concurrency: int = 1
    checkpoint: Path | None = None


async def transcribe_files(
    job: Job, options: dict[str, Any], local: tuple[str, Path | None] | None
) -> int:
    """
    Transcribe files, and print or write each as it is done. A bad file does not stop the others.

    The output is in the order of the files, except JSON lines, which are in the order in which they
    are done. Cancellation ends the current recognitions and propagates; what was written remains.

    Args:
        job: What is to be done.
        options: Options for the recognizer.
        local: Engine and model folder of the local service; `None` for the real service.

    Returns:
        The exit code: 1 if any file failed, 3 if the run was stopped because there is no network.

    Raises:
        InvalidOptionError: An option is invalid.
        OSError: The folder cannot be created, or stdout cannot be written.
        ParaformerError: The local service cannot start.
    """
    require_readable_once(job.files)
    output = _Output(job, _targets(job.files, job.output_dir, job.format))
    display = ProgressDisplay()
    async with open_recognizer(options, local, display) as recognizer:
        batch = recognizer.transcribe_many(
            job.files,
            concurrency=job.concurrency,
            ordered=job.format is not OutputFormat.JSONL,
            on_progress=lambda progress: display.head(_heading(job, progress)),
            on_result=lambda _, result: display.update(result),
            checkpoint=job.checkpoint,
        )
        try:
            with display.show(_heading(job)):
                async for outcome in batch:
                    with display.hidden():
                        output.add(Path(outcome.path), _settled(outcome))
        except BatchStoppedError as error:
            output.end()
            report_error(error)
            return _STOPPED
    output.end()
    return int(output.has_failures)


class _Output:
    """Prints or writes what becomes of each file."""

    def __init__(self, job: Job, targets: list[Path | None]) -> None:
        self.has_failures = False
        self._format = job.format
        self._is_alone = len(job.files) == 1
        self._targets = dict(zip(job.files, targets, strict=True))
        self._is_list = job.format is OutputFormat.JSON and job.output_dir is None
        self._documents: list[dict[str, Any]] = []

    def add(self, path: Path, outcome: Transcript | Exception) -> None:
        """Print or write the outcome of a file."""
        target = self._targets[path]
        if isinstance(outcome, Transcript) and target is not None:
            outcome = _write(target, outcome, self._format, path)
        if isinstance(outcome, Exception):
            self.has_failures = True
            report_error(outcome, path)
        elif outcome.is_silent:
            write_message(f"{printable(path)}: no speech was recognized")
        if self._is_list:
            self._documents.append(describe(path, outcome))
        elif target is None and self._format is OutputFormat.JSONL:
            write_result(render_json(describe(path, outcome), indent=None))
        elif target is None and not isinstance(outcome, Exception):
            label = "" if self._is_alone else f"{printable(path)}: "
            lines = render(outcome, self._format, path).splitlines(keepends=True)
            write_result("".join(label + line for line in lines))

    def end(self) -> None:
        """Print what can only be printed as a whole."""
        if self._is_list:
            write_result(render_json(self._documents))


def _settled(outcome: BatchOutcome) -> Transcript | Exception:
    """Return the transcript or the error of a file; raise what is no failure of the file."""
    if outcome.transcript is not None:
        return outcome.transcript
    if isinstance(outcome.error, UnicodeEncodeError):
        return AudioError("the file name is not valid text", hint="rename the file")
    if isinstance(outcome.error, ParaformerError | OSError):
        return outcome.error
    raise outcome.error or RuntimeError("an outcome is neither a transcript nor an error")


def _heading(job: Job, progress: BatchProgress | None = None) -> str:
    """Return the first line of the display: how many files are done, and how fast."""
    done, total = progress.done if progress else 0, len(job.files)
    if job.concurrency == 1:
        name = printable(job.files[min(done, total - 1)].name)
        return f"[{min(done + 1, total)}/{total}] {name}"
    if progress is None or not progress.real_time_factor:
        return f"[{done}/{total}]"
    speed = 1 / progress.real_time_factor
    return f"[{done}/{total}] {progress.seconds:.0f} s, {speed:.1f} × real time"


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


def _write(
    target: Path, transcript: Transcript, format: OutputFormat, path: Path
) -> Transcript | Exception:
    try:
        write_whole(target, render(transcript, format, path))
    except OSError as error:
        return error
    return transcript
