"""What the command line prints: results on stdout, everything else on stderr."""

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
from paraformer_async.observing import Event, RetryScheduled
from paraformer_async.results import RecognitionResult
from paraformer_async.transcript import Transcript

__all__ = [
    "Display",
    "Format",
    "describe",
    "emit",
    "render",
    "render_json",
    "report_error",
    "shown",
    "tell",
]

# The library's names of what has another name on the command line.
_FLAGS = {
    "endpoint": "--endpoint",
    "engine": "--engine",
    "language_hints": "--language",
    "model": "--model",
    "model_dir": "--model-dir",
}


class Format(Enum):
    """What to print of a transcript."""

    TXT = "txt"
    JSON = "json"
    SRT = "srt"


def emit(text: str) -> None:
    """Put *text* on stdout, now."""
    sys.stdout.write(text)
    sys.stdout.flush()


def tell(message: str) -> None:
    """Put *message* on stderr, in one line."""
    print(f"paraformer-async: {' '.join(message.split())}", file=sys.stderr, flush=True)


def report_error(error: Exception, path: Path | None = None) -> None:
    """Tell what went wrong, with the file where it did."""
    said = explain(error)
    if path is None or said.startswith(str(path)):
        tell(said)
    else:
        tell(f"{shown(path)}: {said}")


def explain(error: Exception) -> str:
    """Give what *error* says, in the words of the command line."""
    if isinstance(error, InvalidOptionError) and error.option in _FLAGS:
        return _FLAGS[error.option] + str(error).removeprefix(error.option)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def shown(path: Path | str) -> str:
    """Give a file's name in one line that any terminal shows: what is not printable is escaped."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(path)
    )


def render(transcript: Transcript, form: Format, path: Path) -> str:
    """Give *transcript* as the text of a file of its own."""
    match form:
        case Format.TXT:
            return f"{transcript.text}\n"
        case Format.SRT:
            return transcript.to_srt()
        case Format.JSON:
            return render_json([describe(path, transcript)])


def render_json(documents: list[dict[str, Any]]) -> str:
    """Give *documents* as one JSON document: a list of objects."""
    return msgspec.json.format(msgspec.json.encode(documents)).decode() + "\n"


def describe(path: Path, outcome: Transcript | Exception) -> dict[str, Any]:
    """Give what is to be known of one file, for JSON."""
    name = _encodable(str(path))
    if isinstance(outcome, Exception):
        return {"path": name, "text": "", "sentences": [], "error": _encodable(explain(outcome))}
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
    """Escape the bytes of a file's name that are no UTF-8: JSON cannot hold them."""
    return text.encode(errors="backslashreplace").decode()


class Display:
    """Progress and partial text, live on a terminal; nothing when stderr is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        # Not `console.is_terminal`: FORCE_COLOR makes that true of a pipe.
        self._is_live = sys.stderr.isatty() and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._heading = ""
        self._said = ""

    @contextmanager
    def show(self, heading: str) -> Iterator[None]:
        """Show *heading* and what is being said, as long as the context lasts."""
        if not self._is_live:
            yield
            return
        self._heading, self._said = heading, ""
        try:
            with Live(self._picture(), console=self._console, transient=True) as self._live:
                yield
        finally:
            self._live = None

    def update(self, result: RecognitionResult) -> None:
        """Show a result."""
        if self._live is not None:
            self._said = result.text
            self._live.update(self._picture())

    def observe(self, event: Event) -> None:
        """Tell that the service failed, and that it is tried again."""
        if isinstance(event, RetryScheduled):
            tell(f"{explain(event.failure)}; trying again in {event.delay:.1f} s")

    def _picture(self) -> Text:
        return Text.assemble((self._heading, "bold"), " ", (self._said, "dim"))
