"""How far a run of `transcribe` is, how fast, and what it costs."""

from paraformer_async import BatchProgress

__all__ = ["Totals"]


class Totals:
    """
    The sums over all files, as a line: `2/5 files, 62 s of audio, real-time factor 0.08, …`.

    Args:
        files: How many there are.
    """

    def __init__(self, files: int) -> None:
        self._files = files
        self._progress: BatchProgress | None = None
        self._billed = 0.0
        self._tokens = 0

    def after(self, progress: BatchProgress) -> str:
        """Add the file that is done, and return the line."""
        self._progress = progress
        outcome = progress.latest
        if outcome.transcript and outcome.transcript.usage and not outcome.is_restored:
            self._billed += outcome.transcript.usage.duration
            self._tokens += outcome.transcript.usage.total_tokens
        return str(self)

    def __str__(self) -> str:
        if self._progress is None:
            return f"0/{self._files} files"
        notes = [
            f"{number} {what}"
            for number, what in (
                (self._progress.failed, "failed"),
                (self._progress.restored, "done before"),
            )
            if number
        ]
        files = f"{self._progress.done}/{self._files} files"
        parts = [f"{files} ({', '.join(notes)})" if notes else files]
        factor = self._progress.real_time_factor
        if factor is not None:
            parts += [f"{self._progress.audio:.0f} s of audio", f"real-time factor {factor:.2f}"]
        if self._billed:
            parts.append(f"{self._billed:.0f} s billed")
        if self._tokens:
            parts.append(f"{self._tokens} tokens billed")
        return ", ".join(parts)
