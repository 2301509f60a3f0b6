"""Output of the command line: results on stdout, everything else on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from paraformer_async.errors import InvalidOptionError
from paraformer_async.observing import Observation, RetryScheduled
from paraformer_async.results import RecognitionResult
from paraformer_async.transcript import Transcript

__all__ = [
    "OutputFormat",
    "ProgressDisplay",
    "describe",
    "error_text",
    "printable",
    "render",
    "render_json",
    "report_error",
    "write_message",
    "write_result",
]

# Options of the library and their flags on the command line.
_FLAGS = {
    "endpoint": "--endpoint",
    "engine": "--engine",
    "language_hints": "--language",
    "model": "--model",
    "model_dir": "--model-dir",
}


class OutputFormat(Enum):
    """How to print a transcript."""

    TXT = "txt"
    JSON = "json"
    SRT = "srt"


def write_result(text: str) -> None:
    """Write *text* to stdout and flush it."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_message(message: str) -> None:
    """Write *message* to stderr as one line."""
    print(f"paraformer-async: {' '.join(message.split())}", file=sys.stderr, flush=True)


def report_error(error: Exception, path: Path | None = None) -> None:
    """Write *error* to stderr, preceded by the file it concerns."""
    text = error_text(error)
    if path is None or text.startswith(str(path)):
        write_message(text)
    else:
        write_message(f"{printable(path)}: {text}")


def error_text(error: Exception) -> str:
    """Return the message of *error*, with flags in place of the names of options."""
    if isinstance(error, InvalidOptionError) and error.option in _FLAGS:
        return _FLAGS[error.option] + str(error).removeprefix(error.option)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def printable(path: Path | str) -> str:
    """Return *path* on one line, with unprintable characters escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(path)
    )


def render(transcript: Transcript, format: OutputFormat, path: Path) -> str:
    """Return *transcript* of the file *path* as a complete document."""
    match format:
        case OutputFormat.TXT:
            return f"{transcript.text}\n"
        case OutputFormat.SRT:
            return transcript.to_srt()
        case OutputFormat.JSON:
            return render_json([describe(path, transcript)])


def render_json(documents: list[dict[str, Any]]) -> str:
    """Return *documents* as one JSON document: a list of objects."""
    return msgspec.json.format(msgspec.json.encode(documents)).decode() + "\n"


def describe(path: Path, outcome: Transcript | Exception) -> dict[str, Any]:
    """Return the JSON object for one file: its transcript, or its error."""
    name = _encodable(str(path))
    if isinstance(outcome, Exception):
        return {"path": name, "text": "", "sentences": [], "error": _encodable(error_text(outcome))}
    return {
        "path": name,
        "text": outcome.text,
        "sentences": outcome.sentences,
        "duration": outcome.duration,
        "latency": outcome.latency,
        "request_id": outcome.request_id,
        "billed": outcome.billed,
    }


def _encodable(text: str) -> str:
    """Escape bytes of a file name that are not valid UTF-8: JSON cannot represent them."""
    return text.encode(errors="backslashreplace").decode()


class ProgressDisplay:
    """Live progress and partial text on stderr; nothing unless it is a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        # Not `console.is_terminal`, which FORCE_COLOR makes true for a pipe.
        self._is_live = sys.stderr.isatty() and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._heading = ""
        self._partial = ""

    @contextmanager
    def show(self, heading: str) -> Iterator[None]:
        """Show *heading* and the latest result while the context is active."""
        if not self._is_live:
            yield
            return
        self._heading, self._partial = heading, ""
        try:
            with Live(self._content(), console=self._console, transient=True) as self._live:
                yield
        finally:
            self._live = None

    def update(self, result: RecognitionResult) -> None:
        """Show the text of *result*."""
        if self._live is not None:
            self._partial = result.text
            self._live.update(self._content())

    def observe(self, event: Observation) -> None:
        """Report a failure of the service that is about to be retried; see `observing`."""
        if isinstance(event, RetryScheduled):
            write_message(f"{error_text(event.failure)}; trying again in {event.delay:.1f} s")

    def _content(self) -> Text:
        return Text.assemble((self._heading, "bold"), " ", (self._partial, "dim"))
