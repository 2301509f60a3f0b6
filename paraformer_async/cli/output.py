"""Output of the command line: results on stdout, everything else on stderr."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from paraformer_async.cli.wording import FLAGS, in_shell_words
from paraformer_async.errors import InvalidOptionError, ParaformerError
from paraformer_async.observing import Observation, RetryScheduled
from paraformer_async.results import RecognitionResult
from paraformer_async.text import clean
from paraformer_async.transcript import Transcript, lines_of

__all__ = [
    "OutputFormat",
    "ProgressDisplay",
    "describe",
    "encodable",
    "error_text",
    "printable",
    "render",
    "render_json",
    "report_error",
    "write_message",
    "write_result",
]

# In JSON, what a terminal may act on: C1 controls, separators, overrides of direction, surrogates.
_ACTIVE = re.compile("[\x7f-\x9f\u061c\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


class OutputFormat(Enum):
    """How to print a transcript."""

    TXT = "txt"
    JSON = "json"
    JSONL = "jsonl"
    SRT = "srt"
    VTT = "vtt"


def write_result(text: str) -> None:
    """Write *text* to stdout and flush it."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_message(message: str) -> None:
    """Write *message* to stderr as one line."""
    print(f"paraformer-async: {clean(message)}", file=sys.stderr, flush=True)


def report_error(error: Exception, path: Path | None = None) -> None:
    """Write *error* to stderr, preceded by the file it concerns."""
    text = error_text(error)
    if path is None or text.startswith(str(path)):
        write_message(text)
    else:
        write_message(f"{printable(path)}: {text}")


def error_text(error: Exception) -> str:
    """Return the message of *error*, with flags and variables in place of arguments."""
    if isinstance(error, ParaformerError):
        text = str(error)
        if error.hint:
            text = text.replace(error.hint, in_shell_words(error.hint))
        if isinstance(error, InvalidOptionError) and error.option in FLAGS:
            text = FLAGS[error.option] + text.removeprefix(error.option)
        return text or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        name = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        return name + error.strerror
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
            return "".join(f"{clean(line)}\n" for line in lines_of(transcript.sentences) or [""])
        case OutputFormat.SRT:
            return transcript.to_srt()
        case OutputFormat.VTT:
            return transcript.to_vtt()
        case OutputFormat.JSON:
            return render_json([describe(path, transcript)])
        case OutputFormat.JSONL:
            return render_json(describe(path, transcript), indent=None)


def render_json(document: list[dict[str, Any]] | dict[str, Any], *, indent: int | None = 2) -> str:
    """Return *document* as JSON: an object, or a list of objects."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def describe(path: Path, outcome: Transcript | Exception) -> dict[str, Any]:
    """Return the JSON object for one file: its transcript, or its error."""
    name = encodable(str(path))
    if isinstance(outcome, Exception):
        return {"path": name, "text": "", "sentences": [], "error": encodable(error_text(outcome))}
    return {"path": name, **_telling(outcome.to_dict())}


def _telling(value: Any) -> Any:
    """Leave out fields that say nothing: `None`, and lists and objects without content."""
    if isinstance(value, dict):
        told = {name: _telling(one) for name, one in value.items()}
        return {name: one for name, one in told.items() if one is not None and one not in ([], {})}
    return [_telling(one) for one in value] if isinstance(value, list) else value


def encodable(text: str) -> str:
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

    def head(self, heading: str) -> None:
        """Show another *heading*."""
        self._heading = heading
        if self._live is not None:
            self._live.update(self._content())

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Show nothing while the context is active, in which results are printed."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        try:
            yield
        finally:
            if live is not None:
                self._partial = ""
                live.update(self._content())
                live.start()
                self._live = live

    def update(self, result: RecognitionResult) -> None:
        """Show the text of *result*."""
        if self._live is not None:
            self._partial = clean(result.text)
            self._live.update(self._content())

    def observe(self, event: Observation) -> None:
        """Report a failure of the service that is about to be retried; see `observing`."""
        if isinstance(event, RetryScheduled):
            write_message(f"{error_text(event.failure)}; trying again in {event.delay:.1f} s")

    def _content(self) -> Text:
        return Text.assemble((self._heading, "bold"), " ", (self._partial, "dim"))
