"""`RecognitionStream`: one recognition, as its user sees it."""

from __future__ import annotations  # `help()` shows the names of types

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self, Unpack

import anyio

from paraformer_async import results
from paraformer_async._client.entering import Enterable
from paraformer_async._client.hub import Hub
from paraformer_async._client.iteration import OwningIterator
from paraformer_async._client.merged import MergedRun
from paraformer_async._client.run import Run
from paraformer_async.audio.source import Chunk
from paraformer_async.errors import UsageError
from paraformer_async.options.options import Overrides
from paraformer_async.results import Overhead, RecognitionResult, Usage

__all__ = ["RecognitionStream"]

# Seconds that closing a stream may take beyond `Timeouts.close`, to cancel its tasks.
_CANCELING = 1.0


class RecognitionStream(Enterable):
    """
    One recognition: an async iterator of results, and an async context manager.

    With a source, iterate over it; leaving the loop early ends the recognition:

        async for result in recognizer.stream(microphone()):
            print(result.text)

    Without a source, send the audio, usually in another task than the one that iterates:

        async with recognizer.stream() as stream:
            await stream.send(frame)     # as often as there is audio
            await stream.finish()        # no more audio; results continue
            async for result in stream:
                print(result.text)

    Unread partial results are replaced by newer ones; every final result is kept. With 20,000 of
    them unread, which takes a night of speech, `send` and sources wait until they are read. A
    failure is raised by the loop, by `send` and the other methods, or at the latest on leaving the
    `async with`. `flush` and `update` divide a stream into several tasks.
    Leaving takes bounded time, even if the service does not respond. The methods must be called in
    the event loop of the recognizer, by any number of tasks.
    """

    def __init__(self, run: Run | MergedRun, hub: Hub) -> None:
        self._run = run
        self._hub = hub
        self._is_begun = False
        self._is_entered = False
        self._is_seen = False

    @property
    def request_id(self) -> str:
        """Id of the current task (of several channels, of the last one), set from the beginning."""
        return self._run.request_ids[-1]

    @property
    def request_ids(self) -> tuple[str, ...]:
        """
        Ids of all tasks, the current one last; quote them to the service's support.

        A reconnection or `flush` begins a new one. Those of several channels follow each other,
        channel by channel.
        """
        return self._run.request_ids

    @property
    def latency(self) -> results.Latency:
        """
        Latencies in seconds: of connecting, of the first and last packet, of utterances.

        Of several channels: to the first result of any, to the last of all, and of the slowest in
        all else; `utterances` has those of all, channel by channel.
        """
        return self._run.latency

    @property
    def usage(self) -> Usage | None:
        """What the service bills so far for all tasks and channels; `None` until it is reported."""
        return self._run.usage

    @property
    def overhead(self) -> Overhead:
        """Audio that was sent, and is billed, in addition to your own: repetitions and silence."""
        return self._run.overhead

    # The same as that of the mixin, which declares it as final. Only jedi needs it: it completes
    # `async with … as` by a class that is named here, and does not know `Self`.
    async def __aenter__(self) -> RecognitionStream:  # type: ignore[misc]  # noqa: PYI034
        return await super().__aenter__()

    @asynccontextmanager
    async def __asynccontextmanager__(self) -> AsyncGenerator[Self, None]:
        if self._is_entered:
            raise UsageError(
                "this stream has been entered before", hint="each recognition needs a new stream()"
            )
        self._begin()
        self._is_entered = True
        try:
            yield self
        finally:
            had_failed = self._run.failure
            await self.aclose()
        if had_failed and not self._is_seen:
            raise had_failed

    async def send(self, audio: Chunk) -> None:
        """
        Send audio. Wait while the buffer is full (`buffer` seconds): the service sets the pace.

        Calls are served in order. Cancellation is safe: either all of the audio is sent, or none.

        Args:
            audio: Any number of bytes, in the stream's format; PCM is s16le mono, or bytes of
                `encoding`.

        Raises:
            InvalidOptionError: *audio* is no buffer of bytes or samples; nothing is sent.
            UsageError: The stream was not entered, has a source, or was finished; or this is
                another event loop.
            ParaformerError: The recognition has failed.
        """
        self._require_push()
        chunk = self._run.sender.take(audio)
        self._raise_failure()
        try:
            await self._run.sender.send(chunk)
        except UsageError as error:
            raise self._seen_failure() or error from None
        self._raise_failure()

    async def finish(self) -> None:
        """
        Mark the end of the audio, after all earlier calls of `send`. May be called twice.

        It does not wait for results; they continue until the service has sent the last.
        Cancellation is safe: the end is marked, or not.

        Raises:
            UsageError: The stream was not entered, or has a source.
            ParaformerError: The recognition has failed.
        """
        self._require_push()
        self._raise_failure()
        await self._in_turn(self._run.sender.finish())

    async def flush(self) -> None:
        """
        End the utterance here: the audio so far is recognized to the end, and the stream continues.

        The task is finished, and the next one begins on the same connection; meanwhile, further
        audio is buffered. Times are continuous. It does not wait for results. Cancellation is safe:
        either the utterance ends here, or nothing has changed.

        Raises:
            UsageError: The stream was not entered, has a source, or was finished.
            ParaformerError: The recognition has failed.
        """
        self._require_push()
        self._raise_failure()
        await self._in_turn(self._run.sender.flush_task())

    async def update(self, **overrides: Unpack[Overrides]) -> None:
        """
        Use other options for all further audio.

        Earlier audio is recognized to the end with the earlier options; see `flush`. An update of
        only `context` or `input` is different: it applies to the running task, and ends nothing,
        unless it is `None` or empty.

        A task that replaces this one after a lost connection begins with the newest options.
        Cancellation is safe: either the options apply from here on, or nothing has changed.

        Args:
            overrides: Options of the task: the model and its parameters, but not the format and the
                sample rate.

        Raises:
            InvalidOptionError: An option cannot work, or cannot change within a stream.
            UsageError: The stream was not entered, has a source, or was finished.
            ParaformerError: The recognition has failed.
        """
        self._require_push()
        self._raise_failure()
        await self._in_turn(self._run.sender.update(overrides))

    async def aclose(self) -> None:
        """
        End the recognition now, and wait, in bounded time, until its tasks have ended.

        Raises:
            UsageError: This is another event loop.
        """
        self._hub.require_loop()
        self._run.end(UsageError("the stream was closed before the recognition was done"))
        if self._is_begun:
            with anyio.move_on_after(self._run.close_timeout + _CANCELING, shield=True):
                await self._run.wait()

    def __aiter__(self) -> AsyncIterator[RecognitionResult]:
        """Return an iterator over the results. Raises `UsageError` if it cannot work."""
        self._begin_to_iterate()
        return OwningIterator(self._next, None if self._is_entered else self._run, "stream")

    async def __anext__(self) -> RecognitionResult:
        """Return the next result; a stream that was not entered goes on until it is closed."""
        self._begin_to_iterate()
        return await self._next(None)

    async def _next(self, iterator: object) -> RecognitionResult:
        inbox = self._run.inbox
        try:
            while not inbox.results:
                if inbox.is_ended:
                    self._raise_failure()
                    raise StopAsyncIteration
                await inbox.changed.wait()
            return inbox.take()
        finally:
            # The iterator is kept alive while this waits, but not by the traceback of an error.
            del iterator

    def _begin_to_iterate(self) -> None:
        self._hub.require_loop()
        if not self._run.has_source and not self._is_entered:
            raise UsageError(
                "this stream has no source, and was not entered to send audio to it",
                hint="stream(audio), or: async with recognizer.stream() as stream: …",
            )
        self._begin()

    def _begin(self) -> None:
        if not self._is_begun:
            self._hub.spawn(self._run.run)
            self._is_begun = True

    def _require_push(self) -> None:
        self._hub.require_loop()
        if self._run.has_source:
            raise UsageError("this stream has a source; its audio comes from there")
        if not self._is_begun:
            raise UsageError(
                "the stream is not open", hint="async with recognizer.stream() as stream: …"
            )

    async def _in_turn(self, call: Coroutine[Any, Any, None]) -> None:
        """Await a call that may have to wait; if the recognition fails meanwhile, raise that."""
        try:
            await call
        except UsageError as error:
            raise self._seen_failure() or error from None
        self._raise_failure()

    def _raise_failure(self) -> None:
        if failure := self._seen_failure():
            raise failure

    def _seen_failure(self) -> BaseException | None:
        """Return the failure, if any, and note that it is raised to the user."""
        failure = self._run.failure
        self._is_seen = self._is_seen or failure is not None
        return failure
