"""The lines of a checkpoint: what a file was, and its transcript."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from paraformer_async.audio.hints import STANDARD_INPUT
from paraformer_async.batch.paths import AnyPath
from paraformer_async.options.options import ABOUT_SAMPLES, Options, Overrides
from paraformer_async.transcript import Transcript

__all__ = [
    "BEGINNING",
    "VERSION",
    "Header",
    "Identity",
    "Record",
    "decoded",
    "encoded",
    "identity_of",
    "options_that_matter",
]

BEGINNING = b'{"checkpoint":"paraformer_async",'
"""How each checkpoint begins: this tells it from any other file."""
VERSION = 1

_T = TypeVar("_T", bound=Struct)


class Header(Struct, frozen=True, tag_field="checkpoint", tag="paraformer_async"):
    """
    The first line.

    Attributes:
        options: What the transcripts depend on, besides the audio.
        version: Of the format.
    """

    options: Mapping[str, Any]
    version: int = VERSION


class Identity(Struct, frozen=True):
    """
    By what a file is known again.

    Attributes:
        path: Its absolute path; bytes that are not UTF-8 are escaped.
        size: In bytes.
        mtime_ns: When it was last changed, in ns.
    """

    path: str
    size: int
    mtime_ns: int


class Record(Struct, frozen=True):
    """
    All other lines: one file that was transcribed.

    Attributes:
        path: See `Identity`, as for the next two.
        size: In bytes.
        mtime_ns: When it was last changed.
        seconds: How long its transcription took.
        transcript: Its transcript.
    """

    path: str
    size: int
    mtime_ns: int
    seconds: float
    transcript: Transcript

    @property
    def identity(self) -> Identity:
        """By what the file is known again."""
        return Identity(self.path, self.size, self.mtime_ns)


def identity_of(path: AnyPath) -> Identity | None:
    """Return the identity of a file on disk; `None` for a pipe, or what cannot be looked at."""
    try:
        found = None if Path(path) == STANDARD_INPUT else Path(path).stat()
    except (OSError, ValueError):
        return None
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    absolute = os.fsencode(Path(path).absolute()).decode(errors="backslashreplace")
    return Identity(absolute, found.st_size, found.st_mtime_ns)


def options_that_matter(options: Options, overrides: Overrides) -> dict[str, Any]:
    """Return the options on which transcripts depend: what the service receives for each file."""
    matter = {"model": options.model, "phrase_id": options.phrase_id, **options.task_parameters()}
    matter["channels"] = None if options.channels == "mix" else options.channels
    matter["input"] = options.task_input() or None
    matter |= dict.fromkeys(ABOUT_SAMPLES) | {
        name: one for name, one in overrides.items() if name in ABOUT_SAMPLES
    }
    return {name: one for name, one in matter.items() if one is not None}


def encoded(line: Struct) -> bytes:
    """Return *line* as a line of JSON."""
    try:
        return msgspec.json.encode(line) + b"\n"
    except UnicodeEncodeError:  # half a surrogate pair, from the service
        return json.dumps(msgspec.to_builtins(line)).encode() + b"\n"


def decoded(line: bytes, kind: type[_T]) -> _T | None:
    """Return what *line* contains; `None` if it is damaged."""
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.ValidationError:
        return None
    except msgspec.DecodeError:
        try:
            return msgspec.convert(json.loads(line), kind)
        except (ValueError, RecursionError):
            return None
