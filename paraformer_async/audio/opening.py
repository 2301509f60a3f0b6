"""
Open a file and determine what it is, from its bytes rather than its name.

A pipe is opened without waiting for its writer: that could take forever, in a call that cannot be
canceled.
"""

import os
import stat
import sys
from pathlib import Path
from typing import IO, cast

from paraformer_async._core.wav import MAGICS
from paraformer_async.audio.containers.extents import scan_extents
from paraformer_async.audio.containers.mpeg import frame_size, scan_mpeg
from paraformer_async.audio.containers.ogg import scan_ogg
from paraformer_async.audio.containers.riff import scan_wav
from paraformer_async.audio.containers.sections import Scan, read_at, scan_flac
from paraformer_async.audio.containers.sniffing import Guess, guess_format
from paraformer_async.audio.containers.tags import begin_of_audio, end_of_audio
from paraformer_async.audio.hints import STANDARD_INPUT, cure, shown
from paraformer_async.audio.seekable import status_of
from paraformer_async.errors import AudioError

__all__ = ["look_at", "open_file", "scan_file", "undecodable"]

_HEAD = 8192  # bytes


def open_file(path: Path) -> IO[bytes]:
    """
    Open a file on disk, a named pipe or standard input (`-`) for reading.

    All but standard input is opened unbuffered.

    Raises:
        OSError: As raised by `open`.
        AudioError: It is a socket or a device, or standard input is a terminal.
    """
    if path == STANDARD_INPUT:
        return open_stdin()
    mode = path.stat().st_mode
    if stat.S_ISFIFO(mode):
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # `open` refuses a folder
        kind = "socket" if stat.S_ISSOCK(mode) else "device"
        raise AudioError(
            f"{shown(path)} is a {kind}, not a file on disk",
            hint=f"write its audio to a file first, or use stream(), which can read from a {kind}",
        )
    return path.open("rb", buffering=0)


def open_stdin() -> IO[bytes]:
    """
    Return standard input, to be read as bytes.

    Raises:
        AudioError: There is none, or it is a terminal.
    """
    file = getattr(sys.stdin, "buffer", None)
    if file is None or file.closed:
        raise AudioError("there is no standard input to read", hint="pass the path of a file")
    if file.isatty():
        raise AudioError(
            "standard input is a terminal, not audio", hint="pipe audio into it, or pass a path"
        )
    return cast("IO[bytes]", file)


def scan_file(file: IO[bytes], path: Path) -> Scan:
    """
    Return where the audio of *file* is.

    Raises:
        AudioError: The file is empty.
    """
    size = status_of(file)[0]
    begin = begin_of_audio(file)
    audio = read_at(file, begin, _HEAD)
    if not size:
        raise AudioError(f"{shown(path)} contains no audio: the file is empty")
    end = end_of_audio(file, begin, size)
    if audio[:4] in MAGICS and audio[8:12] == b"WAVE":
        return scan_wav(file, end, begin)
    if audio.startswith(b"OggS"):
        return scan_ogg(file, end)
    if audio.startswith(b"fLaC"):
        return scan_flac(file, size)
    guess = guess_format(audio)
    if frame_size(audio) or guess.demuxer == "mp3" or (begin and guess.is_unknown):
        return scan_mpeg(file, size)
    return scan_extents(file, end, begin)


def look_at(file: IO[bytes]) -> Guess:
    """Return what a file looks like, behind ID3 tags if there are some."""
    guess = guess_format(read_at(file, begin_of_audio(file), _HEAD))
    return guess_format(read_at(file, 0, _HEAD)) if guess.is_unknown else guess


def undecodable(file: IO[bytes], path: Path, *, is_tried: bool = False) -> AudioError:
    """Return the error for a file that cannot be decoded; *is_tried*: not even by FFmpeg."""
    guess = look_at(file)
    why = f"it looks like {guess.name}"
    if guess.is_audio:
        why += ", damaged or of a codec that is not supported"
    return AudioError(
        f"{shown(path)} cannot be decoded: {why}", hint=cure(path, guess, is_tried=is_tried)
    )
