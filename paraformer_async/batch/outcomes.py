"""What has become of a file, and how far a batch is."""

from os import PathLike

from msgspec import Struct

from paraformer_async.transcript import Transcript

__all__ = ["BatchOutcome", "BatchProgress"]


class BatchOutcome(Struct, frozen=True, kw_only=True):
    """
    What has become of one file of a batch: a transcript or an error.

    Attributes:
        path: The file, as it was given.
        transcript: Its transcript; `None` if it failed.
        error: Why it failed; `None` if it did not. An exception of a hook of yours is unchanged.
        seconds: How long it took, waits for the quota and retries included; 0 if restored.
        is_restored: Whether the transcript is that of an earlier run, from the checkpoint.
    """

    path: str | PathLike[str]
    transcript: Transcript | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    is_restored: bool = False

    @property
    def real_time_factor(self) -> float | None:
        """`seconds` for each second of audio; `None` if it failed, was restored, or is empty."""
        if self.transcript is None or self.is_restored or not self.transcript.duration:
            return None
        return self.seconds / self.transcript.duration


class BatchProgress(Struct, frozen=True, kw_only=True):
    """
    How far a batch is when a file is done.

    Attributes:
        latest: What has become of that file.
        done: Files that are done, failed and restored ones included.
        failed: Those that failed.
        restored: Those whose transcripts are those of an earlier run.
        total: Files in all; `None` if the paths come from an iterator, which has no length.
        audio: Seconds of audio that were transcribed in this run.
        seconds: Seconds since the batch began.
    """

    latest: BatchOutcome
    done: int
    failed: int = 0
    restored: int = 0
    total: int | None = None
    audio: float = 0.0
    seconds: float = 0.0

    @property
    def real_time_factor(self) -> float | None:
        """`seconds` for each second of `audio`; `None` if there was none."""
        return self.seconds / self.audio if self.audio else None
