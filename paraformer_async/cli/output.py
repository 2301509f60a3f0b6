"""Output of the command line: results on stdout, everything else on stderr."""

import json
import os
import sys
import traceback
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Any, Self, TextIO

from paraformer_async.cli.wording import flag_of, in_shell_words
from paraformer_async.errors import InvalidOptionError, ParaformerError
from paraformer_async.jsonable import informative
from paraformer_async.text import clean, inert
from paraformer_async.transcript import Transcript, lines_of

__all__ = [
    "OutputFormat",
    "describe",
    "drop",
    "encodable",
    "error_text",
    "printable",
    "render",
    "render_json",
    "report_error",
    "write_message",
    "write_result",
]


class OutputFormat(Enum):
    """How to print a transcript."""

    TXT = "txt"
    JSON = "json"
    JSONL = "jsonl"
    SRT = "srt"
    VTT = "vtt"

    @classmethod
    def named(cls, name: str) -> Self:
        """Return the format of this name; raise `InvalidOptionError` if there is none."""
        try:
            return cls(name)
        except ValueError:
            names = ", ".join(one.value for one in cls)
            raise InvalidOptionError("--format", f"{name!r} is not one of {names}") from None


def write_result(text: str) -> None:
    """Write *text* to stdout and flush it."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        error.filename = "standard output"
        raise


def write_message(message: str) -> None:
    """Write *message* to stderr as one line. If that fails, it is lost, and nothing else."""
    try:
        print(f"paraformer-async: {clean(message)}", file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Point a stream that failed at the null device, so that the final flush does not fail, too."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def report_error(error: Exception, path: Path | None = None, *, debug: bool = False) -> None:
    """Write *error* to stderr, preceded by the file it concerns; with *debug*, its traceback."""
    if debug:
        traceback.print_exception(error)
    text = error_text(error)
    if path is None or text.startswith(str(path)):
        write_message(text)
    else:
        write_message(f"{printable(path)}: {text}")


def error_text(error: Exception) -> str:
    """Return the message of *error*, with flags and variables in place of arguments."""
    if isinstance(error, ParaformerError):
        text = str(error).replace(error.hint, in_shell_words(error.hint))
        if isinstance(error, InvalidOptionError):
            reason = in_shell_words(text.removeprefix(error.option))
            text = flag_of(error.option) + reason
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
    return inert(json.dumps(document, ensure_ascii=False, indent=indent)) + "\n"


def describe(path: Path, outcome: Transcript | Exception) -> dict[str, Any]:
    """Return the JSON object for one file: its transcript, or its error."""
    name = encodable(str(path))
    if isinstance(outcome, Exception):
        return {"path": name, "text": "", "sentences": [], "error": encodable(error_text(outcome))}
    return {"path": name, "text": "", "sentences": [], **informative(outcome.to_dict())}


def encodable(text: str) -> str:
    """Escape bytes of a file name that are not valid UTF-8: JSON cannot represent them."""
    return text.encode(errors="backslashreplace").decode()
