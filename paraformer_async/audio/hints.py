"""What to do about a file that cannot be used: sentences and commands for errors."""

import os
import shlex
import subprocess
from pathlib import Path

from paraformer_async.audio.containers.sniffing import Guess

__all__ = ["SOURCE", "STANDARD_INPUT", "conversion", "cure", "shown", "to_convert"]

STANDARD_INPUT = Path("-")
# Stands for audio that has no path: what is in memory, and what arrives. Compared by identity.
SOURCE = Path("the source")


def shown(path: Path) -> str:
    """Return *path* as text that can be encoded, whatever the bytes of the name."""
    if path == STANDARD_INPUT:
        return "standard input"
    return str(path).encode(errors="backslashreplace").decode()


def cure(path: Path, guess: Guess, *, is_tried: bool) -> str:
    """Return what to do about a file that cannot be decoded; *is_tried*: not even by FFmpeg."""
    if guess.advice:
        return guess.advice
    if guess.is_unknown:
        return (
            "if it holds raw 16-bit mono samples without a header, say so, with their rate: "
            'format="pcm", sample_rate=16000'
        )
    if not guess.is_audio:
        return ""
    if is_tried or not guess.demuxer:
        return "get an intact copy, or another format of it: FFmpeg cannot decode this one either"
    return to_convert(path)


def to_convert(path: Path) -> str:
    """Return how to convert a file."""
    if path is SOURCE:
        return "convert it to WAV first"
    return f"convert it, for example: {conversion(path)}"


def conversion(path: Path) -> str:
    """
    Return the command that converts a file to mono WAV at 16 kHz, quoted for a shell.

    Its output is in the same folder and is never its input, nor a file that exists.
    """
    stem = "audio" if path == STANDARD_INPUT else path.stem
    target = path.with_name(f"{stem}.wav")
    number = 1
    while target == path or os.path.lexists(target):
        target = path.with_name(f"{stem}-mono{number if number > 1 else ''}.wav")
        number += 1
    command = ["ffmpeg", "-i", _argument(path), "-ac", "1", "-ar", "16000", _argument(target)]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def _argument(path: Path) -> str:
    """Return *path* such that ffmpeg takes it neither for an option nor for a URL."""
    if path == STANDARD_INPUT:
        return str(path)  # ffmpeg's own name for it
    name = shown(path)
    return f".{os.sep}{name}" if name.startswith("-") or ":" in path.parts[0] else name
