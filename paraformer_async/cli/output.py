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

from paraformer_async.results import RecognitionResult
from paraformer_async.transcript import Transcript

__all__ = ["Display", "Format", "render", "render_json", "report_error"]


class Format(Enum):
    """What to print of a transcript."""

    TXT = "txt"
    JSON = "json"
    SRT = "srt"


def report_error(error: Exception, path: Path | None = None) -> None:
    """Tell what went wrong, in one line."""
    where = f"{path}: " if path else ""
    said = " ".join(str(error).split()) or type(error).__name__
    print(f"paraformer-async: {where}{said}", file=sys.stderr)


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
    if isinstance(outcome, Exception):
        return {"path": str(path), "text": "", "sentences": [], "error": str(outcome)}
    return {
        "path": str(path),
        "text": outcome.text,
        "sentences": outcome.sentences,
        "duration": outcome.duration,
        "latency": outcome.latency,
        "request_id": outcome.request_id,
        "billed": outcome.billed,
    }


class Display:
    """Progress and partial text, live on a terminal; nothing when stderr is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._heading = ""
        self._said = ""

    @contextmanager
    def show(self, heading: str) -> Iterator[None]:
        """Show *heading* and what is being said, as long as the context lasts."""
        if not self._console.is_terminal:
            yield
            return
        self._heading, self._said = heading, ""
        with Live(self._picture(), console=self._console, transient=True) as self._live:
            yield
        self._live = None

    def update(self, result: RecognitionResult) -> None:
        """Show a result."""
        if self._live is not None:
            self._said = result.text
            self._live.update(self._picture())

    def _picture(self) -> Text:
        return Text.assemble((self._heading, "bold"), " ", (self._said, "dim"))
