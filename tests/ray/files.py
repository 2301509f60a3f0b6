"""Audio files with marks, and a script of the service that counts its tasks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import soundfile

from paraformer_async.testing import ScriptRun, marked, marks

__all__ = ["LIMIT", "Counting", "write_audio"]

LIMIT = 300
"""Seconds for a test on a cluster: Ray starts many processes."""


class Counting:
    """
    A script that recognizes marked audio, and notes when each task arrives.

    Args:
        mark: Number of the task at which `is_at_mark` is set.
    """

    def __init__(self, mark: int = 0) -> None:
        self.times: list[float] = []
        self.is_at_mark = anyio.Event()
        self._mark = mark
        self._script = marks()

    def __call__(self, parameters: Mapping[str, Any]) -> ScriptRun:
        """Note a task."""
        self.times.append(anyio.current_time())
        if len(self.times) == self._mark:
            self.is_at_mark.set()
        return self._script(parameters)

    def most_within_a_second(self) -> int:
        """Return how many tasks have arrived within any second."""
        times = sorted(self.times)
        return max(sum(begin <= one < begin + 1 for one in times) for begin in times)


def write_audio(folder: Path, files: int) -> dict[str, str]:
    """Write files of different lengths; return their paths, and the text in each."""
    texts = {}
    for number in range(files):
        blocks = 5 + number % 10
        path = folder / f"{number:03}.wav"
        samples = memoryview(marked(20 * blocks)).cast("h")
        soundfile.write(path, samples, 16000, subtype="PCM_16")
        texts[str(path)] = " ".join(map(str, range(blocks)))
    return texts
