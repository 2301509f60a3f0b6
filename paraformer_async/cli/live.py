"""Live captions on stdout: drawn in place on a terminal, one line for each sentence elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import log10

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from paraformer_async.cli.output import write_result
from paraformer_async.results import RecognitionResult
from paraformer_async.text import clean, tail

__all__ = ["CaptionDisplay", "level_of"]

_STEPS = 10
_QUIETEST = -60.0  # dB of full scale, an empty meter
_LINES = 2


class CaptionDisplay:
    """Shows results as they come; stable text is firm, and the rest is dim."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        # Not `console.is_terminal`, which FORCE_COLOR makes true for a pipe.
        self._is_live = sys.stdout.isatty() and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._caption = Text()
        self._status = "listening"
        self._level = self._shown_seconds = 0

    @contextmanager
    def show(self) -> Iterator[None]:
        """Draw while the context is active; then only the sentences are left."""
        if not self._is_live:
            yield
            return
        live = Live(self._content(), console=self._console, auto_refresh=False, transient=True)
        try:
            with live as self._live:
                yield
        finally:
            self._live = None

    def received(self, frame: bytes, seconds: float) -> None:
        """Show the level of a frame, and the length of the audio so far."""
        level = level_of(frame)
        if (level, int(seconds)) != (self._level, self._shown_seconds):
            self._level, self._shown_seconds = level, int(seconds)
            self._draw()

    def finishing(self) -> None:
        """Show that no more audio is taken, and that the last results are awaited."""
        self._status, self._level = "finishing", 0
        self._draw()

    def add(self, result: RecognitionResult) -> None:
        """Show a result; a sentence that is final stays."""
        if not result.is_final:
            self._caption = self._partial(result)
            self._draw()
            return
        text = clean(result.text)
        if not result.replaces:
            self._caption = Text()
        if text:
            line = f"(corrected) {text}" if result.replaces else text
            if self._live is None:
                write_result(f"{line}\n")
            else:
                self._console.print(Text(line))
        self._draw()

    def _partial(self, result: RecognitionResult) -> Text:
        """Return the end of the text, as much as fits on two lines."""
        text, stable = clean(result.text), clean(result.stable_text)
        firm = len(stable) if text.startswith(stable) else 0
        room = _LINES * (self._console.width - 2)  # a full-width character may not fit on a line
        shown = tail(text, room)
        firm = max(firm - (len(text) - len(shown)), 0)
        return Text.assemble(shown[:firm], (shown[firm:], "dim"))

    def _draw(self) -> None:
        if self._live is not None:
            self._live.update(self._content(), refresh=True)

    def _content(self) -> Group:
        minutes, seconds = divmod(self._shown_seconds, 60)
        meter = "#" * self._level + "." * (_STEPS - self._level)
        status = f"{self._status} {minutes:02}:{seconds:02} [{meter}] Ctrl-C to stop"
        line = Text(status, style="dim", no_wrap=True, overflow="crop")
        return Group(self._caption, line) if self._caption else Group(line)


def level_of(frame: bytes) -> int:
    """Return the level of s16le audio, from 0 (silence) to 10 (full scale)."""
    samples = np.frombuffer(frame[: len(frame) // 2 * 2], "<i2").astype(np.float32) / 32768
    power = float(np.mean(samples * samples)) if samples.size else 0.0
    decibels = 10 * log10(power) if power > 0 else _QUIETEST
    return max(0, min(_STEPS, round(_STEPS * (1 - decibels / _QUIETEST))))
