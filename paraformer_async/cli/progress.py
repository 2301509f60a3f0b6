"""What `transcribe` shows of its progress: on stderr, and only if it is a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from paraformer_async.cli.output import error_text, printable, write_message
from paraformer_async.observing import Observation, RetryScheduled
from paraformer_async.results import RecognitionResult
from paraformer_async.text import clean, tail, width

__all__ = ["ProgressDisplay"]

_LONGEST_NAME = 20  # columns
_MOST_FILES = 8


class ProgressDisplay:
    """A line for each file that is being transcribed, and one for all; drawn in place."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        # Not `console.is_terminal`, which FORCE_COLOR makes true for a pipe.
        self._is_live = sys.stderr.isatty() and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._heading = ""
        self._files: dict[Path, RecognitionResult] = {}

    @contextmanager
    def show(self, heading: str) -> Iterator[None]:
        """Draw *heading* and the latest results while the context is active."""
        self._heading = heading
        if self._is_live:
            self._start()
        try:
            yield
        finally:
            self._stop()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Draw nothing while the context is active, in which results are printed."""
        is_shown = self._stop()
        try:
            yield
        finally:
            if is_shown:
                self._start()

    def update(self, path: Path, result: RecognitionResult) -> None:
        """Show how far a file is, and the latest of its text."""
        self._files[path] = result
        self._draw()

    def done(self, path: Path, heading: str) -> None:
        """Show a file no longer, and another *heading*."""
        self._files.pop(path, None)
        self._heading = heading
        self._draw()

    def conclude(self, heading: str) -> None:
        """Print the *heading* as it is in the end."""
        if self._is_live:
            write_message(heading)

    def observe(self, event: Observation) -> None:
        """Report a failure of the service that is about to be retried; see `observing`."""
        if isinstance(event, RetryScheduled):
            write_message(f"{error_text(event.failure)}; trying again in {event.delay:.1f} s")

    def _start(self) -> None:
        # Always a new one: one that is started again erases as many lines above as it had drawn.
        self._live = Live(self._content(), console=self._console, transient=True)
        self._live.start()

    def _stop(self) -> bool:
        """Erase what is drawn; return whether anything was."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        return live is not None

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._content())

    def _content(self) -> Group:
        latest = list(self._files.items())[-_MOST_FILES:]
        lines = [self._line(path, result) for path, result in latest]
        return Group(*lines, Text(self._heading, style="bold", no_wrap=True, overflow="crop"))

    def _line(self, path: Path, result: RecognitionResult) -> Text:
        """Return the name of a file, how much of it is done, and the end of its text."""
        sentence = result.sentence
        ended = sentence.words[-1].end_time if sentence.words else sentence.begin_time
        minutes, seconds = divmod((sentence.end_time or ended) // 1000, 60)
        place = f"{tail(printable(path.name), _LONGEST_NAME)} {minutes:02}:{seconds:02} "
        room = self._console.width - width(place) - 1
        text = Text(no_wrap=True, overflow="crop")
        return text.append(place).append(tail(clean(result.text), room), style="dim")
