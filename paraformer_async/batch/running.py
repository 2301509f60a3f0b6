"""`Batch`: the transcription of many files, as its user sees it."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sized
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol, Self

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from paraformer_async._client.entering import Enterable
from paraformer_async._client.failing import as_failure, is_ours, undo_cancel
from paraformer_async._client.hub import Hub
from paraformer_async._client.iteration import OwningIterator
from paraformer_async._client.workers import Workers
from paraformer_async.batch.checkpoint import Checkpoint
from paraformer_async.batch.network import FILES_WITHOUT_CONNECTION, ConnectFailures
from paraformer_async.batch.outcomes import BatchOutcome, BatchProgress
from paraformer_async.batch.paths import AnyPath, Paths, paths_in, require_path
from paraformer_async.errors import BatchStoppedError, DeadlineError, InvalidOptionError, UsageError
from paraformer_async.options.checks import require_count, require_flag, require_function
from paraformer_async.results import RecognitionResult
from paraformer_async.transcript import Transcript

__all__ = ["Batch", "TranscribeFile"]

# Files that are begun before those before them were read, for each one that may run at once. In the
# order of the paths, a long file delays all outcomes after it, and more of them are kept.
_AHEAD, _AHEAD_IN_ORDER = 2, 8
# Seconds that closing may take beyond the time limit of a recognition.
_CANCELING = 2.0


class TranscribeFile(Protocol):
    """Transcribes one file."""

    def __call__(
        self, audio: AnyPath, /, *, on_result: Callable[[RecognitionResult], object] | None = None
    ) -> Awaitable[Transcript]:
        """Return its transcript; call *on_result* with each result."""
        ...


class Batch(Enterable):
    """
    The transcription of many files: an async iterator of outcomes, and an async context manager.

    Iterate over it; leaving the loop early ends it, and files that were begun are given up:

        async for outcome in recognizer.transcribe_many(paths):
            print(outcome.path, outcome.transcript or outcome.error)

    With `async with`, leaving the context ends it, and has waited until everything has ended:

        async with recognizer.transcribe_many(paths) as batch:
            async for outcome in batch:
                ...

    Memory is bounded, however many paths there are: a file is begun when one before it is done, and
    none is while twice `concurrency` outcomes are unread (eight times, in order).
    """

    def __init__(
        self,
        paths: Paths,
        transcribe: TranscribeFile,
        hub: Hub,
        *,
        concurrency: int,
        limit: int,
        ordered: bool,
        on_progress: Callable[[BatchProgress], object] | None,
        on_result: Callable[[AnyPath, RecognitionResult], object] | None,
        checkpoint: Checkpoint | None,
        skip_done: bool,
        close_timeout: float,
    ) -> None:
        require_count("concurrency", concurrency)
        require_flag("ordered", ordered)
        require_flag("skip_done", skip_done)
        if concurrency > limit:
            raise InvalidOptionError(
                "concurrency",
                f"{concurrency} files need as many connections, and {limit} are allowed",
                hint="see PoolLimits(connections=…)",
            )
        if on_progress is not None:
            require_function("on_progress", on_progress, "a BatchProgress")
        if on_result is not None:
            require_function("on_result", on_result, "a path and a result")
        self._transcribe = transcribe
        self._hub = hub
        self._on_progress = on_progress
        self._on_result = on_result
        self._checkpoint = checkpoint
        self._skip_done = skip_done
        self._close_timeout = close_timeout
        self._total = len(paths) if isinstance(paths, Sized) else None
        self._workers: Workers[AnyPath, BatchOutcome] = Workers(
            paths_in(paths),
            self._work,
            count=concurrency,
            ahead=concurrency * (_AHEAD_IN_ORDER if ordered else _AHEAD),
            ordered=ordered,
            during=checkpoint,
        )
        self._connect_failures = ConnectFailures()
        self._began_at = 0.0
        self._done = self._failed = self._restored = 0
        self._audio = 0.0
        self._is_begun = self._is_entered = False

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        if self._is_entered:
            raise UsageError(
                "this batch has been entered before", hint="call transcribe_many() again"
            )
        self._begin()
        self._is_entered = True
        try:
            yield self
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """
        End the batch now, and wait, in bounded time, until its tasks have ended.

        Raises:
            UsageError: This is another event loop.
        """
        self._hub.require_loop()
        self._workers.end(UsageError("the batch was closed before all files were done"))
        if self._is_begun:
            with anyio.move_on_after(self._close_timeout + _CANCELING, shield=True):
                await self._workers.wait()

    def __aiter__(self) -> AsyncIterator[BatchOutcome]:
        """Return an iterator over the outcomes."""
        self._begin()
        return OwningIterator(self._next, None if self._is_entered else self._workers, "batch")

    async def __anext__(self) -> BatchOutcome:
        """Return the next outcome; a batch that was not entered goes on until it is closed."""
        self._begin()
        return await self._workers.next()

    async def _next(self, iterator: object) -> BatchOutcome:
        try:
            return await self._workers.next()
        finally:
            # The iterator is kept alive while this waits, but not by the traceback of an error.
            del iterator

    def _begin(self) -> None:
        self._hub.require_loop()
        if not self._is_begun:
            self._hub.spawn(self._workers.run)
            self._is_begun = True
            self._began_at = time.monotonic()

    async def _work(self, path: AnyPath) -> BatchOutcome | None:
        """Return what has become of a file; `None` if it was done before, and is to be skipped."""
        checkpoint = self._checkpoint
        identity, before = await checkpoint.look_up(path) if checkpoint else (None, None)
        if before is not None:
            return self._restore(path, before)
        began = time.monotonic()
        transcript, error = await self._attempt(path)
        seconds = time.monotonic() - began
        outcome = BatchOutcome(path=path, transcript=transcript, error=error, seconds=seconds)
        if checkpoint and identity is not None and transcript is not None:
            try:
                await checkpoint.add(identity, seconds, transcript)
            except OSError as failure:
                self._workers.stop(failure)
        self._note(outcome)
        return outcome

    def _restore(self, path: AnyPath, transcript: Transcript) -> BatchOutcome | None:
        """Return the outcome of a file that an earlier run has done."""
        self._restored += 1
        if self._skip_done:
            self._done += 1
            return None
        outcome = BatchOutcome(path=path, transcript=transcript, is_restored=True)
        self._note(outcome)
        return outcome

    async def _attempt(self, path: AnyPath) -> tuple[Transcript | None, BaseException | None]:
        """Return the transcript of a file, or why there is none."""
        on_result = None if self._on_result is None else partial(self._on_result, path)
        try:
            require_path(path)
            return await self._transcribe_in_turn(path, on_result), None
        except BaseException as error:
            if is_ours(error):
                raise
            await checkpoint_if_cancelled()  # a failure because the batch has ended is no outcome
            undo_cancel(error)
            return None, as_failure(error, "a hook")

    async def _transcribe_in_turn(self, path: AnyPath, on_result: Any) -> Transcript:
        """
        Transcribe a file, however long it has to wait for the others of the batch.

        The longest wait of `PoolLimits` is for users who wait for a result. Here, what is waited
        for are other files; it is only too long if none of them gets on.
        """
        while True:
            submitted = self._hub.submitted
            try:
                return await self._transcribe(path, on_result=on_result)
            except DeadlineError as error:
                has_begun = error.phase not in ("pool", "quota") or error.request_ids
                if has_begun or self._hub.submitted == submitted:
                    raise

    def _note(self, outcome: BatchOutcome) -> None:
        """Count an outcome, report it, and stop the batch if there is no network."""
        self._done += 1
        self._failed += outcome.error is not None
        if outcome.transcript is not None and not outcome.is_restored:
            self._audio += outcome.transcript.duration
        if self._on_progress is not None:
            try:
                self._on_progress(self._progress(outcome))
            except BaseException as error:  # noqa: BLE001 - raised to the user
                self._workers.stop(as_failure(error, "on_progress"))
        if self._connect_failures.add(outcome):
            self._workers.end(self._stopped(outcome.error))

    def _progress(self, latest: BatchOutcome) -> BatchProgress:
        return BatchProgress(
            latest=latest,
            done=self._done,
            failed=self._failed,
            restored=self._restored,
            total=self._total,
            audio=self._audio,
            seconds=time.monotonic() - self._began_at,
        )

    def _stopped(self, reason: BaseException | None) -> BatchStoppedError:
        done = self._done - self._failed
        left = None if self._total is None else self._total - done
        stopped = BatchStoppedError(FILES_WITHOUT_CONNECTION, done, left)
        stopped.__cause__ = reason
        return stopped
