"""What `paraformer-async transcribe` does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from paraformer_async import (
    AudioError,
    BatchOutcome,
    BatchStoppedError,
    ParaformerError,
    Transcript,
)
from paraformer_async.captions.whole import write_whole
from paraformer_async.cli.files import require_readable_once
from paraformer_async.cli.output import (
    OutputFormat,
    describe,
    printable,
    render,
    render_json,
    report_error,
    write_message,
    write_result,
)
from paraformer_async.cli.progress import ProgressDisplay
from paraformer_async.cli.recognizers import Service, open_recognizer
from paraformer_async.cli.targets import targets_of
from paraformer_async.cli.totals import Totals

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
        debug: Whether to print the tracebacks of errors.
    """

    files: list[Path]
    format: OutputFormat
    output_dir: Path | None = None
    concurrency: int = 1
    checkpoint: Path | None = None
    debug: bool = False


async def transcribe_files(job: Job, options: Mapping[str, Any], service: Service) -> int:
    """
    Transcribe files, and print or write each as it is done. A bad file does not stop the others.

    The output is in the order of the files, except JSON lines, which are in the order in which they
    are done. Cancellation ends the current recognitions and propagates; what was written remains.

    Args:
        job: What is to be done.
        options: Options for the recognizer.
        service: What recognizes.

    Returns:
        The exit code: 1 if any file failed, 3 if the run was stopped because there is no network.

    Raises:
        InvalidOptionError: An option is invalid.
        OSError: The folder cannot be created, or stdout cannot be written.
        ParaformerError: The local service cannot start.
    """
    require_readable_once(job.files)
    output = _Output(job, targets_of(job.files, job.output_dir, job.format))
    display = ProgressDisplay()
    totals = Totals(len(job.files))
    async with open_recognizer(service, options, display) as recognizer:
        batch = recognizer.transcribe_many(
            job.files,
            concurrency=job.concurrency,
            ordered=job.format is not OutputFormat.JSONL,
            on_progress=lambda progress: display.done(
                Path(progress.latest.path), totals.after(progress)
            ),
            on_result=lambda path, result: display.update(Path(path), result),
            checkpoint=job.checkpoint,
        )
        try:
            with display.show(str(totals)):
                async for outcome in batch:
                    with display.hidden():
                        output.add(Path(outcome.path), _settled(outcome))
        except BatchStoppedError as error:
            output.end()
            error.__cause__ = None  # it is that of a file, and reported already
            report_error(error, debug=job.debug)
            return _STOPPED
    output.end()
    display.conclude(str(totals))
    return int(output.has_failures)


class _Output:
    """Prints or writes what becomes of each file."""

    def __init__(self, job: Job, targets: list[Path | None]) -> None:
        self.has_failures = False
        self._format = job.format
        self._debug = job.debug
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
            report_error(outcome, path, debug=self._debug)
        else:
            _remark_on(outcome, path)
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


def _remark_on(transcript: Transcript, path: Path) -> None:
    """Write to stderr why the text may be less than what was expected."""
    for remark in transcript.remarks:
        write_message(f"{printable(path)} {remark}")
    if transcript.is_silent:
        write_message(f"{printable(path)}: no speech was recognized")


def _settled(outcome: BatchOutcome) -> Transcript | Exception:
    """Return the transcript or the error of a file; raise what is no failure of the file."""
    if outcome.transcript is not None:
        return outcome.transcript
    if isinstance(outcome.error, UnicodeEncodeError):
        return AudioError("the file name is not valid text", hint="rename the file")
    if isinstance(outcome.error, ParaformerError | OSError):
        return outcome.error
    raise outcome.error or RuntimeError("an outcome is neither a transcript nor an error")


def _write(
    target: Path, transcript: Transcript, format: OutputFormat, path: Path
) -> Transcript | Exception:
    try:
        write_whole(target, render(transcript, format, path))
    except OSError as error:
        return error
    return transcript
