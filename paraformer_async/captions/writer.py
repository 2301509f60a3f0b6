"""Captions that are written while a recognition runs."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Self, TypeAlias

from msgspec.structs import replace

from paraformer_async.captions.clocks import on_clock
from paraformer_async.captions.growing import StepwiseFile
from paraformer_async.captions.jsonlines import json_line
from paraformer_async.captions.layout import lay_out
from paraformer_async.captions.subrip import subrip_block
from paraformer_async.captions.webvtt import SIGNATURE, webvtt_cue
from paraformer_async.errors import InvalidOptionError, UsageError
from paraformer_async.finals import FinalSentences
from paraformer_async.options.checks import require_function, require_number
from paraformer_async.results import RecognitionResult, Sentence

__all__ = ["CaptionFormat", "CaptionWriter"]

CaptionFormat: TypeAlias = Literal["srt", "vtt", "jsonl"]
"""`"srt"`: SubRip; `"vtt"`: WebVTT; `"jsonl"`: one JSON object for each sentence."""

_FORMATS = ("srt", "vtt", "jsonl")
_READING_SPEED = 20.0


class CaptionWriter:
    """
    A file of captions that grows while a recognition runs.

        with CaptionWriter("live.srt") as captions:
            async for result in recognizer.stream(microphone()):
                captions.add(result)

    Each final sentence is added as soon as it is known, as a whole: the file is complete whenever
    the program is killed, even in the middle of a write, on the local file systems of Linux. For
    that, the file is replaced by a copy of itself about once in 4 KiB: `tail -f` loses it then, and
    `tail -F` prints it again from its beginning. From 1 MiB on (captions of more than ten hours)
    it is only appended to, and a kill in the middle of a write can cut the last sentence.

    The captions are those of `Transcript.to_srt` and `to_vtt`, with two differences: one that
    begins while the one before it is shown begins after it; and short ones stay until they can be
    read. A correction of an earlier sentence replaces the file in one step.

    An existing file is replaced. Writing blocks for as long as the file system takes.

    Args:
        path: The file; its folder must exist.
        format: `"srt"`, `"vtt"` or `"jsonl"`. Default: from the name of the file.
        clock: Converts times in ms of the audio to those that are written, like `WallClock`.
            Default: times of the audio.
        reading_speed: Columns a second that can be read; full-width characters take two.

    Raises:
        InvalidOptionError: The format is none of these, the path is that of something else than a
            file, the speed is not positive, or the clock is no function.
        OSError: The file cannot be written; of a caption that could not be written, nothing is.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        format: CaptionFormat | None = None,
        *,
        clock: Callable[[int], int] | None = None,
        reading_speed: float = _READING_SPEED,
    ) -> None:
        self._path = Path(path)
        self._format = self._path.suffix[1:].lower() if format is None else format
        if self._format not in _FORMATS:
            raise InvalidOptionError(
                "format",
                f"captions are written as srt, vtt or jsonl, not as {self._format!r}",
                hint="the end of the name of the file decides: live.srt",
            )
        if self._path.exists() and not self._path.is_file():
            raise InvalidOptionError("path", f"{self._path} is not a file")
        if not require_number("reading_speed", reading_speed, "a number above 0") > 0:
            raise InvalidOptionError("reading_speed", f"{reading_speed} is not positive")
        if clock is not None:
            require_function("clock", clock, "ms of the audio")
        self._clock = clock
        self._speed = reading_speed
        self._finals = FinalSentences()
        self._channels: set[int | str | None] = set()
        self._number = self._earliest = 0
        self._file: StepwiseFile | None = StepwiseFile(self._path, self._head)
        self._is_whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, result: RecognitionResult) -> None:
        """
        Write the sentence of a *result*, if it is final.

        Raises:
            OSError: It cannot be written. The file is as before, and the next call writes the
                sentence, too.
            InvalidOptionError: `clock` has returned no number; nothing is written.
            UsageError: The writer is closed.
        """
        if self._file is None:
            raise UsageError("the captions are closed")
        if not result.is_final:
            return
        if self._clock is not None:
            result = replace(result, sentence=on_clock(result.sentence, self._clock))
        known, channels = len(self._finals.sentences), len(self._channels)
        self._finals.add(result)
        self._channels.add(result.channel_id)
        is_appended = known < len(self._finals.sentences) and not 0 < channels < len(self._channels)
        is_appended = is_appended and self._is_whole
        self._is_whole = False
        if is_appended:
            self._file.append(self._text_of(self._finals.sentences[-1:]))
        else:
            self._number = self._earliest = 0
            self._file.replace(self._head + self._text_of(self._finals.sentences))
        self._is_whole = True

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _head(self) -> str:
        return SIGNATURE if self._format == "vtt" else ""

    def _text_of(self, sentences: Iterable[Sentence]) -> str:
        """Return the text to append for *sentences*."""
        if self._format == "jsonl":
            return "".join(map(json_line, sentences))
        labeled = len(self._channels) > 1
        text = ""
        for caption in lay_out(
            sentences, earliest=self._earliest, labeled=labeled, reading_speed=self._speed
        ):
            self._number += 1
            self._earliest = caption.end_time
            is_srt = self._format == "srt"
            text += subrip_block(self._number, caption) if is_srt else webvtt_cue(caption)
        return text
